/*
 * The set of addresses that one measurement has met.
 *
 * Purpose
 *   An object with one reference is reached once and needs no entry; every other one is asked
 *   for here. So a lookup has to cost about as much as the cache miss it causes, and the set has
 *   to be small: a measurement may hold fewer than 24 bytes for each object measured, all told.
 *
 * Layout
 *   One array of addresses, 0 where free, with linear probing. An address is spread by a
 *   multiplication, and its place is the high half of (spread * capacity), so the capacity need
 *   not be a power of two. At four fifths full the array grows by half: 10 to 15 bytes an entry.
 *   It grows in place: entries not yet moved carry the lowest bit, which no address has, and one
 *   that is in the way of another is picked up and moved next.
 *
 * Invariants
 *   count < capacity, so that a probe ends. From an entry's place to the entry no slot is free.
 *   The first array is part of the struct, so small measurements allocate nothing.
 *
 * Complexity: constant on average, in time; growing is amortised.
 */
#ifndef BYTEBOUND_SIZING_SEEN_H
#define BYTEBOUND_SIZING_SEEN_H

#include <Python.h>

#include <stdint.h>
#include <string.h>

enum { BB_SEEN_SMALL = 64 };

typedef struct bb_seen {
    uintptr_t *slots;
    size_t capacity;
    size_t count;
    size_t most; /* grow before count passes it */
    uintptr_t small[BB_SEEN_SMALL];
} bb_seen;

static inline void bb_seen_start(bb_seen *seen) {
    seen->slots = seen->small;
    seen->capacity = BB_SEEN_SMALL;
    seen->count = 0;
    seen->most = BB_SEEN_SMALL / 5 * 4;
    memset(seen->small, 0, sizeof(seen->small));
}

void bb_seen_end(bb_seen *seen);

/* 0, or -1 without memory (no exception is set, nothing is lost). */
int bb_seen_grow(bb_seen *seen);

static inline size_t bb_seen_place(uintptr_t address, size_t capacity) {
    uint32_t spread = (uint32_t)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
    return (size_t)(((uint64_t)spread * capacity) >> 32);
}

/* The slot of an address, or the free one where it belongs. */
static inline uintptr_t *bb_seen_find(const bb_seen *seen, uintptr_t address) {
    size_t place = bb_seen_place(address, seen->capacity);
    while (seen->slots[place] != 0 && seen->slots[place] != address) {
        place = place + 1 == seen->capacity ? 0 : place + 1;
    }
    return &seen->slots[place];
}

/* 1 if the address was not there and is now, 0 if it was, -1 without memory (and it is not). */
static inline int bb_seen_add(bb_seen *seen, const void *object) {
    uintptr_t address = (uintptr_t)object;
    uintptr_t *slot = bb_seen_find(seen, address);
    if (*slot != 0) {
        return 0;
    }
    if (seen->count == seen->most) {
        if (bb_seen_grow(seen) < 0) {
            return -1;
        }
        slot = bb_seen_find(seen, address);
    }
    *slot = address;
    seen->count++;
    return 1;
}

#endif
