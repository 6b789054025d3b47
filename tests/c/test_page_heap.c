#include "bytebound/page_heap.h"
#include "page_ledger.h"

static void check_steps(bb_page_source pages) {
    const bb_allocator heap = bb_page_heap(&pages);
    const size_t page = bb_page_size();
    const size_t sizes[] = {1,         page,          page + 1,    300 * page,
                            20 * page, 20 * page - 1, 5000 * page, 3};
    unsigned char *block = NULL;
    size_t before = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        block = bb_resize(&heap, block, before, sizes[i]);
        CHECK(block != NULL && (uintptr_t)block % page == 0);
        CHECK(i == 0 || block[0] == 7);
        CHECK(i == 0 || block[(before < sizes[i] ? before : sizes[i]) - 1] == 7);
        memset(block, 7, sizes[i]);
        before = sizes[i];
    }
    CHECK(bb_resize(&heap, block, before, 0) == NULL);
}

static void blocks_take_whole_pages_and_keep_their_contents(void) {
    page_ledger ledger = {0, -1};
    check_steps(bb_system_pages);
    check_steps(page_ledger_source(&ledger));
    CHECK(ledger.bytes == 0);
}

static void only_growing_can_fail_and_changes_nothing_then(void) {
    page_ledger ledger = {0, -1};
    bb_page_source pages = page_ledger_source(&ledger);
    const bb_allocator heap = bb_page_heap(&pages);
    const size_t page = bb_page_size();
    char *block = bb_resize(&heap, NULL, 0, 3 * page);
    block[0] = 1;
    ledger.fail_in = 0;
    CHECK(bb_resize(&heap, block, 3 * page, 4 * page) == NULL && block[0] == 1);
    CHECK(bb_resize(&heap, block, 3 * page, SIZE_MAX) == NULL && block[0] == 1);
    ledger.fail_in = 0;
    CHECK(bb_resize(&heap, block, 3 * page, 2 * page + 1) == block && ledger.bytes == 3 * page);
    CHECK(bb_resize(&heap, block, 2 * page + 1, 1) == block && ledger.bytes == page);
    CHECK(bb_resize(&heap, block, 1, 0) == NULL && ledger.bytes == 0);
}

int main(void) {
    blocks_take_whole_pages_and_keep_their_contents();
    only_growing_can_fail_and_changes_nothing_then();
    return 0;
}
