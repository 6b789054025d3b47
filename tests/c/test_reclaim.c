/* Several structures under one budget evict as a single one over all entries would. */
#include <string.h>

#include "bytebound/lru.h"
#include "bytebound/ring.h"
#include "check.h"

enum { MEMBERS = 3, KEYS = 60, ENTRY = 10, ROOM = 20 };

typedef struct crew {
    bb_budget root;
    bb_budget inner;
    bb_lru members[MEMBERS];
    ledger ledger;
    uintptr_t order[ROOM]; /* all keys, the one used longest ago first */
    uint32_t count;
} crew;

static uint32_t random_below(uint32_t limit) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state % limit);
}

static uint32_t find(const bb_lru *self, uintptr_t key) {
    bb_lru_probe probe;
    uint32_t index = bb_lru_first(self, key, &probe);
    while (index != 0 && (uintptr_t)self->entries[index].key != key) {
        index = bb_lru_next(self, &probe);
    }
    return index;
}

static void crew_open(crew *self) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = -1;
    bb_budget_init(&self->root, ROOM * ENTRY, NULL, true);
    bb_budget_init(&self->inner, BB_UNLIMITED, &self->root, true);
    for (int i = 0; i < MEMBERS; i++) {
        bb_lru_init(&self->members[i], ledger_allocator(&self->ledger), BB_UNLIMITED, UINT32_MAX,
                    false, i == 0 ? &self->root : &self->inner);
        self->members[i].yields_until = 0;
    }
}

static void crew_close(crew *self) {
    for (int i = 0; i < MEMBERS; i++) {
        bb_lru taken;
        bb_lru_take_all(&self->members[i], &taken);
        bb_lru_discard(&taken);
        bb_lru_close(&self->members[i]);
    }
    CHECK(self->root.total == 0 && self->ledger.bytes == 0);
}

static void expect_gone(crew *self, const bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        CHECK(batch->items[i].reason == BB_BUDGET);
        CHECK((uintptr_t)batch->items[i].key == self->order[0]);
        memmove(self->order, self->order + 1, --self->count * sizeof(uintptr_t));
    }
}

/* What a binding does when a budget above has no room. */
static void reclaim(crew *self, uint64_t need) {
    bb_lru *chosen = NULL;
    uint64_t least = 0;
    for (int i = 0; i < MEMBERS; i++) {
        uint64_t use, releasable;
        if (bb_lru_nominee(&self->members[i], &use, &releasable) &&
            (chosen == NULL || use < least)) {
            CHECK(releasable == ENTRY);
            chosen = &self->members[i];
            least = use;
        }
    }
    CHECK(chosen != NULL);
    bb_batch batch;
    bb_batch_init(&batch);
    CHECK(bb_lru_reclaim(chosen, need, least, ENTRY - 1, &batch) == 0);
    CHECK(least == 0 || bb_lru_reclaim(chosen, need, least - 1, ENTRY, &batch) == 0);
    CHECK(bb_lru_reclaim(chosen, need, least, BB_UNLIMITED, &batch) == ENTRY);
    CHECK(batch.count == 1);
    expect_gone(self, &batch);
    bb_batch_free(&batch, &chosen->allocator);
}

static void use(crew *self, uintptr_t key) {
    bb_lru *member = &self->members[key % MEMBERS];
    uint32_t index = find(member, key);
    if (index != 0) {
        uint32_t at = 0;
        while (self->order[at] != key) {
            at++;
        }
        memmove(self->order + at, self->order + at + 1, (--self->count - at) * sizeof(uintptr_t));
    }
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    void *old;
    /* Replacing charges too, so the clock tells any two uses apart. */
    while (index != 0 ? bb_lru_replace(member, index, &old, ENTRY, &batch, &refusal, &old) != BB_OK
                      : bb_lru_insert(member, (void *)key, &old, key, ENTRY, &batch, &refusal)) {
        CHECK(refusal.level == &self->root && batch.count == 0);
        reclaim(self, refusal.requested);
    }
    CHECK(batch.count == 0);
    self->order[self->count++] = key;
}

static void the_oldest_of_all_leaves(void) {
    crew self;
    crew_open(&self);
    for (int step = 0; step < 20000; step++) {
        use(&self, 1 + random_below(step % 1000 < 500 ? KEYS : ROOM + 4));
        CHECK(self.root.total == (uint64_t)self.count * ENTRY);
        for (int i = 0; step % 16 == 0 && i < MEMBERS; i++) {
            CHECK_VALID(bb_lru_validate, &self.members[i]);
        }
    }
    crew_close(&self);
}

