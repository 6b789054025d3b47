/*
 * A cache of bytes beside a list of what it should hold, oldest first.
 *
 * Which entries leave depends on pages, so the model learns it from the cache; it checks that they
 * are the oldest ones, that nothing else changes, and that every byte is accounted for.
 */
#ifndef BYTEBOUND_TEST_BYTES_MODEL_H
#define BYTEBOUND_TEST_BYTES_MODEL_H

#include "bytebound/bytes_cache.h"
#include "page_ledger.h"

enum { MODEL_KEYS = 512, MODEL_VIEWS = 8, MODEL_MOST = 40000 };

typedef struct model_entry {
    uint32_t key;
    uint32_t size;
    unsigned char fill;
} model_entry;

typedef struct model_view {
    bb_bytes_record *record;
    model_entry entry;
} model_view;

typedef struct bytes_pair {
    bb_lru table;
    bb_bytes_cache cache;
    bb_budget parent;
    page_ledger ledger;
    model_entry entries[MODEL_KEYS];
    uint32_t count;
    model_view views[MODEL_VIEWS];
    unsigned char fill;
    uint64_t told; /* entries that were handed out */
} bytes_pair;

static inline uint64_t model_hash(const void *bytes, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

/* Keys have lengths of their own. */
static inline uint64_t model_key(uint32_t number, char key[64]) {
    memset(key, 'k', 64);
    memcpy(key, &number, sizeof(number));
    return sizeof(number) + number % 29;
}

/* `parent_limit` 0: no budget above. */
static inline void bytes_pair_open(bytes_pair *self, uint64_t limit, uint32_t max_count,
                                   uint64_t parent_limit, bool hands_out) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = -1;
    bb_budget_init(&self->parent, parent_limit, NULL, true);
    bb_lru_init(&self->table, bb_system_allocator, limit, max_count, true,
                parent_limit != 0 ? &self->parent : NULL);
    bb_bytes_cache_init(&self->cache, &self->table, page_ledger_source(&self->ledger), model_hash);
    self->cache.hands_out = hands_out;
}

static inline uint32_t model_at(const bytes_pair *self, uint32_t key) {
    uint32_t at = 0;
    while (at < self->count && self->entries[at].key != key) {
        at++;
    }
    return at;
}

static inline void model_remove(bytes_pair *self, uint32_t at) {
    self->count--;
    memmove(&self->entries[at], &self->entries[at + 1], (self->count - at) * sizeof(model_entry));
}

static inline void check_record(const bb_bytes_record *record, const model_entry *entry) {
    char key[64];
    const uint64_t key_size = model_key(entry->key, key);
    CHECK(record->key_size == key_size && record->value_size == entry->size);
    CHECK(memcmp(record->key, key, key_size) == 0);
    for (uint32_t i = 0; i < entry->size; i += i < 64 ? 1 : 37) {
        CHECK((unsigned char)bb_bytes_record_value(record)[i] == entry->fill);
    }
}

static inline uint32_t find_key(bytes_pair *self, uint32_t number) {
    char key[64];
    bb_bytes_pair pair = {.key = key, .key_size = model_key(number, key)};
    pair.hash = model_hash(key, pair.key_size);
    return bb_bytes_cache_find(&self->cache, &pair);
}

/* Tells the model who left: as many of the oldest, other than `keep`, as are missing. */
static inline void model_evict(bytes_pair *self, uint32_t keep) {
    for (uint32_t at = 0; at < self->count && self->count > self->table.count;) {
        if (self->entries[at].key == keep) {
            at++;
            continue;
        }
        CHECK(find_key(self, self->entries[at].key) == 0);
        model_remove(self, at);
    }
}

static inline void check_bytes(bytes_pair *self) {
    CHECK_VALID(bb_bytes_cache_validate, &self->cache);
    CHECK(self->table.count == self->count);
    uint32_t at = 0;
    for (uint32_t index = bb_lru_oldest(&self->table); index != 0;
         index = bb_lru_newer(&self->table, index)) {
        check_record(bb_bytes_cache_at(&self->cache, index), &self->entries[at]);
        CHECK(find_key(self, self->entries[at++].key) == index);
    }
    uint32_t held = 0;
    for (uint32_t i = 0; i < MODEL_VIEWS; i++) {
        if (self->views[i].record != NULL) {
            check_record(self->views[i].record, &self->views[i].entry);
            held++;
        }
    }
    CHECK((held == 0) == (self->cache.held_count == 0) && (held == 0) == (self->cache.held == 0));
    const bb_budget_totals own = bb_budget_read(&self->table.budget);
    CHECK(own.total <= own.limit);
    CHECK(own.total <= self->ledger.bytes);
    CHECK(bb_budget_read(&self->parent).total == (self->parent.limit != 0 ? own.total : 0));
}

