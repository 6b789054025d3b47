#include "timed_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

static uint64_t random_span(void) {
    return random_below(3) == 0 ? BB_NEVER : random_below((uint64_t)1 << random_below(20));
}

static void random_operation(pair *self) {
    const uintptr_t key = 1 + random_below(MODEL_KEYS - 1);
    switch (random_below(14)) {
    case 0:
        pair_delete(self, key);
        break;
    case 1:
        if (random_below(20) == 0) {
            pair_trim(self, random_below(self->lru.budget.total + 1));
        }
        break;
    case 2:
        if (random_below(10) == 0) {
            pair_copy(self);
        }
        break;
    case 3:
        pair_pin(self, key);
        break;
    case 4:
    case 5:
        for (int more = 0; more < 8; more++) {
            pair_unpin(self, 1 + random_below(MODEL_KEYS - 1));
        }
        break;
    case 6:
        self->now += random_below((uint64_t)1 << random_below(14));
        pair_expire(self, (uint32_t)random_below(3) * 5);
        break;
    case 7:
    case 8:
        pair_get(self, key);
        break;
    default:
        (void)pair_put_for(self, key, random_below(60), random_span(),
                           random_below(2) ? random_span() : BB_NEVER);
    }
}

static void follows_the_model_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {2000, 5000, 15000, BB_UNLIMITED};
    for (int kind = 0; kind < 32; kind++) {
        pair self;
        pair_open(&self, limits[kind % 4], limits[kind / 4 % 4], kind & 16 ? 17 : UINT32_MAX,
                  kind % 3 != 0);
        for (int step = 0; step < 2000; step++) {
            random_operation(&self);
            check_same(&self);
            check_pinned(&self);
        }
        pair_close(&self);
    }
}

static void fill(pair *self, uintptr_t last, uint64_t charge) {
    for (uintptr_t key = 1; key <= last; key++) {
        CHECK(pair_put(self, key, charge) == BB_OK);
    }
}

/* The first entry with a time makes room for its column like for anything else. */
static void times_come_to_a_full_structure(void) {
    pair self;
    pair_open(&self, 9000, BB_UNLIMITED, UINT32_MAX, true);
    fill(&self, 190, 10);
    const uint32_t count = self.lru.count;
    CHECK(pair_put_for(&self, 199, 10, 100, BB_NEVER) == BB_OK);
    check_same(&self);
    CHECK(self.lru.count < count && self.lru.count > count / 2);
    CHECK(pair_put_for(&self, 198, 10, 100, 50) == BB_OK);
    check_same(&self);
    pair_clear(&self);
    CHECK(self.lru.overhead == 0 && self.ledger.blocks == 0);
    pair_close(&self);
}

static void what_has_expired_goes_before_what_has_not(void) {
    pair self;
    pair_open(&self, 22000, BB_UNLIMITED, UINT32_MAX, true);
    fill(&self, 20, 100);
    for (uintptr_t key = 21; key < 100; key++) {
        CHECK(pair_put_for(&self, key, 100, 10, BB_NEVER) == BB_OK);
    }
    self.now = 10;
    CHECK(self.lru.counters.left[BB_SIZE] == 0);
    CHECK(pair_put_for(&self, 150, 9000, 10, BB_NEVER) == BB_OK);
    CHECK(self.lru.counters.left[BB_SIZE] == 0);
    check_same(&self);
    pair_close(&self);
}

static void a_write_takes_out_a_few(void) {
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, true);
    for (uintptr_t key = 1; key <= 100; key++) {
        CHECK(pair_put_for(&self, key, 1, 1000, BB_NEVER) == BB_OK);
    }
    self.now = 1000;
    uint32_t writes = 0;
    while (self.lru.counters.left[BB_EXPIRED] < 100) {
        CHECK(pair_put_for(&self, 101 + writes % 2, 1, BB_NEVER, BB_NEVER) == BB_OK);
        CHECK(self.lru.counters.left[BB_EXPIRED] <= 4 * ++writes);
        CHECK(writes < 40);
        check_same(&self);
    }
    pair_close(&self);
}

/* With everything pinned, nothing enters; and what is refused changes nothing. */
static void pins_hold_against_everything(void) {
    pair self;
    pair_open(&self, 9000, BB_UNLIMITED, UINT32_MAX, true);
    fill(&self, 60, 30);
    for (uintptr_t key = 1; key <= 60; key++) {
        pair_pin(&self, key);
        pair_pin(&self, key);
    }
    CHECK(self.lru.count == 60);
    CHECK(pair_put(&self, 100, 8000) == BB_PINNED);
    CHECK(pair_put(&self, 5, 1) == BB_PINNED);
    pair_limit(&self, 3000, UINT32_MAX);
    pair_limit(&self, 9000, 59);
    CHECK(self.lru.max_count == UINT32_MAX && self.lru.budget.limit == 9000);
    pair_trim(&self, 0);
    CHECK(self.lru.count == 60);
    for (uintptr_t key = 1; key <= 60; key++) {
        pair_unpin(&self, key);
        check_same(&self);
    }
    CHECK(self.lru.pins.count == 60);
    for (uintptr_t key = 1; key <= 60; key++) {
        pair_unpin(&self, key);
        check_same(&self);
        check_pinned(&self);
    }
    CHECK(self.lru.pins.bits == 0);
    CHECK(pair_put(&self, 100, 8000) == BB_OK);
    check_same(&self);
    pair_close(&self);
}

/* A pin keeps an entry beyond its time, which is up as soon as it ends. */
static void pins_suspend_times(void) {
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, true);
    CHECK(pair_put_for(&self, 1, 1, 10, BB_NEVER) == BB_OK);
    pair_pin(&self, 1);
    self.now = 20;
    pair_expire(&self, 5);
    CHECK(self.lru.count == 1);
    pair_unpin(&self, 1);
    pair_expire(&self, 5);
    CHECK(self.lru.count == 0);
    pair_close(&self);
}

