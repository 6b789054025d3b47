/* Where room comes from: freed blocks, idle pages, slabs that are emptied, entries that leave. */
#include "bytes_cache_internal.h"

#include <string.h>

/* ---- moving records together ---- */

static uint64_t move_record(void *context, void *block, void *to) {
    bb_bytes_cache *self = context;
    const bb_bytes_record *record = block;
    const uint64_t size = record_size(record);
    const uint32_t index =
        record->holds == BB_BYTES_RECORD_OWNED ? bb_bytes_cache_index_of(self, record) : 0;
    if (index == 0) {
        return 0;
    }
    memcpy(to, block, (size_t)size);
    self->table->entries[index].key = to;
    self->table->entries[index].value = to;
    return size;
}

/* Bytes that have to be free inside slabs before one is emptied: a slab, or less where all that
 * may be kept is not much more. */
static uint64_t worthwhile(const bb_bytes_cache *self) {
    const uint64_t share = self->table->budget.limit / 64;
    const uint64_t least = self->pool.page;
    const uint64_t most = 65536;
    return share < least ? least : share > most ? most : share;
}

bool bb_bytes_cache_compact(bb_bytes_cache *self) {
    const uint64_t step = worthwhile(self);
    const uint64_t unused = self->pool.reserved - self->pool.idle - self->pool.usable;
    if (self->evacuate_at > unused + step) {
        self->evacuate_at = unused + step;
    }
    if (unused < self->evacuate_at) {
        return false;
    }
    const uint64_t emptied = bb_pool_evacuate(&self->pool, move_record, self);
    /* If it did not help, not again until there is more to it. */
    self->evacuate_at = emptied != 0 ? step : unused + step;
    return emptied != 0;
}

/* ---- leaving ---- */

uint64_t bb_bytes_cache_give_back(bb_bytes_cache *self) {
    bb_batch batch;
    bb_batch_init(&batch);
    const uint64_t before = self->table->budget.total;
    (void)bb_pool_trim(&self->pool, 0);
    if (self->table->count == 0) {
        (void)bb_lru_trim(self->table, 0, BB_TRIMMED, &batch); /* its arrays */
    }
    return before - self->table->budget.total;
}

/* Takes an entry out: one that has expired, if it is known, rather than `index`. False if it is in
 * the batch now. */
static bool leave(bb_bytes_cache *self, uint32_t index, const bb_bytes_record *keep,
                  bb_reason reason, bb_batch *batch) {
    bb_removed removed;
    const bb_lru_expiry *expiry = self->table->expiry;
    const uint32_t due = expiry != NULL ? bb_wheel_due(&expiry->wheel) : 0;
    if (due != 0 && bb_bytes_cache_at(self, due) != keep) {
        bb_lru_expire_at(self->table, due, &removed);
    } else {
        bb_lru_remove(self->table, index, reason, &removed);
    }
    if (self->hands_out) {
        batch->items[batch->count++] = removed;
        return false;
    }
    bb_bytes_cache_drop(self, removed.value);
    return true;
}

bb_status bb_bytes_cache_make_room(bb_bytes_cache *self, const bb_bytes_record *keep,
                                   bb_reason reason, bb_batch *batch) {
    if (bb_bytes_cache_compact(self)) {
        return BB_OK;
    }
    const uint32_t index = oldest_but(self, keep);
    if (index == 0) {
        return bb_bytes_cache_give_back(self) != 0 ? BB_OK : BB_PINNED;
    }
    return leave(self, index, keep, reason, batch) ? BB_OK : BB_FULL;
}

/* ---- giving back ---- */

bool bb_bytes_cache_trim(bb_bytes_cache *self, uint64_t target, bb_reason reason, bb_batch *batch) {
    bb_lru *table = self->table;
    const bb_budget *budget = &table->budget;
    while (budget->total > target) {
        const uint64_t charged = self->pool.budget.total;
        const uint64_t excess = budget->total - target;
        if (bb_pool_trim(&self->pool, charged - (excess < charged ? excess : charged)) != 0 ||
            bb_bytes_cache_compact(self)) {
            continue;
        }
        if (table->count == 0) {
            return batch->count == 0 && bb_bytes_cache_give_back(self) == 0;
        }
        if (batch->count == BB_BATCH_INLINE) {
            return false;
        }
        (void)leave(self, bb_lru_oldest(table), NULL, reason, batch);
    }
    return true;
}

/* Records leave one by one, but their memory by slabs: so much less than may leave is none. */
#define AT_ONCE ((uint64_t)65536)

bool bb_bytes_cache_nominee(bb_bytes_cache *self, uint64_t *use, uint64_t *releasable) {
    const bb_lru *table = self->table;
    const uint64_t idle = bb_pool_read(&self->pool).idle;
    const uint32_t index = bb_lru_oldest(table);
    *use = 0; /* nobody would miss it */
    if (idle != 0) {
        *releasable = AT_ONCE;
        return true;
    }
    if (index == 0) {
        *releasable = table->overhead;
        return *releasable != 0;
    }
    *use = table->uses != NULL ? table->uses[index] : 0;
    *releasable = record_bytes(bb_bytes_cache_at(self, index));
    if (*releasable < AT_ONCE) {
        *releasable = AT_ONCE;
    }
    return true;
}

uint64_t bb_bytes_cache_reclaim(bb_bytes_cache *self, uint64_t need, uint64_t until, uint64_t spare,
                                bb_batch *batch) {
    bb_lru *table = self->table;
    const uint64_t before = table->budget.total;
    const uint64_t wanted = need < spare ? need : spare;
    uint64_t freed = 0;
    while (freed < wanted && AT_ONCE <= spare - freed) {
        const uint64_t charged = self->pool.budget.total;
        const uint64_t more = wanted - freed;
        if (bb_pool_trim(&self->pool, charged - (more < charged ? more : charged)) == 0 &&
            !bb_bytes_cache_compact(self)) {
            const uint32_t index = bb_lru_oldest(table);
            if (index == 0 && table->overhead <= spare - freed) {
                (void)bb_bytes_cache_give_back(self);
            }
            if (index == 0 || batch->count == BB_BATCH_INLINE ||
                (table->uses != NULL && table->uses[index] > until)) {
                return before - table->budget.total;
            }
            (void)leave(self, index, NULL, BB_BUDGET, batch);
        }
        freed = before - table->budget.total;
    }
    return freed;
}
