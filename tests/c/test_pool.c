#include "pool_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

/* Log-uniform: as many between 64 and 128 as between 32768 and 65536. */
static uint64_t random_size(uint64_t most) {
    uint64_t range = 16;
    while (range < most && random_below(8) != 0) {
        range *= 2;
    }
    return random_below(range + 1);
}

static void random_operation(pool_pair *self) {
    const uint32_t at = (uint32_t)random_below(SHADOW_BLOCKS);
    const uint64_t choice = random_below(64);
    if (choice == 0) {
        const uint64_t before = bb_pool_read(&self->pool).budget.total;
        const uint64_t freed = bb_pool_trim(&self->pool, random_below(before + 1));
        CHECK(before - freed == bb_pool_read(&self->pool).budget.total);
    } else if (choice < 12) {
        (void)shadow_resize(self, at, random_size(1u << 19));
    } else if (self->blocks[at].block != NULL) {
        shadow_give(self, at);
    } else {
        const uint64_t alignment = random_below(4) != 0 ? 16 : 16u << random_below(9);
        (void)shadow_take(self, at, random_size(1u << 19), alignment, random_below(4) == 0);
    }
}

static void follows_the_shadow_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {40000, 300000, 3000000, BB_UNLIMITED};
    for (int kind = 0; kind < 32; kind++) {
        pool_pair self;
        pool_pair_open(&self, limits[kind % 4], limits[kind / 4 % 4], kind & 16);
        for (int step = 0; step < 800; step++) {
            random_operation(&self);
            check_pool(&self);
        }
        pool_pair_close(&self);
    }
}

static void nothing_is_lost_when_the_nth_mapping_fails(void) {
    for (int64_t n = 0; n < 40; n++) {
        for (int debug = 0; debug <= 1; debug++) {
            pool_pair self;
            pool_pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, debug);
            self.ledger.fail_in = n;
            for (uint32_t at = 0; at < SHADOW_BLOCKS; at++) {
                const uint64_t size = random_size(1u << 18);
                const bb_pool_totals before = bb_pool_read(&self.pool);
                if (shadow_take(&self, at, size, 16, false) != BB_OK) {
                    const bb_pool_totals after = bb_pool_read(&self.pool);
                    CHECK(self.ledger.fail_in < 0);
                    CHECK(after.blocks == before.blocks && after.usable == before.usable);
                    CHECK(after.reserved == before.reserved);
                    CHECK(before.blocks != 0 || after.budget.total == 0);
                    CHECK(shadow_take(&self, at, size, 16, false) == BB_OK);
                }
                check_pool(&self);
            }
            pool_pair_close(&self);
        }
    }
}

static void a_doomed_large_request_leaves_room_for_a_small_one(void) {
    pool_pair self;
    pool_pair_open(&self, 1 << 20, BB_UNLIMITED, false);
    CHECK(shadow_take(&self, 0, 400000, 16, false) == BB_OK);
    shadow_give(&self, 0); /* idle now */
    const bb_pool_totals before = bb_pool_read(&self.pool);
    const uint64_t doomed[] = {2 << 20, BB_BLOCK_MAX, BB_BLOCK_MAX + 1, UINT64_MAX - 70,
                               UINT64_MAX};
    for (int i = 0; i < 5; i++) {
        CHECK(shadow_take(&self, 0, doomed[i], 4096, false) == BB_TOO_LARGE);
        const bb_pool_totals after = bb_pool_read(&self.pool);
        CHECK(after.budget.total == before.budget.total && after.budget.peak == before.budget.peak);
        CHECK(after.idle == before.idle);
        check_pool(&self);
    }
    CHECK(shadow_take(&self, 0, 900000, 16, false) == BB_OK);
    pool_pair_close(&self);
}

static void a_doomed_first_request_charges_nothing(void) {
    for (uint64_t size = 1; size < 1u << 22; size *= 5) {
        pool_pair self;
        pool_pair_open(&self, 16384 + size / 2, BB_UNLIMITED, false);
        const bb_status status = shadow_take(&self, 0, size, 16, false);
        CHECK(status == (size < 10000 ? BB_OK : BB_TOO_LARGE));
        CHECK(status == BB_OK || bb_pool_read(&self.pool).budget.peak == 0);
        check_pool(&self);
        pool_pair_close(&self);
    }
}

/* The next slab needs a page of descriptions too, for which there is no room. */
static void a_slab_without_room_for_its_first_block_is_none(void) {
    const uint64_t next[] = {3000, 100000};
    for (int i = 0; i < 2; i++) {
        uint32_t refused = 0;
        for (uint32_t slabs = 20; slabs < 60; slabs++) {
            pool_pair self;
            pool_pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, false);
            for (uint32_t at = 0; at < slabs; at++) {
                const uint64_t size = bb_class_size(84 + at);
                CHECK(shadow_take(&self, at, size, 16, false) == BB_OK);
            }
            const bb_pool_totals before = bb_pool_read(&self.pool);
            CHECK(bb_pool_limit(&self.pool, before.budget.total + (next[i] + 4095) / 4096 * 4096));
            if (shadow_take(&self, slabs, next[i], 16, false) != BB_OK) {
                refused++;
                CHECK(bb_pool_read(&self.pool).budget.total == before.budget.total);
            }
            check_pool(&self);
            pool_pair_close(&self);
        }
        CHECK(refused != 0 && refused < 40);
    }
}

