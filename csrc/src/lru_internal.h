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

static inline bool keeps_uses(const bb_lru *self) {
    return self->budget.parent != NULL;
}

/* All that a structure takes for each index. */
static inline size_t index_size(bool shares, bool uses) {
    return sizeof(bb_lru_entry) + sizeof(bb_lru_link) + (shares ? sizeof(bb_parts_list) : 0) +
           (uses ? sizeof(uint64_t) : 0);
}

static inline uint64_t index_bytes(const bb_lru *self, uint32_t capacity) {
    const size_t each = index_size(self->shares, keeps_uses(self));
    return capacity == 0 ? 0 : ((uint64_t)capacity + 1) * each;
}

static inline uint64_t slot_bytes(uint32_t slot_bits) {
    return slot_bits == 0 ? 0 : sizeof(uint32_t) << slot_bits;
}

static inline uint32_t home_slot(const bb_lru *self, uint64_t hash) {
    return bb_scramble(hash) >> (32 - self->slot_bits);
}

static inline bool in_use(const bb_lru *self, uint32_t index) {
    return self->entries[index].key != NULL;
}

/* What the arrays take. */
static inline uint64_t array_bytes(const bb_lru *self) {
    return index_bytes(self, self->capacity) + slot_bytes(self->slot_bits);
}

/* All memory that the structure has now. During a planned operation, lists that
 * were let go of do not count any more, and what was tentatively held does. */
static inline uint64_t own_bytes(const bb_lru *self) {
    const uint64_t arrays = array_bytes(self);
    return self->sharing == NULL
               ? arrays
               : arrays + sizeof(bb_lru_sharing) + bb_parts_overhead(&self->sharing->parts);
}

static inline uint64_t charged_overhead(const bb_lru *self, uint64_t bytes) {
    return self->charge_overhead ? bytes : 0;
}

static inline bb_reason reason_for(const bb_lru *self, const bb_refusal *refusal) {
    return refusal->level == &self->budget ? BB_SIZE : BB_BUDGET;
}

/* ---- lru.c, for lru_shared.c ---- */

/* Takes the memory for so many indices and slots. The caller has charged the growth. */
bool bb_lru_grow(bb_lru *self, uint32_t capacity, uint32_t slot_bits);
void bb_lru_compact(bb_lru *self, uint32_t capacity);
void bb_lru_compact_if_sparse(bb_lru *self);

/* Exchanges in the budget all that is charged for what will be. */
bb_status bb_lru_exchange_all(bb_lru *self, uint64_t payload, uint64_t overhead,
                              bb_refusal *refusal);

/* Adds `charge` and takes away `release` in the budget, and sees to it that an index and a
 * slot are free. */
bb_status bb_lru_charge_and_grow(bb_lru *self, uint64_t release, uint64_t charge,
                                 bb_refusal *refusal);
bb_status bb_lru_exchange_for_oldest(bb_lru *self, uint32_t skip, uint64_t payload, uint64_t least,
                                     bb_reason reason, bb_batch *batch, bb_refusal *refusal,
                                     uint32_t *room);
void bb_lru_commit(bb_lru *self, bb_batch *batch);
void bb_lru_place(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge);

/* ---- lru_shared.c, for lru.c: nothing happens where nothing is shared ---- */

/* The parts of an entry as bb_parts_let_go, bb_parts_take_back and bb_parts_forget. */
uint64_t bb_lru_let_go_parts(bb_lru *self, uint32_t index);
void bb_lru_take_back_parts(bb_lru *self, uint32_t index);
void bb_lru_forget_parts(bb_lru *self, uint32_t index);

/* The lists of all entries, which are gone or go with them; then the rest. */
void bb_lru_free_lists(bb_lru *self);
void bb_lru_free_sharing(bb_lru *self);

/* Takes the memory for what another structure's entries share, into an empty one. */
bb_status bb_lru_copy_parts(const bb_lru *self, bb_lru *into);

/* Gives the newest entry of a copy the list of the original. False without memory. */
bool bb_lru_copy_list(const bb_lru *self, uint32_t index, bb_lru *into);

#endif
