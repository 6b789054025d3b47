#include "bytes_cache_internal.h"

static const char *record_defect(const bb_bytes_cache *self, uint32_t index) {
    const bb_lru_entry *entry = &self->table->entries[index];
    const bb_bytes_record *record = entry->value;
    if (entry->key != record) {
        return "an entry's key is not its record";
    }
    if ((record->holds & BB_BYTES_RECORD_OWNED) == 0) {
        return "a record in the table does not know of it";
    }
    if (self->hash(record->key, record->key_size) != entry->hash) {
        return "an entry has not the hash of its record's key";
    }
    if (bb_lru_charge(entry) != 0) {
        return "a record is charged twice";
    }
    return NULL;
}

static const char *records_defect(const bb_bytes_cache *self) {
    uint64_t held = 0, held_count = 0;
    const bb_lru *table = self->table;
    for (uint32_t index = bb_lru_oldest(table); index != 0; index = bb_lru_newer(table, index)) {
        const char *reason = record_defect(self, index);
        const bb_bytes_record *record = bb_bytes_cache_at(self, index);
        if (reason != NULL) {
            return reason;
        }
        held_count += record->holds != BB_BYTES_RECORD_OWNED;
        held += record->holds != BB_BYTES_RECORD_OWNED ? record_bytes(record) : 0;
    }
    if (held > self->held || held_count > self->held_count) {
        return "a record is held that is not counted";
    }
    if (self->pool.blocks != table->count + self->held_count - held_count) {
        return "a block is neither an entry nor held";
    }
    return NULL;
}

/* The table does not know that the pool is charged to the same budget. */
static bool table_is_valid(const bb_bytes_cache *self, const char **reason) {
    bb_lru table = *self->table;
    if (table.budget.total < self->pool.budget.total) {
        *reason = "the pool is not charged to the budget";
        return false;
    }
    table.budget.total -= self->pool.budget.total;
    if (table.budget.parent == NULL) {
        table.budget.root = &table.budget;
    }
    return bb_lru_validate(&table, reason);
}

bool bb_bytes_cache_validate(bb_bytes_cache *self, const char **reason) {
    *reason = records_defect(self);
    if (*reason == NULL && self->table->budget.total > self->table->budget.limit) {
        *reason = "the bound is passed";
    }
    return *reason == NULL && bb_pool_validate(&self->pool, reason) && table_is_valid(self, reason);
}
