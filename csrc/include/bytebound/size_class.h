/*
 * The sizes that a pool rounds requests up to.
 *
 * Purpose: blocks of one size can take each other's place. Steps of 16 bytes up
 * to 256, then 16 steps to a doubling, so that above 256 bytes at most 1/17 of a
 * block (5.9 %) is not asked for.
 *
 *     class   0   1  ..  15 | 16  17  ..  31 | 32  33 ..  47 | 48 ..
 *     size   16  32  .. 256 |272 288  .. 512 |544 576 ..1024 | 1088 ..
 *
 * A size that is a multiple of a power of two has a class that is one too; so a
 * block whose slab is aligned is aligned itself when its size was rounded up.
 *
 * Complexity: a few instructions, no loop.
 */
#ifndef BYTEBOUND_SIZE_CLASS_H
#define BYTEBOUND_SIZE_CLASS_H

#include <stdint.h>

#define BB_BLOCK_MAX ((uint64_t)1 << 39)
#define BB_SIZE_CLASSES 512

/* The least class for `size`, at most BB_BLOCK_MAX. */
static inline uint32_t bb_size_class(uint64_t size) {
    if (size <= 256) {
        return (uint32_t)(size - (size != 0)) >> 4;
    }
    const uint32_t doubling = 63 - (uint32_t)__builtin_clzll(size - 1); /* 8 or more */
    return (doubling - 8) * 16 + (uint32_t)((size - 1) >> (doubling - 4));
}

static inline uint64_t bb_class_size(uint32_t size_class) {
    if (size_class < 32) {
        return ((uint64_t)size_class + 1) << 4;
    }
    return (uint64_t)(size_class % 16 + 17) << (size_class / 16 + 3);
}

#endif
