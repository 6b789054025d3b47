/* What the files of the ring share with each other and with nobody else. */
#ifndef BYTEBOUND_RING_INTERNAL_H
#define BYTEBOUND_RING_INTERNAL_H

#include "bytebound/ring.h"

/* Exchanges in the budget all that is charged for what will be. */
bb_status bb_ring_exchange_all(bb_ring *self, uint64_t payload, uint32_t capacity,
                               bb_refusal *refusal);

/* The caller has charged the growth. */
bool bb_ring_grow(bb_ring *self, uint32_t capacity);

/* As bb_ring_remove, and gives no slots back. */
void bb_ring_take_out(bb_ring *self, uint32_t index, bb_reason reason, bb_removed *removed);

/* Gives back all but `capacity` slots. The caller releases what it saved. */
void bb_ring_shrink(bb_ring *self, uint32_t capacity);

static inline uint64_t charged(const bb_ring *self) {
    return self->payload + bb_ring_overhead(self);
}

static inline void shrink_and_release(bb_ring *self, uint32_t capacity) {
    const uint64_t before = bb_ring_overhead(self);
    bb_ring_shrink(self, capacity);
    bb_budget_release(&self->budget, before - bb_ring_overhead(self));
}

/* Memory follows the content: a quarter full gives half back. */
static inline bool is_sparse(const bb_ring *self) {
    return self->capacity > 32 && self->count < self->capacity / 4;
}

static inline void shrink_if_sparse(bb_ring *self) {
    if (is_sparse(self)) {
        shrink_and_release(self, self->count * 2 + 1);
    }
}

/* Lets go of slots at one end; what they were charged is the caller's to see to. */
static inline void drop(bb_ring *self, bb_end end, uint32_t count) {
    if (end == BB_LEFT) {
        const size_t head = (size_t)self->head + count;
        self->head = (uint32_t)(head < self->capacity ? head : head - self->capacity);
    }
    self->count -= count;
    self->version++;
}

static inline bb_removed describe(const bb_ring *self, uint32_t index, bb_reason reason) {
    const bb_ring_slot *slot = bb_ring_at(self, index);
    return (bb_removed){NULL, slot->item, slot->charge, index, reason};
}

/* ---- ring_reclaim.c ---- */

/* Remembers that items entered, for those under a budget. */
void bb_ring_mark(bb_ring *self, uint32_t count);

static inline void mark_entered(bb_ring *self, uint32_t count) {
    if (self->budget.parent != NULL) {
        bb_ring_mark(self, count);
    }
}

/* Whether the oldest item may leave by this ring's decision, for the sake of a budget above. */
bool bb_ring_yields(const bb_ring *self);

/* Those of a batch have left. */
static inline void count_left(bb_ring *self, const bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        self->payload -= batch->items[i].charge;
        self->counters.left[batch->items[i].reason]++;
    }
}

#endif
