/*
 * The last rows of a stream of rows of equal size.
 *
 * Purpose: the native half of a ring of numbers. It knows nothing of what is in a row.
 *
 * Layout: one mirror (see mirror.h), so the last n rows lie in one piece for every n, wherever
 * the ring has wrapped. The ring has as many whole pages as the rows take: more bytes than
 * rows mostly, and a row may begin on one side of its end and go on at the other.
 *
 *            ┌──────┬──────┬─────────────┬─ ─ ─
 *   ring     │ rows │      │    rows     │ the same pages
 *            └──────┴▲─────┴▲────────────┴─ ─ ─
 *                   end    the oldest of `count` rows
 *
 * A view is a window that moves on: it looks at the ring itself, and shows what is written there
 * later. It keeps the memory alive, not the rows.
 *
 * Complexity: O(bytes written); rows and clear O(1).
 *
 * Invariants (bb_array_ring_validate checks them): budget.total is what the mirror takes;
 * count <= capacity, count <= total; end is where `total` rows end.
 *
 * Threads: none here. The caller holds one lock around each call. Views may be read without it.
 */
#ifndef BYTEBOUND_ARRAY_RING_H
#define BYTEBOUND_ARRAY_RING_H

#include <string.h>

#include "bytebound/budget.h"
#include "bytebound/mirror.h"

typedef struct bb_array_ring {
    unsigned char *data; /* the ring; NULL: not open */
    size_t row_bytes;
    size_t size; /* of the ring */
    size_t end;  /* where the next row goes */
    uint64_t capacity;
    uint64_t count;
    uint64_t total; /* rows ever written */
    uint64_t views;
    bool closed;
    bb_mirror mirror;
    bb_budget budget;
    const bb_mirror_source *source;
} bb_array_ring;

/* A ring that is not open yet, and may be closed. */
void bb_array_ring_init(bb_array_ring *self, const bb_mirror_source *source);

/* For `capacity` rows of `row_bytes` bytes, neither of them 0. The limit is what that takes.
 * BB_NO_MEMORY: no memory is that large; BB_NO_FILE, BB_NO_MAPPING: as bb_mirror_open. */
bb_status bb_array_ring_open(bb_array_ring *self, uint64_t capacity, size_t row_bytes,
                             bb_budget *parent, bb_refusal *refusal);

/* Empties it. Nothing can be done with it any more but unview; gives everything back as soon as
 * there are no views. May be called again. */
void bb_array_ring_close(bb_array_ring *self);

/* False once it is closed, and in the child after a fork: it may not even be read then. */
static inline bool bb_array_ring_is_usable(const bb_array_ring *self) {
    return !self->closed && bb_mirror_is_ours(&self->mirror);
}

/* Whether an address is in the ring: rows from there must be copied before they are written. */
static inline bool bb_array_ring_has(const bb_array_ring *self, const void *address) {
    return (uintptr_t)address - (uintptr_t)self->data < 2 * self->size;
}

/* Writes `count` rows, the last of which stay. They do not come from the ring itself. */
void bb_array_ring_extend(bb_array_ring *self, const void *rows, uint64_t count);

/* The same for one. Inline: a row may be as short as a number. */
static inline void bb_array_ring_append(bb_array_ring *self, const void *row, size_t row_bytes) {
    memcpy(self->data + self->end, row, row_bytes);
    bb_mirror_repeat(&self->mirror, self->source, self->end, row_bytes);
    self->end += row_bytes;
    self->end -= self->end >= self->size ? self->size : 0;
    self->count += self->count != self->capacity;
    self->total++;
}

/* Where the last `count` rows begin, in one piece, oldest first; at most as many as there are. */
const unsigned char *bb_array_ring_rows(const bb_array_ring *self, uint64_t count);

/* Forgets the rows, not how many there were. */
void bb_array_ring_clear(bb_array_ring *self);

/* A view that is counted keeps the memory. */
void bb_array_ring_view(bb_array_ring *self);
void bb_array_ring_unview(bb_array_ring *self);

/* True if every invariant holds; else *reason says which does not. */
bool bb_array_ring_validate(bb_array_ring *self, const char **reason);

#endif
