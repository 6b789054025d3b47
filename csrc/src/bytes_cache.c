#include "bytes_cache_internal.h"

#include <string.h>

#include "bytebound/page_heap.h"

/* ---- life ---- */

void bb_bytes_cache_init(bb_bytes_cache *self, bb_lru *table, bb_page_source pages,
                         bb_bytes_hash *hash) {
    *self = (bb_bytes_cache){.table = table, .pages = pages, .hash = hash};
    bb_pool_init(&self->pool, pages, BB_UNLIMITED, &table->budget, false);
    bb_lru_take_pages(table, bb_page_heap(&self->pages), self->pool.page);
}

void bb_bytes_cache_close(bb_bytes_cache *self) {
    bb_lru *table = self->table;
    if (table == NULL) {
        return;
    }
    for (uint32_t index = bb_lru_oldest(table); index != 0; index = bb_lru_newer(table, index)) {
        bb_bytes_cache_drop(self, bb_bytes_cache_at(self, index));
    }
    (void)bb_pool_close(&self->pool);
    bb_lru_close(table);
}

/* ---- finding ---- */

uint32_t bb_bytes_cache_find(const bb_bytes_cache *self, const bb_bytes_pair *pair) {
    bb_lru_probe probe;
    uint32_t index = bb_lru_first(self->table, pair->hash, &probe);
    while (index != 0) {
        const bb_bytes_record *record = bb_bytes_cache_at(self, index);
        /* What follows a find: fetched while the record is. */
        __builtin_prefetch(&self->table->links[index], 1);
        __builtin_prefetch((const char *)record + 64);
        __builtin_prefetch((const char *)record + 128);
        if (self->table->entries[index].hash == pair->hash && record->key_size == pair->key_size &&
            memcmp(record->key, pair->key, (size_t)pair->key_size) == 0) {
            return index;
        }
        index = bb_lru_next(self->table, &probe);
    }
    return 0;
}

uint32_t bb_bytes_cache_index_of(const bb_bytes_cache *self, const bb_bytes_record *record) {
    return bb_lru_index_of(self->table, record, self->hash(record->key, record->key_size));
}

/* ---- holding ---- */

void bb_bytes_cache_hold(bb_bytes_cache *self, bb_bytes_record *record) {
    if ((record->holds & ~BB_BYTES_RECORD_OWNED) == 0) {
        self->held += record_bytes(record);
        self->held_count++;
    }
    record->holds++;
}

static void free_if_unused(bb_bytes_cache *self, bb_bytes_record *record) {
    if (record->holds == 0) {
        self->full_class = 0;
        bb_pool_free(&self->pool, record, record_size(record));
    }
}

void bb_bytes_cache_release(bb_bytes_cache *self, bb_bytes_record *record) {
    record->holds--;
    if ((record->holds & ~BB_BYTES_RECORD_OWNED) == 0) {
        self->held -= record_bytes(record);
        self->held_count--;
        free_if_unused(self, record);
    }
}

void bb_bytes_cache_drop(bb_bytes_cache *self, void *record) {
    bb_bytes_record *left = record;
    left->holds &= ~BB_BYTES_RECORD_OWNED;
    free_if_unused(self, left);
}

/* ---- changing ---- */

static uint64_t size_of(const bb_bytes_pair *pair) {
    return sizeof(bb_bytes_record) + pair->key_size + pair->value_size;
}

static void fill(bb_bytes_record *record, const bb_bytes_pair *pair) {
    record->holds = BB_BYTES_RECORD_OWNED;
    record->key_size = (uint32_t)pair->key_size;
    record->value_size = pair->value_size;
    memcpy(record->key, pair->key, (size_t)pair->key_size);
    memcpy(record->key + pair->key_size, pair->value, (size_t)pair->value_size);
}

uint64_t bb_bytes_cache_least_bytes(const bb_bytes_cache *self, const bb_bytes_pair *pair) {
    return bb_pool_least_bytes(&self->pool, size_of(pair)) + bb_lru_overhead_for(self->table, 1);
}

bool bb_bytes_cache_could_fit(const bb_bytes_cache *self, const bb_bytes_pair *pair) {
    return pair->key_size <= BB_KEY_SIZE_MAX &&
           pair->value_size <= BB_BLOCK_MAX - sizeof(bb_bytes_record) - BB_KEY_SIZE_MAX &&
           bb_bytes_cache_least_bytes(self, pair) <= self->table->budget.limit;
}

