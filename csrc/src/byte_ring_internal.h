/* What the sources of the byte ring share. */
#ifndef BYTEBOUND_BYTE_RING_INTERNAL_H
#define BYTEBOUND_BYTE_RING_INTERNAL_H

#include "bytebound/byte_ring.h"

enum {
    HEADER_BYTES = sizeof(uint64_t),
    LENGTH_BITS = 40,
};

#define LENGTH_MASK (((uint64_t)1 << LENGTH_BITS) - 1)
#define ONE_VIEW ((uint64_t)1 << LENGTH_BITS)
#define MOST_VIEWS (((uint64_t)1 << (64 - LENGTH_BITS)) - 1)

/* A window, and for each of its pages how many views look at it. */
struct bb_byte_window {
    bb_byte_window *next;
    bb_mirror mirror;
    uint64_t views;
    size_t kept;      /* pages */
    uint32_t pages[]; /* of the ring, twice */
};

#define PAGE_VIEWS (((uint32_t)1 << 30) - 1)
#define PAGE_PLANNED ((uint32_t)1 << 30) /* to be kept, if the budget has room */
#define PAGE_KEPT ((uint32_t)1 << 31)

/* Pages that will be kept together, or none. */
typedef struct bb_keeping {
    size_t first, last; /* the range that they are in */
    size_t pages;
} bb_keeping;

static inline uint64_t *bb_header(const bb_byte_ring *self, size_t offset) {
    return (uint64_t *)(void *)(self->data + offset);
}

/* What a record takes of the ring. */
static inline size_t bb_record_room(uint64_t length) {
    return (size_t)((length + 2 * HEADER_BYTES - 1) & ~(uint64_t)(HEADER_BYTES - 1));
}

static inline size_t bb_after(const bb_byte_ring *self, size_t offset, size_t room) {
    const size_t next = offset + room;
    return next >= self->size ? next - self->size : next;
}

/* Adds the pages through which a record is viewed, and that are not kept yet. */
void bb_keeping_add(bb_byte_ring *self, bb_keeping *keeping, size_t offset, size_t length);

/* Charges and keeps them all, or changes nothing. */
bb_status bb_keeping_commit(bb_byte_ring *self, const bb_keeping *keeping, bb_refusal *refusal);

/* Frees every window and releases what was charged for them. There are no views. */
void bb_windows_close(bb_byte_ring *self);

/* What a window of a ring of `size` bytes takes, beside the pages that it keeps. */
uint64_t bb_window_bytes(size_t size);

#endif
