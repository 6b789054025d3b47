/* What the files of the cache of bytes share with each other and with nobody else. */
#ifndef BYTEBOUND_BYTES_CACHE_INTERNAL_H
#define BYTEBOUND_BYTES_CACHE_INTERNAL_H

#include "bytebound/bytes_cache.h"

static inline uint64_t record_size(const bb_bytes_record *record) {
    return sizeof(bb_bytes_record) + record->value_size + record->key_size;
}

/* What its block takes. */
static inline uint64_t record_bytes(const bb_bytes_record *record) {
    return bb_class_size(bb_size_class(record_size(record)));
}

/* The oldest entry that is not `keep`, or 0. */
static inline uint32_t oldest_but(const bb_bytes_cache *self, const bb_bytes_record *keep) {
    const uint32_t index = bb_lru_oldest(self->table);
    return index != 0 && keep != NULL && bb_bytes_cache_at(self, index) == keep
               ? bb_lru_newer(self->table, index)
               : index;
}

/* Empties a slab if that is worth it. True if pages are idle that were not. */
bool bb_bytes_cache_compact(bb_bytes_cache *self);

/* Lets the oldest entry leave, other than `keep`: BB_OK if there may be room now, BB_FULL if the
 * batch is to be dropped first, BB_PINNED if nothing is left. */
bb_status bb_bytes_cache_make_room(bb_bytes_cache *self, const bb_bytes_record *keep,
                                   bb_reason reason, bb_batch *batch);

#endif
