/*
 * A source of pages that keeps a ledger and can fail the n-th mapping.
 */
#ifndef BYTEBOUND_TEST_PAGE_LEDGER_H
#define BYTEBOUND_TEST_PAGE_LEDGER_H

#include <string.h>

#include "bytebound/pages.h"
#include "check.h"

typedef struct page_ledger {
    uint64_t bytes;  /* mapped now */
    int64_t fail_in; /* mappings that may still succeed; negative: all */
} page_ledger;

static inline void *page_ledger_map(void *context, size_t size, size_t alignment) {
    page_ledger *self = context;
    CHECK(size != 0 && size % bb_page_size() == 0);
    CHECK(alignment % bb_page_size() == 0 && (alignment & (alignment - 1)) == 0);
    if (self->fail_in >= 0 && self->fail_in-- == 0) {
        return NULL;
    }
    void *pages = bb_map_pages(&bb_system_pages, size, alignment);
    self->bytes += pages != NULL ? size : 0;
    return pages;
}

static inline void page_ledger_unmap(void *context, void *pages, size_t size) {
    page_ledger *self = context;
    CHECK(self->bytes >= size);
    self->bytes -= size;
    bb_unmap_pages(&bb_system_pages, pages, size);
}

/* Always moves, so that a stale pointer is found. */
static inline void *page_ledger_remap(void *context, void *pages, size_t old_size,
                                      size_t new_size) {
    CHECK(new_size > old_size && old_size % bb_page_size() == 0);
    char *moved = page_ledger_map(context, new_size, bb_page_size());
    if (moved != NULL) {
        memcpy(moved, pages, old_size);
        page_ledger_unmap(context, pages, old_size);
    }
    return moved;
}

static inline bb_page_source page_ledger_source(page_ledger *self) {
    return (bb_page_source){page_ledger_map, page_ledger_unmap, page_ledger_remap, self};
}

#endif
