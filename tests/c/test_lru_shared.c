#include "shared_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

/* Some parts, few of them mostly, and often the same. */
static uint64_t random_parts(void) {
    const uint64_t block = UINT64_C(255) << 8 * random_below(8);
    switch (random_below(4)) {
    case 0:
        return block;
    case 1:
        return block & random_below(UINT64_MAX);
    case 2:
        return random_below(UINT64_MAX) & random_below(UINT64_MAX) & random_below(UINT64_MAX);
    default:
        return random_below(3) == 0 ? 0 : UINT64_C(1) << random_below(64);
    }
}

static void random_operation(pair *self) {
    const uintptr_t key = 1 + random_below(KEYS - 1);
    switch (random_below(12)) {
    case 0:
        pair_delete(self, key);
        break;
    case 1:
        if (random_below(20) == 0) {
            pair_trim(self, random_below(self->lru.budget.total + 1));
        }
        break;
    case 2:
        if (random_below(100) == 0) {
            pair_clear(self);
        }
        break;
    case 3:
    case 4:
        pair_get(self, key);
        break;
    case 5:
        pair_recharge(self, key, random_parts(), random_below(4));
        break;
    case 6:
        CHECK(pair_copy(self, -1) == BB_OK);
        break;
    default: {
        const uint64_t charge = random_below(4) == 0 ? random_below(600) : 0;
        (void)pair_put(self, key, charge, random_parts(), random_below(4));
    }
    }
}

static void follows_the_model_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {700, 2000, 6000, BB_UNLIMITED};
    for (int kind = 0; kind < 32; kind++) {
        pair self;
        pair_open(&self, limits[kind % 4], limits[kind / 4 % 4], kind & 16 ? 9 : UINT32_MAX,
                  kind % 3 != 0);
        for (int step = 0; step < 3000; step++) {
            random_operation(&self);
            check_same(&self);
        }
        pair_close(&self);
    }
}

/* Every operation with its n-th allocation failing, from the same states. */
static void survives_every_failing_allocation(void) {
    uint64_t failures = 0;
    for (int round = 0; round < 400; round++) {
        pair self;
        pair_open(&self, 5000, BB_UNLIMITED, UINT32_MAX, true);
        for (int64_t n = 0; n < 8; n++) {
            self.ledger.fail_in = -1;
            for (uint64_t left = random_below(12); left != 0; left--) {
                (void)pair_put(&self, 1 + random_below(KEYS - 1), random_below(2) * 50,
                               random_parts(), random_below(3));
            }
            if (random_below(10) == 0) {
                pair_clear(&self);
            }
            const uint64_t charged = self.lru.budget.total;
            self.ledger.fail_in = n / 2;
            const bb_status status =
                pair_put(&self, 1 + random_below(KEYS - 1), 0, random_parts(), random_below(3));
            failures += status == BB_NO_MEMORY;
            CHECK(status == BB_OK || self.lru.budget.total == charged);
            check_same(&self);
            self.ledger.fail_in = 0;
            pair_limit(&self, 5000 - 100 * (uint64_t)n, UINT32_MAX);
            self.ledger.fail_in = -1;
            check_same(&self);
        }
        int64_t n = 0;
        while (pair_copy(&self, n) != BB_OK) {
            n++;
        }
        CHECK(n >= self.lru.count);
        pair_close(&self);
    }
    CHECK(failures > 100);
}

/* The snapshot of 41 KB that 188 entries share is charged once, until the last one leaves. */
static void what_all_share_is_charged_once(void) {
    enum { ENTRIES = 188 };
    ledger ledger = {0, 0, -1}, scratch = {0, 0, -1};
    bb_lru lru;
    bb_batch batch;
    bb_refusal refusal;
    bb_lru_init(&lru, ledger_allocator(&ledger), 100000, UINT32_MAX, true, NULL);
    bb_lru_share(&lru);
    for (uintptr_t key = 1; key <= ENTRIES; key++) {
        bb_found found;
        bb_found_init(&found, ledger_allocator(&scratch));
        CHECK(bb_found_add(&found, 16, 41000) && bb_found_add(&found, 16 + 16 * key, 100));
        bb_batch_init(&batch);
        CHECK(bb_lru_insert_shared(&lru, (void *)key, NULL, key, 0, &found, &batch, &refusal) ==
              BB_OK);
        CHECK(batch.count == 0 && lru.payload == 41000 + 100 * key);
        bb_found_free(&found);
    }
    for (uintptr_t gone = 1; gone <= ENTRIES; gone++) {
        bb_removed removed;
        CHECK(lru.payload == 41000 + 100 * (ENTRIES + 1 - gone));
        bb_lru_remove(&lru, gone % 2 ? bb_lru_oldest(&lru) : bb_lru_newest(&lru), BB_DELETED,
                      &removed);
        CHECK(removed.charge == (gone < ENTRIES ? 100 : 41100));
        CHECK_VALID(bb_lru_validate, &lru);
    }
    CHECK(lru.payload == 0);
    bb_batch_init(&batch);
    CHECK(bb_lru_trim(&lru, 0, BB_TRIMMED, &batch) && ledger.bytes == 0 && scratch.bytes == 0);
    bb_lru_close(&lru);
}

/* An entry that could fit alone is taken, whatever was there before; one byte more is not. */
static void what_fits_alone_always_fits(void) {
    for (uint32_t before = 0; before < 30; before++) {
        pair self;
        pair_open(&self, 6000, BB_UNLIMITED, UINT32_MAX, true);
        for (uint32_t key = 1; key <= before; key++) {
            CHECK(pair_put(&self, key, 1, UINT64_C(0xF0F) << key, 2) == BB_OK);
        }
        const uint64_t parts = UINT64_C(0xFF0000FF0);
        bb_found found;
        find_parts(&self, parts, 2, &found);
        const uint64_t largest =
            6000 - bb_lru_shared_overhead_for(&self.lru, found.count) - found.nbytes;
        bb_found_free(&found);
        const uint32_t count = self.lru.count;
        CHECK(pair_put(&self, 39, largest + 1, parts, 2) == BB_TOO_LARGE);
        CHECK(self.lru.count == count);
        CHECK(pair_put(&self, 39, largest, parts, 2) == BB_OK);
        check_same(&self);
        CHECK(self.lru.count == 1 && self.lru.budget.total == 6000);
        CHECK(pair_put(&self, 39, largest - 1, parts, 2) == BB_OK);
        check_same(&self);
        pair_close(&self);
    }
}

/* Near the bound the table of parts is not rebuilt for each entry. */
static void a_full_structure_stays_as_large(void) {
    pair self;
    uint64_t changes = 0;
    pair_open(&self, 20000, BB_UNLIMITED, UINT32_MAX, true);
    for (uint64_t step = 0; step < 3000; step++) {
        const size_t capacity = self.lru.sharing != NULL ? self.lru.sharing->parts.capacity : 0;
        const uint64_t parts = UINT64_C(0xFFF) << step * 7 % 50;
        CHECK(pair_put(&self, 1 + step % (KEYS - 1), 500, parts, 1) == BB_OK);
        changes += capacity != self.lru.sharing->parts.capacity;
    }
    check_same(&self);
    CHECK(self.lru.count < KEYS - 1 && changes < 30);
    pair_close(&self);
}

int main(void) {
    follows_the_model_under_every_kind_of_bound();
    survives_every_failing_allocation();
    what_all_share_is_charged_once();
    what_fits_alone_always_fits();
    a_full_structure_stays_as_large();
    return 0;
}
