/*
 * How often each of some things is pinned.
 *
 * Purpose: a structure marks what is pinned itself; here is how often, for those that are,
 * so that memory goes with the pins and not with the entries. Things are known by an
 * address that does not change while they are pinned.
 *
 * Layout: open addressing, linear probing, at most half full; removing closes the gap.
 *
 *   slots[2^bits]   ┌───────┬───────┐
 *   16 bytes each   │ thing │ times │   thing NULL = empty
 *                   └───────┴───────┘
 *
 * Complexity: O(1); growing O(n), amortised. The memory goes when the last pin does.
 *
 * Threads: none here.
 *
 * Invariants: `count` slots are filled, `times` of each is not 0, and each is found from
 * its thing.
 */
#ifndef BYTEBOUND_PINS_H
#define BYTEBOUND_PINS_H

#include <stdint.h>

#include "bytebound/alloc.h"

typedef struct bb_pin {
    void *thing;
    uint64_t times;
} bb_pin;

typedef struct bb_pins {
    bb_pin *slots;
    uint32_t bits; /* 2^bits slots; 0: none */
    uint32_t count;
} bb_pins;

static inline uint64_t bb_pins_bytes(const bb_pins *self) {
    return self->bits == 0 ? 0 : sizeof(bb_pin) << self->bits;
}

/* Whether pinning one thing more takes more memory. */
bool bb_pins_are_full(const bb_pins *self);

/* Makes a copy with room for one thing more, to take the place of this one. False without
 * memory. */
bool bb_pins_grow(const bb_pins *self, bb_pins *grown, const bb_allocator *allocator);

/* How often a thing is pinned. */
uint64_t bb_pins_times(const bb_pins *self, const void *thing);

/* Pins a thing once more. There is room for it. */
void bb_pins_add(bb_pins *self, void *thing);

/* Takes one pin of a thing away that is pinned. */
void bb_pins_remove(bb_pins *self, const void *thing, const bb_allocator *allocator);

/* Takes all pins away. */
void bb_pins_close(bb_pins *self, const bb_allocator *allocator);

/* True if every invariant holds; else *reason says which does not. */
bool bb_pins_validate(const bb_pins *self, const char **reason);

#endif