/* What is to be done about a refusal: BB_OK if the request may be granted now. */
static bb_status answer(bb_bytes_cache *self, const bb_refusal *refusal,
                        const bb_bytes_record *keep, bb_batch *batch) {
    const bb_lru *table = self->table;
    if (refusal->level == &table->budget) {
        return bb_bytes_cache_make_room(self, keep, BB_SIZE, batch);
    }
    const uint32_t oldest = oldest_but(self, keep);
    if (oldest == 0 || table->uses[oldest] > table->yields_until) {
        return BB_OVER_BUDGET;
    }
    return bb_bytes_cache_make_room(self, keep, BB_BUDGET, batch);
}

/* Whether a block of a class is to be had only if one is given up: as when it was asked for last. */
static bool is_full(const bb_bytes_cache *self, uint32_t size_class) {
    const bb_lru *table = self->table;
    return self->full_class == size_class + 1 && table->budget.parent == NULL &&
           self->pool.idle == 0 && !bb_budget_admits(&table->budget, 0, self->pool.page);
}

/* The steady state of a full cache: the oldest record leaves, and its block serves the next one. */
static bb_bytes_record *recycle_oldest(bb_bytes_cache *self, const bb_bytes_pair *pair) {
    bb_lru *table = self->table;
    bb_refusal refusal;
    bb_removed removed;
    const uint32_t index = bb_lru_oldest(table);
    const uint32_t size_class = bb_size_class(size_of(pair));
    if (index == 0 || self->hands_out || table->expiry != NULL || !is_full(self, size_class)) {
        return NULL;
    }
    bb_bytes_record *record = bb_bytes_cache_at(self, index);
    void *block = record;
    if (record->holds != BB_BYTES_RECORD_OWNED ||
        bb_size_class(record_size(record)) != size_class) {
        return NULL;
    }
    bb_lru_remove(table, index, BB_SIZE, &removed);
    if (record_size(record) != size_of(pair)) { /* in place, so it cannot fail */
        (void)bb_pool_resize(&self->pool, &block, record_size(record), size_of(pair), 16, &refusal);
    }
    fill(record, pair);
    return record;
}

/* Takes a block for a record and fills it, letting the oldest entries other than `keep` leave. */
static bb_status make_record(bb_bytes_cache *self, const bb_bytes_pair *pair,
                             const bb_bytes_record *keep, bb_bytes_record **record, bb_batch *batch,
                             bb_refusal *refusal) {
    void *block;
    bb_status status;
    bool full = false;
    do {
        status = bb_pool_allocate(&self->pool, size_of(pair), 16, false, &block, refusal);
        if (status == BB_OK) {
            *record = block;
            fill(*record, pair);
            break;
        }
        if (status == BB_OVER_BUDGET) { /* above the pool's own budget, that is */
            full = true;
            status = answer(self, refusal, keep, batch);
        }
    } while (status == BB_OK);
    self->full_class = full ? bb_size_class(size_of(pair)) + 1 : 0;
    return status;
}

/* Idle pages go before an entry has to leave because the table cannot grow. */
static void let_table_grow(bb_bytes_cache *self) {
    const bb_lru *table = self->table;
    const uint64_t step = (table->capacity / 64 + 1) * sizeof(bb_lru_entry);
    if (table->free == 0 && table->used == table->capacity && self->pool.idle >= step) {
        (void)bb_pool_trim(&self->pool, 0);
    }
}

static void hand_over(bb_bytes_cache *self, bb_batch *from, bb_batch *batch) {
    for (uint32_t i = 0; i < from->count; i++) {
        if (!self->hands_out || !bb_batch_push(batch, &self->table->allocator, from->items[i])) {
            bb_bytes_cache_drop(self, from->items[i].value);
        }
    }
    bb_batch_free(from, &self->table->allocator);
}

