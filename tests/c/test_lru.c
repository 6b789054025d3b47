#include "lru_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

static void random_operation(pair *self) {
    const uintptr_t key = 1 + random_below(MODEL_KEYS - 1);
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
    case 5:
        pair_get(self, key);
        break;
    default: {
        const bb_status status = pair_put(self, key, random_below(random_below(8) ? 60 : 3000));
        CHECK(status == BB_OK || status == BB_TOO_LARGE || status == BB_OVER_BUDGET);
    }
    }
}

static void follows_the_model_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {300, 2000, 9000, BB_UNLIMITED};
    for (int kind = 0; kind < 32; kind++) {
        pair self;
        pair_open(&self, limits[kind % 4], limits[kind / 4 % 4], kind & 16 ? 17 : UINT32_MAX,
                  kind % 3 != 0);
        for (int step = 0; step < 3000; step++) {
            random_operation(&self);
            check_same(&self);
        }
        pair_close(&self);
    }
}

/* An entry that could fit alone is taken, whatever was there before. */
static void what_fits_alone_always_fits(void) {
    for (uint32_t before = 0; before < 150; before++) {
        for (int charge_overhead = 0; charge_overhead <= 1; charge_overhead++) {
            pair self;
            pair_open(&self, 9000, BB_UNLIMITED, UINT32_MAX, charge_overhead);
            for (uint32_t key = 1; key <= before; key++) {
                CHECK(pair_put(&self, key, 1) == BB_OK);
            }
            const uint64_t largest =
                charge_overhead ? 9000 - bb_lru_overhead_for(&self.lru, 1) : 9000;
            const uint32_t count = self.lru.count;
            CHECK(pair_put(&self, 199, largest + 1) == BB_TOO_LARGE);
            CHECK(self.lru.count == count);
            CHECK(pair_put(&self, 199, largest) == BB_OK);
            check_same(&self);
            CHECK(self.lru.count == 1);
            CHECK(pair_put(&self, 199, largest - 1) == BB_OK);
            pair_close(&self);
        }
    }
}

/* The same story with the n-th allocation failing, for every n. */
static void survives_every_failing_allocation(void) {
    for (int64_t n = 0;; n++) {
        pair self;
        bool failed = false;
        pair_open(&self, 20000, BB_UNLIMITED, UINT32_MAX, true);
        self.ledger.fail_in = n;
        for (uintptr_t key = 1; key < 190; key++) {
            const uint64_t charge = key % 37 == 0 ? 5000 : key % 50;
            const uint64_t total = self.lru.budget.total;
            const bb_status status = pair_put(&self, key, charge);
            CHECK(status == BB_OK || status == BB_NO_MEMORY);
            if (status == BB_NO_MEMORY) {
                failed = true;
                CHECK(self.lru.budget.total == total);
            }
            check_same(&self);
        }
        self.ledger.fail_in = -1;
        pair_close(&self);
        if (!failed) {
            CHECK(n > 15);
            return;
        }
    }
}

static void memory_follows_the_content(void) {
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, true);
    for (uintptr_t key = 1; key < 190; key++) {
        CHECK(pair_put(&self, key, 10) == BB_OK);
    }
    const uint64_t grown = self.lru.overhead;
    for (uintptr_t key = 1; key < 185; key++) {
        pair_delete(&self, key);
        check_same(&self);
    }
    CHECK(self.lru.overhead < grown / 4);
    pair_trim(&self, 0);
    CHECK(self.lru.overhead == 0 && self.ledger.blocks == 0);
    pair_close(&self);
}

/* A structure at its bound, however packed, can be rebuilt within the same bound. */
static void a_copy_fits_where_the_original_did(void) {
    for (uint64_t limit = 120; limit < 9000; limit += 37) {
        pair self, copy;
        bb_refusal refusal;
        pair_open(&self, limit, BB_UNLIMITED, UINT32_MAX, true);
        for (uintptr_t key = 1; key < 190; key++) {
            CHECK(pair_put(&self, key, 1) == BB_OK ||
                  limit < bb_lru_overhead_for(&self.lru, 1) + 1);
        }
        pair_open(&copy, limit, BB_UNLIMITED, UINT32_MAX, true);
        CHECK(bb_lru_copy(&self.lru, &copy.lru, &refusal) == BB_OK);
        copy.model = self.model;
        CHECK(copy.lru.count == self.lru.count);
        check_same(&copy);
        pair_close(&self);
        pair_close(&copy);
    }
}