static void freed_memory_is_used_before_new_memory(void) {
    const uint64_t sizes[] = {16, 100, 256, 1000, 4096, 5000, 65536, 300000};
    for (int i = 0; i < 8; i++) {
        pool_pair self;
        pool_pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, false);
        for (uint32_t at = 0; at < 40; at++) {
            CHECK(shadow_take(&self, at, sizes[i], 16, false) == BB_OK);
        }
        const uint64_t reserved = bb_pool_read(&self.pool).reserved;
        for (int round = 0; round < 10; round++) {
            for (uint32_t at = 0; at < 40; at += 3) {
                shadow_give(&self, at);
            }
            for (uint32_t at = 0; at < 40; at += 3) {
                CHECK(shadow_take(&self, at, sizes[i], 16, false) == BB_OK);
            }
            CHECK(bb_pool_read(&self.pool).reserved == reserved);
        }
        for (uint32_t at = 0; at < 40; at++) {
            shadow_give(&self, at);
        }
        CHECK(bb_pool_read(&self.pool).idle == reserved);
        for (uint32_t at = 0; at < 100 && at < 40 * sizes[i] / 20000;
             at++) { /* any other size takes it */
            CHECK(shadow_take(&self, at, 10000, 16, false) == BB_OK);
            CHECK(bb_pool_read(&self.pool).reserved <= reserved + 16384);
            check_pool(&self);
        }
        pool_pair_close(&self);
    }
}

/* Many slabs of one class at once: full ones, half used ones, empty ones. */
static void slabs_of_one_class_take_turns(void) {
    const uint64_t sizes[] = {1000, 4096, 16384};
    for (int i = 0; i < 3; i++) {
        pool_pair self;
        pool_pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, false);
        for (int step = 0; step < 6000; step++) {
            const uint32_t at = (uint32_t)random_below(SHADOW_BLOCKS);
            if (self.blocks[at].block != NULL) {
                shadow_give(&self, at);
            } else if (random_below(100) < 30 + (uint64_t)(step / 50) % 70) {
                CHECK(shadow_take(&self, at, sizes[i], 16, false) == BB_OK);
            }
            check_pool(&self);
        }
        pool_pair_close(&self);
    }
}

static void trim_gives_everything_back_that_no_block_needs(void) {
    pool_pair self;
    pool_pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, false);
    for (uint32_t at = 0; at < SHADOW_BLOCKS; at++) {
        CHECK(shadow_take(&self, at, random_size(1u << 18), 16, false) == BB_OK);
    }
    for (uint32_t at = 0; at < SHADOW_BLOCKS; at += 2) {
        shadow_give(&self, at);
        check_pool(&self);
    }
    const bb_pool_totals before = bb_pool_read(&self.pool);
    CHECK(before.idle != 0);
    CHECK(bb_pool_trim(&self.pool, before.budget.total) == 0);
    CHECK(bb_pool_trim(&self.pool, before.budget.total - 1) >= self.pool.page);
    CHECK(bb_pool_trim(&self.pool, 0) != 0 && bb_pool_read(&self.pool).idle == 0);
    check_pool(&self);
    for (uint32_t at = 1; at < SHADOW_BLOCKS; at += 2) {
        shadow_give(&self, at);
    }
    CHECK(bb_pool_trim(&self.pool, 0) == bb_pool_read(&self.pool).budget.peak ||
          bb_pool_read(&self.pool).budget.total == 0);
    CHECK(self.ledger.bytes == 0);
    pool_pair_close(&self);
}

static void the_limit_is_not_set_below_what_blocks_need(void) {
    pool_pair self;
    pool_pair_open(&self, 1 << 20, BB_UNLIMITED, false);
    CHECK(shadow_take(&self, 0, 100000, 16, false) == BB_OK);
    CHECK(shadow_take(&self, 1, 500000, 16, false) == BB_OK);
    shadow_give(&self, 1);
    CHECK(bb_pool_limit(&self.pool, 200000));
    CHECK(bb_pool_read(&self.pool).budget.total <= 200000);
    CHECK(!bb_pool_limit(&self.pool, 100000));
    CHECK(bb_pool_read(&self.pool).budget.limit == 200000);
    check_pool(&self);
    pool_pair_close(&self);
}

