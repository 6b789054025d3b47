/*
 * A ring of records of bytes, in one block of memory that never grows.
 *
 * Purpose: the newest records of a stream, as many as fit. Appending drops the oldest ones;
 * the block is charged to the budget once, before it is mapped.
 *
 * Layout: one mirror (see mirror.h). The index is its prefix, the records are its ring, so
 * every record lies in one piece:
 *
 *            ◀─ index ─▶◀────────────── size ──────────────▶◀─ the same pages ─ ─
 *            ┌─────────┬─────┬──────┬─────────────┬─────────┬─ ─ ─
 *   block    │ offsets │ ... │ gone │   records   │  free   │ ...
 *            └─────────┴─────┴▲─────┴▲────────────┴▲────────┴─ ─ ─
 *                           floor  first          head
 *
 *   record   ┌──────────────────────┬───────────┬─────────┐
 *            │ length:40   views:24 │ the bytes │ padding │   a multiple of 8 bytes
 *            └──────────────────────┴───────────┴─────────┘
 *
 * A record's number, counted from 0, is its sequence number for good. The index has the offset
 * of each record whose number is a multiple of 2^stride_bits; the others are walked to from there.
 * It has about a slot for each 256 bytes of the ring, and the stride follows the number of
 * records: larger records are found at once, smaller ones within a few hundred bytes.
 *
 * Views. A record that somebody looks at is pinned. Leaving the ring (popped, evicted, cleared)
 * does not overwrite a record yet: that happens when appending moves the floor over it. Then, by
 * `on_pinned`,
 *
 *   BB_PINNED_RAISE   appending is refused, and nothing has changed. Views look at the block.
 *   BB_PINNED_COPY    the pages of the record are kept: views look through a window (mirror.h),
 *                     which gets copies of them at the same addresses. They are charged like
 *                     anything else, until the last view through them dies. A record on a page
 *                     that a window keeps is looked at through another window; there
 *                     are as many as that takes, and mostly one.
 *
 * Complexity: append O(bytes + records dropped), find O(1) and at most 2^6 records walked, popping
 * O(1), pin and unpin O(pages of the record * windows). The index is made anew when the
 * stride changes, O(records), amortised over the appends that made it change.
 *
 * Bytes: `block` = index (1/64 to 1/32 of it, at least a page) and ring, whole pages, at most what
 * was asked for. Each record takes its length and 8 to 15 more. A window takes 8 bytes for each
 * page of the ring and 80 more, and a page for each that it keeps. The last window stays until the
 * ring is cleared or closed: mapping it anew for each view would take longer than the view.
 *
 * Invariants (bb_byte_ring_validate checks them):
 *   - budget.total == block + what windows take, and never above budget.limit;
 *   - walking from `floor` visits floor_seq, ..., next_seq - 1 and ends at `head` after `held`
 *     bytes; `first` is the offset of first_seq;
 *   - a record that is viewed lies between floor and head, or every page of it is kept.
 *
 * Threads: none here. The caller holds one lock around each call. Views may be read without it.
 */
#ifndef BYTEBOUND_BYTE_RING_H
#define BYTEBOUND_BYTE_RING_H

#include "bytebound/alloc.h"
#include "bytebound/budget.h"
#include "bytebound/mirror.h"

typedef enum bb_on_pinned {
    BB_PINNED_RAISE,
    BB_PINNED_COPY,
} bb_on_pinned;

typedef struct bb_byte_window bb_byte_window;

typedef struct bb_byte_ring_counters {
    uint64_t appends;
    uint64_t evictions;
    uint64_t set_aside; /* records that were overwritten while they were viewed */
} bb_byte_ring_counters;

typedef struct bb_byte_ring {
    unsigned char *data; /* the ring; NULL: not open */
    size_t size;
    size_t head;
    size_t held; /* bytes between floor and head */
    size_t floor;
    size_t first;
    uint64_t floor_seq;
    uint64_t first_seq;
    uint64_t next_seq;
    uint64_t payload; /* bytes of the records from first_seq on */
    uint64_t *index;
    uint64_t slots; /* of the index, a power of two */
    uint32_t stride_bits;
    bool closed;
    bb_on_pinned on_pinned;
    bb_byte_ring_counters counters;

    uint64_t views;
    uint64_t blocker; /* the record that made the last BB_PINNED */
    bb_byte_window *windows;
    bb_mirror mirror;
    uint64_t block;
    bb_budget budget;
    bb_allocator allocator;
    const bb_mirror_source *source;
} bb_byte_ring;

