/*
 * Memory mapped twice in a row, so that a ring has no seam.
 *
 * Purpose: whatever starts in a ring of `size` bytes and is at most `size` long lies
 * there in one piece, also where the ring wraps: the same pages follow once more.
 *
 *   base        ring             ring + size
 *   ┌──────────┬────────────────┬────────────────┐
 *   │  prefix  │ 0 1 2 ... n-1  │ 0 1 2 ... n-1  │   addresses
 *   └────┬─────┴───────┬────────┴───────┬────────┘
 *        ▼             ▼                ▼
 *   ┌──────────┬────────────────┐       │
 *   │  prefix  │ 0 1 2 ... n-1  │◀──────┘            pages: prefix + size bytes, once
 *   └──────────┴────────────────┘
 *
 * A window is one more look at the ring of a mirror, at other addresses. It shows what
 * is written through the mirror, page by page, until a page is kept: then the
 * window has the page for itself, with the contents of that moment at the same address,
 * whoever reads it meanwhile. A page that is shown again is the mirror's once more.
 * (A window is a private mapping of the file, of which the kernel copies a page on the
 * first write; it cannot be written otherwise, or locking it into memory would copy all.)
 *
 * Where the platform has no files in memory, `make_file` is NULL: then a mirror is
 * plain memory of twice the ring's size, who writes must repeat it (bb_mirror_repeat),
 * and there are no windows. bb_mirror_bytes says what either takes.
 *
 * After a fork the pages are still those of the parent: a child that wrote would change
 * what the parent reads. bb_mirror_is_ours is false there, and the child must let it be.
 *
 * Complexity: opening is a handful of system calls; pages take memory when they are
 * first written.
 *
 * Threads: none of this has a lock; keeping and showing pages is the caller's to serialise.
 */
#ifndef BYTEBOUND_MIRROR_H
#define BYTEBOUND_MIRROR_H

#include <stdatomic.h>
#include <stdint.h>

#include "bytebound/pages.h"
#include "bytebound/status.h"

/* What a mirror is made with; a test passes one that fails at the n-th step. */
typedef struct bb_mirror_source {
    const bb_page_source *pages;
    /* A file of zeros in memory, or -1 and errno says why. NULL: the platform has none. */
    int (*make_file)(void *context, size_t size);
    /* Puts pages of the file at addresses that were mapped before: a mirror's own, or to be
     * read only, until they are made writable; then what is written stays private. */
    bool (*map_file)(void *context, void *pages, size_t size, int file, size_t offset, bool own);
    bool (*make_writable)(void *context, void *pages, size_t size, bool writable);
    void *context;
} bb_mirror_source;

extern const bb_mirror_source bb_system_mirrors;

typedef struct bb_mirror {
    unsigned char *base; /* NULL: closed */
    size_t prefix;
    size_t size;
    int file;         /* -1: windows cannot be opened */
    uint64_t file_id; /* a number may be closed behind our back and name another file */
    unsigned forks;   /* *counted, when it was opened */
    /* Forks that happened above this process. Of whoever opened it: several parts of a process
     * may have this library linked in, each with its own counter. */
    const atomic_uint *counted;
} bb_mirror;

/* The bytes that a mirror takes once all of it is written. Overflow has been excluded. */
static inline uint64_t bb_mirror_bytes(const bb_mirror_source *source, size_t prefix, size_t size) {
    return (uint64_t)prefix + (source->make_file != NULL ? 1u : 2u) * (uint64_t)size;
}

/* Both sizes are multiples of the page size; `size` is not 0. BB_NO_FILE, BB_NO_MAPPING: *self is
 * closed. `windows`: keep the file, so that windows can be opened. */
bb_status bb_mirror_open(bb_mirror *self, const bb_mirror_source *source, size_t prefix,
                         size_t size, bool windows);

/* BB_NO_FILE, BB_NO_MAPPING: *self is closed. */
bb_status bb_mirror_open_window(bb_mirror *self, const bb_mirror_source *source,
                                const bb_mirror *of);

/* Of a mirror or a window. Windows may outlive their mirror. */
void bb_mirror_close(bb_mirror *self, const bb_mirror_source *source);

static inline unsigned char *bb_mirror_ring(const bb_mirror *self) {
    return self->base + self->prefix;
}

/* Of one that is open. */
static inline bool bb_mirror_is_ours(const bb_mirror *self) {
    return self->forks == atomic_load_explicit(self->counted, memory_order_relaxed);
}

/* To be called after `length` bytes were written at `offset` < size of the ring. */
void bb_mirror_repeat(const bb_mirror *self, const bb_mirror_source *source, size_t offset,
                      size_t length);

/* Gives a window its own copy of whole pages; false, and nothing has changed, if it cannot. */
bool bb_window_keep(const bb_mirror *window, const bb_mirror_source *source, size_t offset,
                    size_t length);

/* Gives the copies back: whole pages of the window show the mirror again. False if they stay
 * copies, because they are locked into memory. */
bool bb_window_show(const bb_mirror *window, size_t offset, size_t length);

#endif