static inline void drop_all(bytes_pair *self, bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        CHECK(batch->items[i].key == batch->items[i].value);
        bb_bytes_cache_drop(&self->cache, batch->items[i].value);
        self->told++;
    }
    bb_batch_free(batch, &self->table.allocator);
}

static inline bb_status put_bytes(bytes_pair *self, uint32_t number, uint32_t size) {
    static char value[MODEL_MOST];
    char key[64];
    bb_batch batch;
    bb_refusal refusal = {0};
    bb_status status;
    const uint64_t inserts = self->table.counters.inserts;
    bb_bytes_pair pair = {.key = key, .value = value, .value_size = size};
    pair.key_size = model_key(number, key);
    pair.hash = model_hash(key, pair.key_size);
    const bool fits = bb_bytes_cache_could_fit(&self->cache, &pair);
    memset(value, ++self->fill, size);
    do {
        bb_batch_init(&batch);
        const uint32_t index = bb_bytes_cache_find(&self->cache, &pair);
        status = bb_bytes_cache_put(&self->cache, index, &pair, &batch, &refusal);
        CHECK(status == BB_FULL ? self->cache.hands_out && batch.count == 1 : batch.count <= 1);
        drop_all(self, &batch);
    } while (status == BB_FULL);
    CHECK((status == BB_TOO_LARGE) == !fits);
    if (status == BB_OK) {
        const uint32_t at = model_at(self, number);
        if (at < self->count) {
            model_remove(self, at);
        }
        self->count++;
        self->entries[self->count - 1] = (model_entry){number, size, self->fill};
        /* for the sake of model_evict, which may look at what is about to leave only */
    } else {
        CHECK(self->table.counters.inserts == inserts);
    }
    model_evict(self, number);
    if (status != BB_OK && find_key(self, number) == 0 && model_at(self, number) < self->count) {
        model_remove(self, model_at(self, number)); /* it left for its successor's sake */
    }
    return status;
}

static inline void get_bytes(bytes_pair *self, uint32_t number) {
    const uint32_t index = find_key(self, number);
    const uint32_t at = model_at(self, number);
    CHECK((index != 0) == (at < self->count));
    if (index != 0) {
        const model_entry entry = self->entries[at];
        bb_lru_promote(&self->table, index);
        model_remove(self, at);
        self->entries[self->count++] = entry;
    }
}

static inline void delete_bytes(bytes_pair *self, uint32_t number) {
    bb_removed removed;
    const uint32_t index = find_key(self, number);
    if (index != 0) {
        bb_lru_remove(&self->table, index, BB_DELETED, &removed);
        bb_bytes_cache_drop(&self->cache, removed.value);
        model_remove(self, model_at(self, number));
    }
}

/* Ends what a view shows, and begins another, of a key that is there. */
static inline void view_bytes(bytes_pair *self, uint32_t slot, uint32_t number) {
    model_view *view = &self->views[slot];
    const uint32_t index = find_key(self, number);
    if (view->record != NULL) {
        bb_bytes_cache_release(&self->cache, view->record);
        view->record = NULL;
    } else if (index != 0) {
        view->record = bb_bytes_cache_at(&self->cache, index);
        view->entry = self->entries[model_at(self, number)];
        bb_bytes_cache_hold(&self->cache, view->record);
    }
}

static inline void trim_bytes(bytes_pair *self, uint64_t target) {
    bb_batch batch;
    bool done;
    do {
        bb_batch_init(&batch);
        done = bb_bytes_cache_trim(&self->cache, target, BB_TRIMMED, &batch);
        drop_all(self, &batch);
    } while (!done);
    model_evict(self, UINT32_MAX);
    CHECK(self->table.budget.total <= target || (self->count == 0 && self->table.overhead == 0));
}

static inline uint64_t reclaim_bytes(bytes_pair *self, uint64_t need, uint64_t until) {
    bb_batch batch;
    bb_batch_init(&batch);
    const uint64_t before = self->table.budget.total;
    const uint64_t freed = bb_bytes_cache_reclaim(&self->cache, need, until, UINT64_MAX, &batch);
    CHECK(before - self->table.budget.total == freed);
    drop_all(self, &batch);
    model_evict(self, UINT32_MAX);
    return freed;
}

static inline void bytes_pair_close(bytes_pair *self) {
    for (uint32_t slot = 0; slot < MODEL_VIEWS; slot++) {
        if (self->views[slot].record != NULL) {
            view_bytes(self, slot, 0);
        }
    }
    check_bytes(self);
    bb_bytes_cache_close(&self->cache);
    CHECK(self->ledger.bytes == 0);
    CHECK(self->parent.total == 0);
}

#endif