/* Chains the blocks through themselves. */
static void metadata_takes_at_most_four_in_a_thousand(void) {
    const uint64_t sizes[] = {16,   48,   256,   1000,  3000,  4096,
                              4097, 9000, 33000, 65536, 65537, 1 << 20};
    for (int i = 0; i < 12; i++) {
        bb_pool pool;
        void *chain = NULL, *block;
        bb_refusal refusal;
        bb_pool_init(&pool, bb_system_pages, (uint64_t)16 << 20, NULL, false);
        while (bb_pool_allocate(&pool, sizes[i], 16, false, &block, &refusal) == BB_OK) {
            memcpy(block, &chain, sizeof(chain));
            chain = block;
        }
        const bb_pool_totals totals = bb_pool_read(&pool);
        CHECK(totals.overhead * 1000 <= totals.usable * 4);
        CHECK(totals.reserved <= totals.usable + totals.usable / 16);
        CHECK_VALID(bb_pool_validate, &pool);
        while (chain != NULL) {
            block = chain;
            memcpy(&chain, block, sizeof(chain));
            bb_pool_free(&pool, block, sizes[i]);
        }
        CHECK(bb_pool_close(&pool));
    }
}

static void size_classes_waste_little(void) {
    for (uint64_t size = 0; size < 1u << 20; size++) {
        const uint32_t size_class = bb_size_class(size);
        CHECK(bb_class_size(size_class) >= size);
        CHECK(size_class == 0 || bb_class_size(size_class - 1) < size);
    }
    for (uint32_t size_class = 0; size_class < BB_SIZE_CLASSES; size_class++) {
        const uint64_t size = bb_class_size(size_class);
        CHECK(bb_size_class(size) == size_class && size <= BB_BLOCK_MAX);
        CHECK(size_class < 16 || (size - bb_class_size(size_class - 1)) * 17 <= size);
    }
    CHECK(bb_size_class(BB_BLOCK_MAX) == BB_SIZE_CLASSES - 1);
}

static void guesses_never_pass_what_is_possible(void) {
    pool_pair self;
    pool_pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, false);
    void *blocks[400];
    bb_refusal refusal;
    for (int i = 0; i < 400; i++) {
        const uint64_t size = i % 2 != 0 ? 97 : 112;
        CHECK(bb_pool_allocate(&self.pool, size, 16, false, &blocks[i], &refusal) == BB_OK);
        memset(blocks[i], i & 127, size);
    }
    for (int i = 0; i < 400; i += 5) {
        const uint64_t size = i % 2 != 0 ? 112 : i % 3 != 0 ? 20 : 70000;
        CHECK(bb_pool_resize_unsized(&self.pool, &blocks[i], size, &refusal) == BB_OK);
        CHECK(((char *)blocks[i])[size < 97 ? size - 1 : 96] == (i & 127));
        CHECK_VALID(bb_pool_validate, &self.pool);
    }
    for (int i = 0; i < 400; i++) {
        bb_pool_free_unsized(&self.pool, blocks[i], i % 3 == 0 ? 1 : 97);
        CHECK_VALID(bb_pool_validate, &self.pool);
    }
    CHECK(bb_pool_read(&self.pool).requested == 0);
    pool_pair_close(&self);
}

static void serves_as_an_allocator(void) {
    pool_pair self;
    pool_pair_open(&self, 1 << 20, BB_UNLIMITED, false);
    const bb_allocator allocator = bb_pool_allocator(&self.pool);
    char *block = bb_resize(&allocator, NULL, 0, 100);
    memset(block, 7, 100);
    CHECK(bb_resize(&allocator, block, 100, 2 << 20) == NULL);
    block = bb_resize(&allocator, block, 100, 900000);
    CHECK(block != NULL && block[99] == 7);
    CHECK(bb_pool_limit(&self.pool, bb_pool_read(&self.pool).budget.total));
    CHECK(bb_resize(&allocator, block, 900000, 300000) == block); /* no room for a copy */
    CHECK(bb_pool_read(&self.pool).requested == 300000);
    CHECK_VALID(bb_pool_validate, &self.pool);
    CHECK(bb_resize(&allocator, block, 300000, 0) == NULL);
    CHECK(bb_resize(&allocator, NULL, 0, 0) == NULL);
    pool_pair_close(&self);
}

int main(void) {
    size_classes_waste_little();
    follows_the_shadow_under_every_kind_of_bound();
    nothing_is_lost_when_the_nth_mapping_fails();
    a_doomed_large_request_leaves_room_for_a_small_one();
    a_doomed_first_request_charges_nothing();
    a_slab_without_room_for_its_first_block_is_none();
    freed_memory_is_used_before_new_memory();
    slabs_of_one_class_take_turns();
    trim_gives_everything_back_that_no_block_needs();
    the_limit_is_not_set_below_what_blocks_need();
    metadata_takes_at_most_four_in_a_thousand();
    guesses_never_pass_what_is_possible();
    serves_as_an_allocator();
    return 0;
}
