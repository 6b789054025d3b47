/*
 * What one operation evicted.
 *
 * Purpose: a structure that evicts hands out what left, and its caller drops the
 * references and calls back afterwards, outside any lock. Every structure that evicts
 * fills the same batch, with the same reasons.
 *
 * Layout: room for a few inside, because most operations evict one or none; more go
 * to memory of the structure's allocator, which is not charged: it lives until the
 * callbacks have run.
 *
 *   items ──▶ inline_items[4]  or  a block of `capacity`, doubled as needed
 *
 * Complexity: O(1) to add, amortised.
 *
 * Threads: none here; a batch belongs to one operation.
 *
 * Invariants: count <= capacity; items in the order in which they left.
 */
#ifndef BYTEBOUND_BATCH_H
#define BYTEBOUND_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bytebound/alloc.h"

/* Why an entry left. */
typedef enum bb_reason {
    BB_SIZE,     /* the own byte bound */
    BB_ITEMS,    /* the own bound on entries */
    BB_BUDGET,   /* a budget above */
    BB_TRIMMED,  /* memory was asked back */
    BB_EXPIRED,  /* its time was up */
    BB_REPLACED, /* the rest are the user's doing */
    BB_DELETED,
    BB_CLEARED,
    BB_REASON_COUNT,
} bb_reason;

/* An entry that left, with the references it held. */
typedef struct bb_removed {
    void *key; /* NULL where entries have none */
    void *value;
    uint64_t charge; /* what its leaving released */
    uint32_t index;  /* for the structure that evicts; of no use to its caller */
    bb_reason reason;
} bb_removed;

#define BB_BATCH_INLINE 4

/* The caller drops the references and then frees the batch. */
typedef struct bb_batch {
    bb_removed *items;
    uint32_t count;
    uint32_t capacity;
    bb_removed inline_items[BB_BATCH_INLINE];
} bb_batch;

static inline void bb_batch_init(bb_batch *self) {
    self->items = self->inline_items;
    self->count = 0;
    self->capacity = BB_BATCH_INLINE;
}

/* False without memory; then nothing has changed. */
bool bb_batch_push(bb_batch *self, const bb_allocator *allocator, bb_removed removed);

/* Takes the memory for `count` more. False without memory; then nothing has changed. */
bool bb_batch_reserve(bb_batch *self, const bb_allocator *allocator, uint32_t count);

/* Empties it too. `allocator`: the one it was filled with. */
void bb_batch_free(bb_batch *self, const bb_allocator *allocator);

#endif
