/*
 * Anonymous memory by whole pages, straight from the operating system.
 *
 * Purpose: what must be charged and given back to the byte (slabs, large blocks,
 * rings) is not taken from a heap, whose own slack nobody can see. A source of
 * pages is passed to each instance, as an allocator is, so that a test can fail
 * the n-th mapping.
 *
 *     map      zeroed pages of address space; they take memory when first written
 *     remap    a larger mapping with the old contents, which are never there twice where the
 *              system can move them (Linux)
 *     discard  the memory goes back, the address space stays and reads as zeros
 *     unmap    both go back
 *
 * Pages of one mapping are resident one by one: they are kept apart from huge
 * pages, of which one written byte takes 2 MiB. That also keeps the kernel from
 * merging them with anybody else's, so that /proc/self/smaps shows them alone.
 *
 * Complexity: a system call or, for an alignment above a page, up to four.
 *
 * Threads: none of this has a state of its own.
 */
#ifndef BYTEBOUND_PAGES_H
#define BYTEBOUND_PAGES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bb_page_source {
    void *(*map)(void *context, size_t size, size_t alignment);
    void (*unmap)(void *context, void *pages, size_t size);
    void *(*remap)(void *context, void *pages, size_t old_size, size_t new_size);
    void *context;
} bb_page_source;

/* The operating system. */
extern const bb_page_source bb_system_pages;

/* A power of two. */
size_t bb_page_size(void);

/* *result = size rounded up to whole pages; false, and *result untouched, if that overflows. */
bool bb_round_to_pages(size_t size, size_t *result);

/*
 * `size` is a multiple of the page size, not 0; `alignment` a power of two, not less
 * than the page size. NULL if there is no such memory.
 */
static inline void *bb_map_pages(const bb_page_source *self, size_t size, size_t alignment) {
    return self->map(self->context, size, alignment);
}

/* Takes any whole pages of a mapping. Does not fail. */
static inline void bb_unmap_pages(const bb_page_source *self, void *pages, size_t size) {
    self->unmap(self->context, pages, size);
}

/* Grows a whole mapping, to `new_size` bytes in whole pages. NULL, and the mapping as it was, if
 * there is no such memory. */
static inline void *bb_remap_pages(const bb_page_source *self, void *pages, size_t old_size,
                                   size_t new_size) {
    return self->remap(self->context, pages, old_size, new_size);
}

/* False if the pages keep their memory and contents, because they are locked into it. */
bool bb_discard_pages(void *pages, size_t size);

#endif