/* Without room for its own memory, a pin is refused, and changes nothing. */
static void a_pin_takes_room_or_is_refused(void) {
    uint32_t refused = 0;
    uint32_t done = 0;
    for (uint64_t limit = 100; limit < 400; limit++) {
        pair self;
        pair_open(&self, limit, limit % 3 ? BB_UNLIMITED : 300, UINT32_MAX, true);
        for (uintptr_t key = 1; key <= 1 + limit % 2; key++) {
            (void)pair_put(&self, key, 10);
        }
        if (find(&self.lru, 1) != 0) {
            pair_pin(&self, 1);
            done += self.lru.pins.count == 1;
            refused += self.lru.pins.count == 0;
            CHECK(find(&self.lru, 1) != 0);
        }
        check_same(&self);
        check_pinned(&self);
        pair_close(&self);
    }
    CHECK(refused > 20 && done > 20);
}

/* The column of times evicts others before it is refused, and never the entry that it is for. */
static void times_take_room_beside_an_entry(void) {
    uint32_t refused = 0;
    uint32_t done = 0;
    for (uint64_t limit = 500; limit < 2500; limit += 7) {
        pair self;
        pair_open(&self, limit, limit % 3 ? BB_UNLIMITED : 2000, UINT32_MAX, true);
        for (uintptr_t key = 1; key <= 10; key++) {
            (void)pair_put(&self, key, 60);
        }
        const uintptr_t oldest = self.model.entries[0].key;
        self.now = 1; /* so that the one that is there stays */
        const bb_status status = pair_put_for(&self, oldest, 60, 10, BB_NEVER);
        done += status == BB_OK;
        refused += status == BB_TOO_LARGE || status == BB_OVER_BUDGET;
        CHECK(done + refused != 0 && find(&self.lru, oldest) != 0);
        check_same(&self);
        pair_close(&self);
    }
    CHECK(refused > 20 && done > 20);
}

/* A snapshot at an instant when something is over, pinned, or both. */
static void snapshots_leave_out_what_is_over(void) {
    for (int64_t n = -1; n < 9; n++) {
        pair self;
        pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, true);
        for (uintptr_t key = 1; key <= 60; key++) {
            CHECK(pair_put_for(&self, key, 1, key % 3 ? 10 : BB_NEVER, BB_NEVER) == BB_OK);
            if (key % 4 == 0) {
                pair_pin(&self, key);
            }
        }
        self.now = 20;
        self.ledger.fail_in = n;
        pair_snapshot(&self);
        self.ledger.fail_in = -1;
        check_same(&self);
        pair_close(&self);
    }
}

/* The same story with the n-th allocation failing, for every n. */
static void survives_every_failing_allocation(void) {
    for (int64_t n = 0;; n++) {
        pair self;
        pair_open(&self, 20000, BB_UNLIMITED, UINT32_MAX, true);
        self.ledger.fail_in = n;
        for (uintptr_t key = 1; key < 190; key++) {
            const uint64_t total = self.lru.budget.total;
            const uint32_t expired = (uint32_t)self.lru.counters.left[BB_EXPIRED];
            self.now = key * 10;
            const bb_status status = key < 40 ? pair_put(&self, key, key % 50)
                                              : pair_put_for(&self, key, key % 50, 300 + key % 7,
                                                             key < 90 ? BB_NEVER : 200);
            CHECK(status == BB_OK || status == BB_NO_MEMORY);
            if (status == BB_NO_MEMORY && self.lru.counters.left[BB_EXPIRED] == expired) {
                CHECK(self.lru.budget.total == total);
            }
            if (key % 3 == 0) {
                pair_pin(&self, key);
            }
            check_same(&self);
        }
        const bool failed = self.ledger.fail_in < 0;
        self.ledger.fail_in = -1;
        pair_close(&self);
        if (!failed) {
            CHECK(n > 20);
            return;
        }
    }
}

/* Expiry and moving entries about leave cursors as they are. */
static void cursors_go_on(void) {
    for (int kind = 0; kind < 4; kind++) {
        pair self;
        bb_lru_cursor cursor;
        uint32_t index;
        pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, true);
        for (uintptr_t key = 1; key < 180; key++) {
            CHECK(pair_put_for(&self, key, 1, key % 5 ? 10 : BB_NEVER, BB_NEVER) == BB_OK);
        }
        bb_lru_cursor_open(&self.lru, &cursor, kind & 1);
        CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_OK && index != 0);
        if (kind & 2) {
            pair_get(&self, 100);
            pair_get(&self, 7);
        }
        self.now = 10;
        pair_expire(&self, 3);
        CHECK(self.lru.count == 35 && self.lru.capacity < 140);
        for (uintptr_t at = 5; at < 180; at += 5) {
            CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_OK && index != 0);
            CHECK((uintptr_t)self.lru.entries[index].key == (kind & 1 ? 180 - at : at));
        }
        CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_OK && index == 0);
        bb_lru_cursor_close(&self.lru, &cursor);
        pair_close(&self);
    }
}

int main(void) {
    follows_the_model_under_every_kind_of_bound();
    times_come_to_a_full_structure();
    what_has_expired_goes_before_what_has_not();
    a_write_takes_out_a_few();
    pins_hold_against_everything();
    pins_suspend_times();
    a_pin_takes_room_or_is_refused();
    times_take_room_beside_an_entry();
    snapshots_leave_out_what_is_over();
    survives_every_failing_allocation();
    cursors_go_on();
    return 0;
}