/* Entries that may leave for the budget do so in the same step, younger ones never. */
static void only_what_yields_leaves_by_itself(void) {
    crew self;
    crew_open(&self);
    bb_lru *member = &self.members[1];
    for (uintptr_t key = 1; key <= ROOM; key++) {
        self.members[1].yields_until = UINT64_MAX;
        bb_batch batch;
        bb_refusal refusal;
        bb_batch_init(&batch);
        CHECK(bb_lru_insert(member, (void *)key, member, key, ENTRY, &batch, &refusal) == BB_OK);
    }
    uint64_t first, releasable;
    CHECK(bb_lru_nominee(member, &first, &releasable));
    member->yields_until = first + 1;
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    const bb_status three =
        bb_lru_insert(member, (void *)100, member, 100, 3 * ENTRY, &batch, &refusal);
    CHECK(three == BB_OVER_BUDGET && batch.count == 0 && member->count == ROOM);
    CHECK(refusal.requested >= ENTRY && refusal.requested <= 3 * ENTRY);
    CHECK(bb_lru_insert(member, (void *)100, member, 100, 2 * ENTRY, &batch, &refusal) == BB_OK);
    CHECK(batch.count == 2 && (uintptr_t)batch.items[0].key == 1);
    bb_batch_free(&batch, &member->allocator);
    CHECK_VALID(bb_lru_validate, member);
    crew_close(&self);
}

static void append(bb_ring *rings, int to, bb_budget *root) {
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    while (bb_ring_append(&rings[to], BB_RIGHT, root, 1000, &batch, &refusal) != BB_OK) {
        uint64_t uses[2];
        uint64_t releasable;
        CHECK(refusal.level == root && batch.count == 0);
        for (int i = 0; i < 2; i++) {
            if (!bb_ring_nominee(&rings[i], &uses[i], &releasable)) {
                uses[i] = UINT64_MAX;
            }
        }
        bb_ring *chosen = &rings[uses[1] < uses[0]];
        const bool was_empty = chosen->count == 0; /* then it gives its slots */
        const uint64_t gives = was_empty ? 1 : 1000;
        CHECK(bb_ring_reclaim(chosen, refusal.requested, UINT64_MAX, gives - 1, &batch) == 0);
        CHECK(bb_ring_reclaim(chosen, 1, UINT64_MAX, BB_UNLIMITED, &batch) >= gives);
        CHECK(batch.count == !was_empty && (was_empty || batch.items[0].reason == BB_BUDGET));
        bb_batch_free(&batch, &chosen->allocator);
        bb_batch_init(&batch);
    }
    CHECK(batch.count == 0);
}

/* Of rings, the time of the oldest is known to a part of their length. */
static void the_older_items_of_rings_leave(void) {
    bb_budget root;
    bb_ring rings[2];
    ledger ledger = {0, 0, -1};
    bb_budget_init(&root, 420 * 1000, NULL, true);
    for (int i = 0; i < 2; i++) {
        bb_ring_init(&rings[i], ledger_allocator(&ledger), BB_UNLIMITED, UINT32_MAX, &root);
        rings[i].yields_until = 0;
    }
    for (int i = 0; i < 800; i++) {
        append(rings, i % 2, &root);
    }
    CHECK(rings[0].count > 180 && rings[1].count > 180);
    for (int i = 0; i < 200; i++) {
        append(rings, 0, &root);
    }
    CHECK(rings[1].count > 60 && rings[1].count < 140);
    for (int i = 0; i < 300; i++) {
        append(rings, 0, &root);
    }
    CHECK(rings[1].count == 0 && rings[0].count > 380);
    for (int i = 0; i < 2; i++) {
        CHECK_VALID(bb_ring_validate, &rings[i]);
        bb_ring taken;
        bb_ring_take_all(&rings[i], &taken);
        bb_ring_discard(&taken);
        bb_ring_close(&rings[i]);
    }
    CHECK(root.total == 0 && ledger.bytes == 0);
}

int main(void) {
    the_older_items_of_rings_leave();
    the_oldest_of_all_leaves();
    only_what_yields_leaves_by_itself();
    return 0;
}
