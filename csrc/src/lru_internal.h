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

/* What a block of the allocator takes. */
static inline uint64_t taken(const bb_lru *self, uint64_t bytes) {
    return self->page == 0 ? bytes : (bytes + self->page - 1) & ~(self->page - 1);
}

/* All that a structure takes for its indices. */
static inline uint64_t index_bytes(const bb_lru *self, uint32_t capacity) {
    const uint32_t columns = self->columns;
    const uint64_t count = (uint64_t)capacity + 1;
    if (capacity == 0) {
        return 0;
    }
    return taken(self, count * sizeof(bb_lru_entry)) + taken(self, count * sizeof(bb_lru_link)) +
           (columns & BB_LRU_PARTS ? taken(self, count * sizeof(bb_parts_list)) : 0) +
           (columns & BB_LRU_TIMERS ? taken(self, count * sizeof(bb_timer)) : 0) +
           (columns & BB_LRU_TIMERS ? taken(self, sizeof(bb_lru_expiry)) : 0) +
           (columns & BB_LRU_IDLES ? taken(self, count * sizeof(bb_lru_idle)) : 0) +
           (columns & BB_LRU_USES ? taken(self, count * sizeof(uint64_t)) : 0);
}

/* What the array of slots is asked for with, and what it takes. */
static inline uint64_t slot_size(uint32_t slot_bits) {
    return slot_bits == 0 ? 0 : sizeof(uint32_t) << slot_bits;
}

static inline uint64_t slot_bytes(const bb_lru *self, uint32_t slot_bits) {
    return taken(self, slot_size(slot_bits));
}

static inline uint32_t home_slot(const bb_lru *self, uint64_t hash) {
    return bb_scramble(hash) >> (32 - self->slot_bits);
}

static inline bool in_use(const bb_lru *self, uint32_t index) {
    return self->entries[index].key != NULL;
}

/* What the arrays take. */
static inline uint64_t array_bytes(const bb_lru *self) {
    return index_bytes(self, self->capacity) + slot_bytes(self, self->slot_bits);
}

/* All memory that the structure has now. During a planned operation, lists that
 * were let go of do not count any more, and what was tentatively taken does. */
static inline uint64_t own_bytes(const bb_lru *self) {
    const uint64_t bytes = array_bytes(self) + bb_pins_bytes(&self->pins);
    return self->sharing == NULL
               ? bytes
               : bytes + sizeof(bb_lru_sharing) + bb_parts_overhead(&self->sharing->parts);
}

static inline bool is_pinned(const bb_lru *self, uint32_t index) {
    return (self->entries[index].charge & BB_LRU_PINNED) != 0;
}

/* Whether an entry's leaving is for this structure to decide, not for all under a budget. */
static inline bool may_leave(const bb_lru *self, uint32_t index, bb_reason reason) {
    return reason != BB_BUDGET || self->uses == NULL || self->uses[index] <= self->yields_until;
}

static inline uint64_t charged_overhead(const bb_lru *self, uint64_t bytes) {
    return self->charge_overhead ? bytes : 0;
}

static inline bb_reason reason_for(const bb_lru *self, const bb_refusal *refusal) {
    return refusal->level == &self->budget ? BB_SIZE : BB_BUDGET;
}

/* ---- one entry ---- */

/* The parts of an entry as bb_parts_let_go, bb_parts_take_back and bb_parts_forget. */
uint64_t bb_lru_let_go_parts(bb_lru *self, uint32_t index);
void bb_lru_take_back_parts(bb_lru *self, uint32_t index);
void bb_lru_forget_parts(bb_lru *self, uint32_t index);

/* What the leaving of an entry releases, given those that were let go of before. Until it
 * is unlinked, take_back undoes it. */
static inline uint64_t let_go(bb_lru *self, uint32_t index) {
    const uint64_t charge = bb_lru_charge(&self->entries[index]);
    return self->sharing == NULL ? charge : charge + bb_lru_let_go_parts(self, index);
}

static inline void take_back(bb_lru *self, uint32_t index) {
    if (self->sharing != NULL) {
        bb_lru_take_back_parts(self, index);
    }
}

static inline bb_removed describe(const bb_lru *self, uint32_t index, bb_reason reason,
                                  uint64_t released) {
    const bb_lru_entry *entry = &self->entries[index];
    return (bb_removed){entry->key, entry->value, released, index, reason};
}

/* ---- lru.c ---- */

void bb_lru_place(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge);

/* Takes an entry that was let go of out of every array; what that released stays in the
 * budget. */
void bb_lru_unlink(bb_lru *self, uint32_t index, bb_reason reason, uint64_t released);

/* ---- lru_arrays.c ---- */

void bb_lru_set_columns(bb_lru *self, uint32_t columns);

/* What all memory of the structure would take after compacting to `count`, never more than now. */
uint64_t bb_lru_least_bytes(const bb_lru *self, uint32_t count);

uint32_t bb_lru_slot_bits_for(uint32_t count);
void bb_lru_compact_and_release(bb_lru *self, uint32_t capacity);

/* Frees all memory, whatever entries there are. */
void bb_lru_free_arrays(bb_lru *self);

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

/* As bb_lru_remove, and gives no slack back. */
void bb_lru_take_out(bb_lru *self, uint32_t index, bb_reason reason, bb_removed *removed);

/* ---- lru_evict.c ---- */

bb_status bb_lru_exchange_for_oldest(bb_lru *self, uint32_t skip, uint64_t payload, uint64_t least,
                                     bb_reason reason, bb_batch *batch, bb_refusal *refusal,
                                     uint32_t *room);
void bb_lru_commit(bb_lru *self, bb_batch *batch);

/* ---- lru_cursor.c ---- */

/* An entry is about to leave, which shall not concern cursors. */
void bb_lru_pass_over(bb_lru *self, uint32_t index);

/* Before entries get other indices, and after: the new one of `from` is entries[from].charge. */
void bb_lru_forget_gone(bb_lru *self);
void bb_lru_renumber(bb_lru *self);

/* ---- lru_expiry.c ---- */

bool bb_lru_start_expiry(bb_lru *self);
void bb_lru_free_expiry(bb_lru *self);

/* Lets nothing expire at indices that have been allocated. */
void bb_lru_clear_times(bb_lru *self, uint64_t from, uint64_t to);

/* An entry has got another index. */
void bb_lru_move_times(bb_lru *self, uint32_t from, uint32_t to);

/* Takes the timer of an entry that leaves away, if there is one. */
void bb_lru_unschedule(bb_lru *self, uint32_t index);

/* Gives the newest entry of a copy the timer of the original. */
void bb_lru_copy_timer(const bb_lru *self, uint32_t index, bb_lru *into);

/* ---- lru_shared.c: nothing happens where nothing is shared ---- */

/* The lists of all entries, which are gone or go with them; then the rest. */
void bb_lru_free_lists(bb_lru *self);
void bb_lru_free_sharing(bb_lru *self);

/* Takes the memory for what another structure's entries share, into an empty one. */
bb_status bb_lru_copy_parts(const bb_lru *self, bb_lru *into);

/* Gives the newest entry of a copy the list of the original. False without memory. */
bool bb_lru_copy_list(const bb_lru *self, uint32_t index, bb_lru *into);

#endif
