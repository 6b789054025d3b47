/*
 * The allocator that every instance is given.
 *
 * Purpose: a structure never calls malloc by name. Tests pass an allocator that
 * fails the n-th request or that keeps a ledger; Python passes one that its own
 * memory tracer sees; a pool can pass itself.
 *
 * One function does everything, and is told the old size, so that an allocator
 * needs no header of its own to keep exact totals:
 *
 *     resize(context, NULL,  0,   n)   allocate n bytes
 *     resize(context, block, old, n)   grow or shrink, contents kept
 *     resize(context, block, old, 0)   free, returns NULL
 *
 * Invariants an allocator keeps:
 *   - growing may fail: it returns NULL and the old block stays as it was;
 *   - shrinking and freeing never fail. Structures rely on it to give memory
 *     back in the middle of an operation that must not fail any more.
 */
#ifndef BYTEBOUND_ALLOC_H
#define BYTEBOUND_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bb_allocator {
    void *(*resize)(void *context, void *block, size_t old_size, size_t new_size);
    void *context;
} bb_allocator;

/* The C library's heap. */
extern const bb_allocator bb_system_allocator;

static inline void *bb_resize(const bb_allocator *self, void *block, size_t old_size,
                              size_t new_size) {
    return self->resize(self->context, block, old_size, new_size);
}

/* *result = count * size; false, and *result untouched, if that overflows. */
static inline bool bb_multiply(size_t count, size_t size, size_t *result) {
    return !__builtin_mul_overflow(count, size, result);
}

#endif
