/* The slots of an LRU, from hashes to indices. */
#ifndef BYTEBOUND_LRU_SLOTS_H
#define BYTEBOUND_LRU_SLOTS_H

#include "lru_internal.h"

static inline void slot_insert(bb_lru *self, uint64_t hash, uint32_t index) {
    const uint32_t mask = ((uint32_t)1 << self->slot_bits) - 1;
    const uint32_t scrambled = bb_scramble(hash);
    const uint32_t home = scrambled >> (32 - self->slot_bits);
    uint32_t at = home;
    while (self->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    self->slots[at] = bb_lru_tag(scrambled, self->slot_bits) | index;
    self->strayed |= ((at - home) & mask) >> BB_LRU_HOME_BITS != 0;
}

/* How far the entry in a slot is from its home. */
static inline uint32_t distance(const bb_lru *self, uint32_t at, uint32_t mask) {
    const uint32_t slot = self->slots[at];
    if (self->strayed) {
        return (at - home_slot(self, self->entries[slot & mask].hash)) & mask;
    }
    return (at - (slot >> (32 - BB_LRU_HOME_BITS))) & mask & ((1u << BB_LRU_HOME_BITS) - 1);
}

/* Closes the gap by moving later entries of the run back, so no tombstone is
 * left and probes never get longer with age. */
static inline void slot_remove(bb_lru *self, uint32_t index) {
    const uint32_t mask = ((uint32_t)1 << self->slot_bits) - 1;
    uint32_t *slots = self->slots;
    uint32_t gap = home_slot(self, self->entries[index].hash);
    while ((slots[gap] & mask) != index) {
        gap = (gap + 1) & mask;
    }
    for (uint32_t at = (gap + 1) & mask; slots[at] != 0; at = (at + 1) & mask) {
        if (distance(self, at, mask) >= ((at - gap) & mask)) {
            slots[gap] = slots[at];
            gap = at;
        }
    }
    slots[gap] = 0;
}

#endif
