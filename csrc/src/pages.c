#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise, mremap */

#include "bytebound/pages.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t bb_page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

bool bb_round_to_pages(size_t size, size_t *result) {
    const size_t mask = bb_page_size() - 1;
    size_t sum;
    if (__builtin_add_overflow(size, mask, &sum)) {
        return false;
    }
    *result = sum & ~mask;
    return true;
}

bool bb_discard_pages(void *pages, size_t size) {
    return madvise(pages, size, MADV_DONTNEED) == 0;
}

static void system_unmap(void *context, void *pages, size_t size) {
    (void)context;
    /* Cutting a hole takes one more mapping, of which a process has only so many. Then the
     * addresses are lost, but not the memory. */
    if (munmap(pages, size) != 0) {
        (void)bb_discard_pages(pages, size);
    }
}

static void *map_anywhere(size_t size) {
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

/* Maps more and cuts off what lies before and after. */
static void *map_aligned(size_t size, size_t alignment) {
    size_t all;
    if (__builtin_add_overflow(size, alignment - bb_page_size(), &all)) {
        return NULL;
    }
    char *pages = map_anywhere(all);
    if (pages == NULL) {
        return NULL;
    }
    const size_t before = -(size_t)(uintptr_t)pages & (alignment - 1);
    const size_t after = all - size - before;
    if (before != 0) {
        system_unmap(NULL, pages, before);
    }
    if (after != 0) {
        system_unmap(NULL, pages + before + size, after);
    }
    return pages + before;
}

static void *system_map(void *context, size_t size, size_t alignment) {
    (void)context;
    /* A neighbour of an aligned mapping is mostly aligned by itself. */
    void *pages = map_anywhere(size);
    if (pages != NULL && ((uintptr_t)pages & (alignment - 1)) != 0) {
        system_unmap(NULL, pages, size);
        pages = map_aligned(size, alignment);
    }
#ifdef MADV_NOHUGEPAGE
    if (pages != NULL) {
        (void)madvise(pages, size, MADV_NOHUGEPAGE); /* refused where there are no huge pages */
    }
#endif
    return pages;
}

static void *system_remap(void *context, void *pages, size_t old_size, size_t new_size) {
#ifdef MREMAP_MAYMOVE
    (void)context;
    void *moved = mremap(pages, old_size, new_size, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
#else
    void *moved = system_map(context, new_size, bb_page_size());
    if (moved != NULL) {
        memcpy(moved, pages, old_size);
        system_unmap(context, pages, old_size);
    }
    return moved;
#endif
}

const bb_page_source bb_system_pages = {system_map, system_unmap, system_remap, NULL};
