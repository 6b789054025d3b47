/*
 * Fibonacci hashing, for every table of the core.
 *
 * Purpose: consecutive and strided numbers (hashes of ints, addresses) spread
 * over the upper bits, so a table takes as many of these as it needs and gets
 * along with linear probing.
 *
 * Complexity: a multiplication and a shift.
 */
#ifndef BYTEBOUND_SCRAMBLE_H
#define BYTEBOUND_SCRAMBLE_H

#include <stdint.h>

static inline uint32_t bb_scramble(uint64_t number) {
    return (uint32_t)((number * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

#endif
