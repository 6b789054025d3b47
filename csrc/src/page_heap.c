#include "bytebound/page_heap.h"

static void *resize_pages(void *context, void *block, size_t old_size, size_t new_size) {
    const bb_page_source *pages = context;
    size_t before, after;
    (void)bb_round_to_pages(old_size, &before); /* it was taken, so it does not overflow */
    if (!bb_round_to_pages(new_size, &after)) {
        return NULL;
    }
    if (before == after) {
        return block;
    }
    if (before == 0) {
        return bb_map_pages(pages, after, bb_page_size());
    }
    if (after > before) {
        return bb_remap_pages(pages, block, before, after);
    }
    bb_unmap_pages(pages, (char *)block + after, before - after);
    return after == 0 ? NULL : block;
}

bb_allocator bb_page_heap(bb_page_source *pages) {
    return (bb_allocator){resize_pages, pages};
}