typedef struct bb_record {
    const unsigned char *bytes;
    size_t length;
} bb_record;

/* What a view holds. */
typedef struct bb_record_view {
    bb_record record;
    uint64_t seq;
    size_t offset;          /* of the record in the ring */
    bb_byte_window *window; /* NULL: it looks at the block */
} bb_record_view;

/* A ring that is not open yet, and may be closed. */
void bb_byte_ring_init(bb_byte_ring *self, bb_allocator allocator, const bb_mirror_source *source);

/* The least that a block can be: two pages. */
size_t bb_byte_ring_least(void);

/*
 * Takes a block of at most `capacity` bytes, at least bb_byte_ring_least(). The limit is the
 * block and, where views are copied for, as much again and two windows. That sets aside all that
 * the ring holds, once, while a second window is looked through: a record across the end takes
 * one page more than the ring has, and the index is not shorter than a page.
 * BB_TOO_LARGE: more than a process can address; BB_UNSUPPORTED: this platform has no windows;
 * BB_NO_FILE, BB_NO_MAPPING: as bb_mirror_open.
 */
bb_status bb_byte_ring_open(bb_byte_ring *self, size_t capacity, bb_on_pinned on_pinned,
                            bb_budget *parent, bb_refusal *refusal);

/* Empties it. Nothing can be done with it any more but unview; gives everything back as soon as
 * there are no views. May be called again. */
void bb_byte_ring_close(bb_byte_ring *self);

/* False once it is closed, and in the child after a fork: it may not even be read then. */
static inline bool bb_byte_ring_is_usable(const bb_byte_ring *self) {
    return !self->closed && bb_mirror_is_ours(&self->mirror);
}

static inline uint64_t bb_byte_ring_count(const bb_byte_ring *self) {
    return self->next_seq - self->first_seq;
}

/* The longest record there can be. */
size_t bb_byte_ring_longest(const bb_byte_ring *self);

/*
 * Copies a record in, as number next_seq, and drops as many of the oldest as need be.
 * BB_TOO_LARGE without a refusal (its level is NULL): longer than the longest. BB_PINNED: see
 * `blocker`. BB_TOO_LARGE, BB_OVER_BUDGET: no room for pages to be kept; BB_NO_MAPPING likewise.
 */
bb_status bb_byte_ring_append(bb_byte_ring *self, const void *bytes, size_t length,
                              bb_refusal *refusal);

/* first_seq <= seq < next_seq. Good until the next append. */
bb_record bb_byte_ring_find(const bb_byte_ring *self, uint64_t seq);

/* Drops the oldest record of a ring that has one. */
void bb_byte_ring_pop(bb_byte_ring *self);

/* Sequence numbers go on. Without views, the window goes too. */
void bb_byte_ring_clear(bb_byte_ring *self);

/*
 * first_seq <= seq < next_seq. The bytes stay as and where they are until unview. BB_TOO_MANY:
 * 2^24 views; BB_NO_MEMORY, BB_NO_FILE, BB_NO_MAPPING, BB_TOO_LARGE, BB_OVER_BUDGET: no room for
 * another window.
 */
bb_status bb_byte_ring_view(bb_byte_ring *self, uint64_t seq, bb_record_view *view,
                            bb_refusal *refusal);
void bb_byte_ring_unview(bb_byte_ring *self, const bb_record_view *view);

/* Charged for views, beside the block. */
static inline uint64_t bb_byte_ring_aside(bb_byte_ring *self) {
    const uint64_t total = bb_budget_read(&self->budget).total;
    return total > self->block ? total - self->block : 0;
}

/* True if every invariant holds; else *reason says which does not. */
bool bb_byte_ring_validate(bb_byte_ring *self, const char **reason);

#endif
