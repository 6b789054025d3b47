/*
 * A pool beside a shadow ledger: which blocks there are, how large, and what is in them.
 */
#ifndef BYTEBOUND_TEST_POOL_MODEL_H
#define BYTEBOUND_TEST_POOL_MODEL_H

#include <string.h>

#include "bytebound/pool.h"
#include "page_ledger.h"

enum { SHADOW_BLOCKS = 256 };

typedef struct shadow_block {
    unsigned char *block;
    uint64_t size;
    uint64_t alignment;
    unsigned char fill;
} shadow_block;

typedef struct pool_pair {
    bb_pool pool;
    bb_budget parent;
    page_ledger ledger;
    shadow_block blocks[SHADOW_BLOCKS];
    uint64_t requested;
    uint64_t needed; /* the most that blocks in use ever needed of pages */
    unsigned char fill;
} pool_pair;

static inline void pool_pair_open(pool_pair *self, uint64_t limit, uint64_t parent_limit,
                                  bool debug) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = -1;
    bb_budget_init(&self->parent, parent_limit, NULL, true);
    bb_pool_init(&self->pool, page_ledger_source(&self->ledger), limit, &self->parent, debug);
}

/* What is in a block: all of it where it is short, both ends where it is long. */
static inline uint64_t filled_end(uint64_t size) {
    return size < 600 ? size : 300;
}

static inline void fill_block(shadow_block *shadow) {
    const uint64_t end = filled_end(shadow->size);
    memset(shadow->block, shadow->fill, end);
    memset(shadow->block + shadow->size - end, shadow->fill, end);
}

static inline void check_contents(const shadow_block *shadow, uint64_t size) {
    const uint64_t end = filled_end(shadow->size);
    for (uint64_t i = 0; i < end && i < size; i++) {
        CHECK(shadow->block[i] == shadow->fill);
    }
    for (uint64_t i = shadow->size - end; i < size; i++) {
        CHECK(shadow->block[i] == shadow->fill);
    }
}

/* To be called wherever blocks may need more pages than before. */
static inline void note_needed(pool_pair *self, uint64_t needed) {
    self->needed = needed > self->needed ? needed : self->needed;
}

static inline uint64_t pages_needed(pool_pair *self) {
    const bb_pool_totals totals = bb_pool_read(&self->pool);
    return totals.reserved - totals.idle;
}

static inline void check_pool(pool_pair *self) {
    CHECK_VALID(bb_pool_validate, &self->pool);
    const bb_pool_totals totals = bb_pool_read(&self->pool);
    CHECK(totals.requested == self->requested);
    CHECK(totals.requested <= totals.usable && totals.usable <= totals.reserved);
    CHECK(totals.budget.total == totals.reserved + totals.overhead);
    CHECK(totals.budget.total <= totals.budget.limit);
    CHECK(totals.budget.total <= self->ledger.bytes);
    CHECK(bb_budget_read(&self->parent).total == totals.budget.total);
    CHECK(totals.reserved <= self->needed);
}

static inline bb_status shadow_take(pool_pair *self, uint32_t at, uint64_t size, uint64_t alignment,
                                    bool zero) {
    shadow_block *shadow = &self->blocks[at];
    void *block = NULL;
    bb_refusal refusal = {0};
    CHECK(shadow->block == NULL);
    const bb_status status = bb_pool_allocate(&self->pool, size, alignment, zero, &block, &refusal);
    if (status != BB_OK) {
        CHECK(block == NULL);
        CHECK(status == BB_NO_MEMORY || refusal.requested > refusal.limit - refusal.total ||
              refusal.total > refusal.limit);
        return status;
    }
    CHECK((uintptr_t)block % alignment == 0);
    const uint64_t usable = bb_pool_usable(&self->pool, block);
    CHECK(usable >= size);
    if (!self->pool.debug && alignment == 16) {
        CHECK(usable <= (size <= 256 ? (size + 15) / 16 * 16 + 16 : size + size / 16));
    }
    *shadow = (shadow_block){block, size, alignment, ++self->fill};
    for (uint64_t i = 0; zero && i < size; i++) {
        CHECK(shadow->block[i] == 0);
    }
    fill_block(shadow);
    self->requested += size;
    note_needed(self, pages_needed(self));
    return BB_OK;
}

static inline void shadow_give(pool_pair *self, uint32_t at) {
    shadow_block *shadow = &self->blocks[at];
    if (shadow->block != NULL) {
        check_contents(shadow, shadow->size);
        bb_pool_free(&self->pool, shadow->block, shadow->size);
        self->requested -= shadow->size;
        shadow->block = NULL;
    }
}

static inline bb_status shadow_resize(pool_pair *self, uint32_t at, uint64_t size) {
    shadow_block *shadow = &self->blocks[at];
    if (shadow->block == NULL) {
        return BB_OK;
    }
    void *block = shadow->block;
    bb_refusal refusal;
    const bb_status status =
        bb_pool_resize(&self->pool, &block, shadow->size, size, shadow->alignment, &refusal);
    note_needed(self, bb_pool_read(&self->pool).reserved); /* the old and the new block */
    if (status != BB_OK) {
        CHECK(block == shadow->block && size > shadow->size);
        check_contents(shadow, shadow->size);
        return status;
    }
    CHECK((uintptr_t)block % shadow->alignment == 0);
    shadow->block = block;
    check_contents(shadow, size < shadow->size ? size : shadow->size);
    self->requested += size - shadow->size;
    shadow->size = size;
    fill_block(shadow);
    return BB_OK;
}

static inline void pool_pair_close(pool_pair *self) {
    uint64_t used = 0;
    for (uint32_t at = 0; at < SHADOW_BLOCKS; at++) {
        used += self->blocks[at].block != NULL;
    }
    CHECK(bb_pool_close(&self->pool) == (used == 0));
    for (uint32_t at = 0; at < SHADOW_BLOCKS; at++) {
        shadow_give(self, at);
    }
    CHECK(bb_pool_close(&self->pool));
    CHECK(shadow_take(self, 0, 1, 16, false) == BB_TOO_LARGE);
    CHECK(self->ledger.bytes == 0);
    CHECK(self->parent.total == 0);
}

#endif