static void a_lowered_bound_evicts_just_enough(void) {
    for (uint64_t limit = 0; limit < 9000; limit += 100) {
        for (int64_t fail_in = -1; fail_in <= 0; fail_in++) {
            pair self;
            bb_batch batch;
            pair_open(&self, 9000, BB_UNLIMITED, UINT32_MAX, true);
            for (uintptr_t key = 1; key < 100; key++) {
                CHECK(pair_put(&self, key, 1) == BB_OK);
            }
            bb_batch_init(&batch);
            self.ledger.fail_in = fail_in;
            const bb_status status = bb_lru_limit(&self.lru, limit, 50, &batch);
            self.ledger.fail_in = -1;
            if (fail_in == 0) {
                CHECK(status == BB_NO_MEMORY);
                CHECK(self.lru.count == 99 && self.lru.budget.limit == 9000);
                bb_batch_free(&batch, &self.lru.allocator);
                pair_close(&self);
                continue;
            }
            CHECK(status == BB_OK);
            take_batch(&self, &batch, 0);
            check_same(&self);
            CHECK(self.lru.budget.limit == limit && self.lru.max_count == 50);
            CHECK(self.lru.count == 50 || self.lru.budget.total + 1 + 8 * 40 + 64 > limit ||
                  bb_lru_overhead_for(&self.lru, self.lru.count + 1) + self.lru.payload + 1 >
                      limit);
            pair_close(&self);
        }
    }
}

/* Memory that stands empty makes room before any entry has to. */
static void slack_goes_before_entries(void) {
    pair self;
    pair_open(&self, 4000, BB_UNLIMITED, UINT32_MAX, true);
    for (uintptr_t key = 1; key <= 20; key++) {
        CHECK(pair_put(&self, key, 1) == BB_OK);
    }
    for (uintptr_t key = 1; key < 20; key++) {
        pair_delete(&self, key);
    }
    CHECK(pair_put(&self, 21, 3600) == BB_OK);
    CHECK(self.lru.count == 2);
    check_same(&self);
    pair_delete(&self, 20);
    pair_delete(&self, 21);
    CHECK(pair_put(&self, 22, 4000 - bb_lru_overhead_for(&self.lru, 1)) == BB_OK);
    check_same(&self);
    pair_close(&self);
}

static void overhead_is_small(void) {
    static char keys[500001];
    ledger ledger = {0, 0, -1};
    bb_lru lru;
    bb_lru_init(&lru, ledger_allocator(&ledger), BB_UNLIMITED, UINT32_MAX, true, NULL);
    double sum = 0;
    uint32_t samples = 0;
    for (uint32_t i = 1; i <= 500000; i++) {
        bb_batch batch;
        bb_refusal refusal;
        bb_batch_init(&batch);
        CHECK(bb_lru_insert(&lru, &keys[i], &keys[i], i * 7919u, 1, &batch, &refusal) == BB_OK);
        if (i >= 1000) {
            sum += (double)ledger.bytes / i;
            samples++;
        }
    }
    CHECK(sum / samples <= 56);
    CHECK((double)ledger.bytes / 500000 <= 64);
    CHECK(ledger.bytes == lru.overhead);
    printf("own bytes an entry: %.1f on average, %.1f at 500,000\n", sum / samples,
           (double)ledger.bytes / 500000);
    bb_lru taken;
    bb_lru_take_all(&lru, &taken);
    bb_lru_discard(&taken);
    CHECK(ledger.bytes == 0);
    bb_lru_close(&lru);
}

static void a_cursor_neither_skips_nor_repeats(void) {
    for (int newest_first = 0; newest_first <= 1; newest_first++) {
        pair self;
        bb_lru_cursor cursor;
        uint32_t index;
        bool seen[MODEL_KEYS] = {false};
        pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, true);
        for (uintptr_t key = 1; key < 100; key++) {
            CHECK(pair_put(&self, key, 1) == BB_OK);
        }
        bb_lru_cursor_open(&self.lru, &cursor, newest_first);
        for (uintptr_t at = 1; at < 100; at++) {
            CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_OK && index != 0);
            const uintptr_t key = (uintptr_t)self.lru.entries[index].key;
            CHECK(key == (newest_first ? 100 - at : at));
            CHECK(!seen[key]);
            seen[key] = true;
            if (at > 3) {
                pair_get(&self, key);
                pair_get(&self, 1 + random_below(99));
            }
        }
        CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_OK && index == 0);
        bb_lru_cursor_close(&self.lru, &cursor);

        bb_lru_cursor_open(&self.lru, &cursor, newest_first);
        pair_delete(&self, 5);
        CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_CHANGED);
        bb_lru_cursor_close(&self.lru, &cursor);

        bb_lru_cursor_open(&self.lru, &cursor, newest_first);
        self.ledger.fail_in = 0;
        pair_get(&self, newest_first ? 6 : 7);
        pair_get(&self, 8);
        CHECK(bb_lru_cursor_next(&self.lru, &cursor, &index) == BB_NO_MEMORY);
        bb_lru_cursor_close(&self.lru, &cursor);
        self.ledger.fail_in = -1;
        pair_close(&self);
    }
}

int main(void) {
    follows_the_model_under_every_kind_of_bound();
    what_fits_alone_always_fits();
    survives_every_failing_allocation();
    memory_follows_the_content();
    a_copy_fits_where_the_original_did();
    a_lowered_bound_evicts_just_enough();
    slack_goes_before_entries();
    overhead_is_small();
    a_cursor_neither_skips_nor_repeats();
    return 0;
}
