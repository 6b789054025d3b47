#include "bytes_model.h"

static uint64_t state = 88172645463325252u;
static bytes_pair self;

static uint32_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 11) % bound);
}

/* Log-uniform: as many between 64 and 128 as between 16384 and 32768. */
static uint32_t random_size(void) {
    const uint32_t range = 16u << random_below(12);
    return random_below(range);
}

static void random_operation(void) {
    const uint32_t key = random_below(MODEL_KEYS);
    switch (random_below(16)) {
    case 0:
        view_bytes(&self, random_below(MODEL_VIEWS), key);
        break;
    case 1:
    case 2:
        get_bytes(&self, key);
        break;
    case 3:
        delete_bytes(&self, key);
        break;
    case 4:
        if (random_below(16) == 0) {
            trim_bytes(&self, random_below(self.table.budget.total + 1));
        }
        break;
    case 5:
        if (random_below(8) == 0) {
            (void)reclaim_bytes(&self, random_below(100000), random_below(2) ? UINT64_MAX : 0);
        }
        break;
    default:
        (void)put_bytes(&self, key, random_size());
    }
}

static void follows_the_model_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {20000, 60000, 300000, 2000000, BB_UNLIMITED};
    for (int kind = 0; kind < 100; kind++) {
        bytes_pair_open(&self, limits[kind % 5], kind & 1 ? 40 : UINT32_MAX,
                        kind < 80 ? limits[kind / 20] : 0, kind & 2);
        for (int step = 0; step < 300; step++) {
            random_operation();
            check_bytes(&self);
        }
        bytes_pair_close(&self);
    }
}

static void nothing_is_lost_when_the_nth_mapping_fails(void) {
    for (int64_t n = 0; n < 60; n++) {
        for (int hands_out = 0; hands_out <= 1; hands_out++) {
            bytes_pair_open(&self, n & 1 ? BB_UNLIMITED : 200000, UINT32_MAX, 0, hands_out);
            self.ledger.fail_in = n;
            for (uint32_t key = 0; key < 300; key++) {
                const uint32_t size = random_size();
                if (put_bytes(&self, key, size) != BB_OK) {
                    CHECK(self.ledger.fail_in < 0);
                    check_bytes(&self);
                    CHECK(put_bytes(&self, key, size) == BB_OK);
                }
                check_bytes(&self);
            }
            CHECK(self.ledger.fail_in < 0);
            bytes_pair_close(&self);
        }
    }
}

static void what_fits_alone_fits_to_the_byte(void) {
    for (uint32_t size = 1; size < MODEL_MOST; size = size * 3 + 1) {
        bytes_pair_open(&self, BB_UNLIMITED, UINT32_MAX, 0, false);
        CHECK(put_bytes(&self, 1, size) == BB_OK);
        const uint64_t least = self.table.budget.total;
        bytes_pair_close(&self);
        for (int short_of = 0; short_of <= 1; short_of++) {
            bytes_pair_open(&self, least - (uint64_t)short_of, UINT32_MAX, 0, false);
            for (uint32_t key = 2; key < 40; key++) {
                (void)put_bytes(&self, key, size / 7 + key);
            }
            const uint32_t before = self.count;
            CHECK(put_bytes(&self, 1, size) == (short_of ? BB_TOO_LARGE : BB_OK));
            CHECK(!short_of || self.count == before);
            check_bytes(&self);
            bytes_pair_close(&self);
        }
    }
}

static void what_is_viewed_stays_and_leaves_room_for_nothing_else(void) {
    bytes_pair_open(&self, 120000, UINT32_MAX, 0, false);
    CHECK(put_bytes(&self, 1, 35000) == BB_OK && put_bytes(&self, 2, 35000) == BB_OK);
    view_bytes(&self, 0, 1);
    view_bytes(&self, 1, 2);
    CHECK(put_bytes(&self, 1, 10000) == BB_OK); /* a view of what is replaced */
    check_bytes(&self);
    CHECK(put_bytes(&self, 3, 39000) == BB_PINNED && put_bytes(&self, 1, 39000) == BB_PINNED);
    CHECK(find_key(&self, 1) != 0 && find_key(&self, 2) != 0); /* known before anything left */
    CHECK(put_bytes(&self, 4, 1000) == BB_OK);
    check_bytes(&self);
    view_bytes(&self, 0, 0);
    CHECK(put_bytes(&self, 3, 39000) == BB_OK);
    CHECK(find_key(&self, 4) != 0);
    check_bytes(&self);
    bytes_pair_close(&self);
}

