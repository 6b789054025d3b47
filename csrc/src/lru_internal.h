/* What the files of the LRU share with each other and with nobody else. */
#ifndef BYTEBOUND_LRU_INTERNAL_H
#define BYTEBOUND_LRU_INTERNAL_H

#include "bytebound/lru.h"

#define MIN_SLOT_BITS 3
#define MAX_SLOT_BITS 31

/* Doubling the slots is wanted above 1/2 full, for short probes, and needed
 * above 7/8; between the two it waits until the budget has room. */
static inline uint32_t wanted_load(uint32_t slot_bits) {
    return slot_bits == 0 ? 0 : (uint32_t)(((uint64_t)1 << slot_bits) >> 1);
}

static inline uint32_t needed_load(uint32_t slot_bits) {
    return slot_bits == 0 ? 0 : (uint32_t)(((uint64_t)7 << slot_bits) >> 3);
}

static inline uint64_t index_bytes(uint32_t capacity) {
    return capacity == 0 ? 0
                         : ((uint64_t)capacity + 1) * (sizeof(bb_lru_entry) + sizeof(bb_lru_link));
}

static inline uint64_t slot_bytes(uint32_t slot_bits) {
    return slot_bits == 0 ? 0 : sizeof(uint32_t) << slot_bits;
}

/* The arrays of a single entry. */
#define LEAST_OVERHEAD (index_bytes(1) + slot_bytes(MIN_SLOT_BITS))

static inline uint32_t home_slot(const bb_lru *self, uint64_t hash) {
    return bb_lru_scramble(hash) >> (32 - self->slot_bits);
}

static inline bool in_use(const bb_lru *self, uint32_t index) {
    return self->entries[index].key != NULL;
}

#endif