static bb_status insert(bb_bytes_cache *self, const bb_bytes_pair *pair, bb_batch *batch,
                        bb_refusal *refusal) {
    bb_bytes_record *record;
    bb_batch left;
    bb_status status = BB_OK;
    record = recycle_oldest(self, pair);
    if (record == NULL) {
        status = make_record(self, pair, NULL, &record, batch, refusal);
    }
    if (status != BB_OK) {
        return status;
    }
    bb_batch_init(&left);
    do {
        *refusal = (bb_refusal){0};
        let_table_grow(self);
        status = bb_lru_insert(self->table, record, record, pair->hash, 0, &left, refusal);
        if (status == BB_TOO_LARGE || status == BB_OVER_BUDGET) {
            status = answer(self, refusal, NULL, batch);
        } else {
            break;
        }
    } while (status == BB_OK);
    if (status != BB_OK) {
        bb_bytes_cache_drop(self, record);
    }
    hand_over(self, &left, batch);
    return status;
}

/* Writes over a record that nobody reads and nobody is to be told of, if its block serves. */
static bool write_over(bb_bytes_cache *self, bb_bytes_record *record, const bb_bytes_pair *pair) {
    const uint64_t old_size = record_size(record), new_size = size_of(pair);
    void *block = record;
    bb_refusal refusal;
    if (self->hands_out || record->holds != BB_BYTES_RECORD_OWNED ||
        bb_size_class(old_size) != bb_size_class(new_size)) {
        return false;
    }
    if (old_size != new_size) { /* in place, so it cannot fail */
        (void)bb_pool_resize(&self->pool, &block, old_size, new_size, 16, &refusal);
    }
    fill(record, pair);
    return true;
}

/* Lets the entry leave that is to be replaced, for want of anything else, and puts the new one. */
static bb_status put_instead(bb_bytes_cache *self, uint32_t index, const bb_bytes_pair *pair,
                             bb_batch *batch, bb_refusal *refusal) {
    bb_removed removed;
    bb_lru_remove(self->table, index, BB_SIZE, &removed);
    if (self->hands_out) {
        batch->items[batch->count++] = removed;
        return BB_FULL;
    }
    bb_bytes_cache_drop(self, removed.value);
    return insert(self, pair, batch, refusal);
}

static bb_status replace(bb_bytes_cache *self, uint32_t index, const bb_bytes_pair *pair,
                         bb_batch *batch, bb_refusal *refusal) {
    bb_lru *table = self->table;
    bb_bytes_record *old = bb_bytes_cache_at(self, index);
    bb_bytes_record *record;
    bb_batch left;
    void *value;
    if (write_over(self, old, pair)) {
        table->counters.left[BB_REPLACED]++;
        bb_lru_promote(table, index);
        return BB_OK;
    }
    bb_bytes_cache_hold(self, old); /* it stays where it is while others leave */
    bb_status status = make_record(self, pair, old, &record, batch, refusal);
    bb_bytes_cache_release(self, old);
    index = bb_lru_index_of(table, old, pair->hash);
    if (status == BB_PINNED) {
        return put_instead(self, index, pair, batch, refusal);
    }
    if (status != BB_OK) {
        return status;
    }
    bb_batch_init(&left);
    /* Neither is charged for by the table, so nothing leaves and nothing fails. */
    (void)bb_lru_replace(table, index, record, 0, &left, refusal, &value);
    table->entries[index].key = record;
    if (self->hands_out) {
        batch->items[batch->count++] = (bb_removed){old, old, 0, index, BB_REPLACED};
    } else {
        bb_bytes_cache_drop(self, old);
    }
    return BB_OK;
}

/* Whether what is held leaves no room for a pair, whatever else leaves: but for the rounding of its
 * block to pages, which held records may fill. */
static bool is_pinned_out(const bb_bytes_cache *self, const bb_bytes_pair *pair) {
    const uint64_t most = self->table->budget.limit - bb_bytes_cache_least_bytes(self, pair);
    return self->held > most + self->pool.page;
}

bb_status bb_bytes_cache_put(bb_bytes_cache *self, uint32_t index, const bb_bytes_pair *pair,
                             bb_batch *batch, bb_refusal *refusal) {
    if (!bb_bytes_cache_could_fit(self, pair)) {
        *refusal = bb_budget_refusal(&self->table->budget, 0, size_of(pair));
        return BB_TOO_LARGE;
    }
    if (is_pinned_out(self, pair)) {
        return BB_PINNED;
    }
    return index == 0 ? insert(self, pair, batch, refusal)
                      : replace(self, index, pair, batch, refusal);
}

/* ---- totals ---- */

uint64_t bb_bytes_cache_payload(const bb_bytes_cache *self) {
    return self->pool.requested - self->pool.blocks * sizeof(bb_bytes_record);
}