static void what_is_viewed_is_neither_moved_nor_written_over(void) {
    for (uint32_t round = 0; round < 10; round++) {
        bytes_pair_open(&self, 600000, UINT32_MAX, 0, round & 1);
        for (uint32_t key = 0; key < 400; key++) {
            CHECK(put_bytes(&self, key, 1000) == BB_OK);
        }
        for (uint32_t slot = 0; slot < MODEL_VIEWS; slot++) {
            view_bytes(&self, slot, self.entries[random_below(self.count)].key);
            CHECK(put_bytes(&self, self.views[slot].entry.key, 1000) == BB_OK);
            check_bytes(&self);
        }
        for (uint32_t step = 0; step < 200; step++) {
            get_bytes(&self, random_below(400));
            view_bytes(&self, random_below(MODEL_VIEWS), random_below(400));
            CHECK(put_bytes(&self, random_below(400 + round), 3000) == BB_OK);
            check_bytes(&self);
        }
        bytes_pair_close(&self);
    }
}

static void an_entry_that_is_alone_gives_way_to_its_successor(void) {
    for (int hands_out = 0; hands_out <= 1; hands_out++) {
        bytes_pair_open(&self, 70000, UINT32_MAX, 0, hands_out);
        CHECK(put_bytes(&self, 1, 30000) == BB_OK);
        CHECK(put_bytes(&self, 1, 39000) == BB_OK);
        CHECK(self.table.counters.left[BB_SIZE] == 1 && self.told == (uint64_t)hands_out);
        check_bytes(&self);
        bytes_pair_close(&self);
    }
}

/* Keys of one length each. */
static void nothing_leaves_while_there_is_a_freed_block(void) {
    bytes_pair_open(&self, 300000, UINT32_MAX, 0, false);
    for (uint32_t number = 0; number < 400; number++) {
        CHECK(put_bytes(&self, number * 29, 1000) == BB_OK);
    }
    const uint64_t evicted = self.table.counters.left[BB_SIZE];
    CHECK(evicted != 0);
    for (uint32_t number = 300; number < 320; number++) {
        delete_bytes(&self, number * 29);
    }
    for (uint32_t number = 400; number < 420; number++) {
        CHECK(put_bytes(&self, number * 29, 1000) == BB_OK);
        CHECK(self.table.counters.left[BB_SIZE] == evicted);
    }
    CHECK(put_bytes(&self, 420 * 29, 1000) == BB_OK);
    CHECK(self.table.counters.left[BB_SIZE] == evicted + 1);
    check_bytes(&self);
    bytes_pair_close(&self);
}

/* Entries of one size, used in random order, give way to another size about byte for byte. */
static void another_size_costs_about_its_own_bytes(void) {
    const uint32_t sizes[][2] = {{100, 900}, {900, 100}, {200, 20000}, {3000, 40}};
    for (int kind = 0; kind < 4; kind++) {
        bytes_pair_open(&self, 2 << 20, UINT32_MAX, 0, kind & 1);
        char value[20000] = {0};
        uint32_t number = 0;
        for (int step = 0; step < 60000; step++) {
            char key[64];
            bb_bytes_pair pair = {
                .key = key, .value = value, .value_size = sizes[kind][step > 50000]};
            const uint32_t old =
                number == 0 ? 0 : number - random_below(number < 5000 ? number : 5000);
            pair.key_size = model_key(old, key);
            pair.hash = model_hash(key, pair.key_size);
            const uint32_t hit = bb_bytes_cache_find(&self.cache, &pair);
            if (hit != 0) {
                bb_lru_promote(&self.table, hit);
            }
            pair.key_size = model_key(++number, key);
            pair.hash = model_hash(key, pair.key_size);
            bb_batch batch;
            bb_refusal refusal;
            bb_status status;
            do {
                bb_batch_init(&batch);
                status = bb_bytes_cache_put(&self.cache, 0, &pair, &batch, &refusal);
                drop_all(&self, &batch);
            } while (status == BB_FULL);
            CHECK(status == BB_OK);
            if (step > 40000) { /* full: only by slabs that are being emptied does it hold less */
                CHECK(bb_bytes_cache_payload(&self.cache) > (uint64_t)(2 << 20) * 4 / 10);
            }
        }
        CHECK_VALID(bb_bytes_cache_validate, &self.cache);
        bb_bytes_cache_close(&self.cache);
        CHECK(self.ledger.bytes == 0);
    }
}

int main(void) {
    follows_the_model_under_every_kind_of_bound();
    nothing_is_lost_when_the_nth_mapping_fails();
    what_fits_alone_fits_to_the_byte();
    what_is_viewed_stays_and_leaves_room_for_nothing_else();
    what_is_viewed_is_neither_moved_nor_written_over();
    an_entry_that_is_alone_gives_way_to_its_successor();
    nothing_leaves_while_there_is_a_freed_block();
    another_size_costs_about_its_own_bytes();
    return 0;
}
