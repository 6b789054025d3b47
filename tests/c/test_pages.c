/* Pages are zeroed, aligned, and really go back. */
#define _DEFAULT_SOURCE /* mincore */

#include <string.h>
#include <sys/mman.h>

#include "page_ledger.h"

static size_t resident_pages(const char *pages, size_t size) {
    unsigned char present[64];
    CHECK(size / bb_page_size() <= sizeof present);
    CHECK(mincore((void *)(uintptr_t)pages, size, present) == 0);
    size_t count = 0;
    for (size_t i = 0; i < size / bb_page_size(); i++) {
        count += present[i] & 1;
    }
    return count;
}

static void test_rounding(void) {
    const size_t page = bb_page_size();
    size_t rounded = 7;
    CHECK((page & (page - 1)) == 0);
    CHECK(bb_round_to_pages(0, &rounded) && rounded == 0);
    CHECK(bb_round_to_pages(1, &rounded) && rounded == page);
    CHECK(bb_round_to_pages(page, &rounded) && rounded == page);
    CHECK(bb_round_to_pages(page + 1, &rounded) && rounded == 2 * page);
    CHECK(bb_round_to_pages(SIZE_MAX - page + 1, &rounded) && rounded == SIZE_MAX - page + 1);
    rounded = 7;
    CHECK(!bb_round_to_pages(SIZE_MAX - page + 2, &rounded) && rounded == 7);
    CHECK(!bb_round_to_pages(SIZE_MAX, &rounded) && rounded == 7);
}

static void test_pages_come_one_by_one_and_go_back(void) {
    const size_t page = bb_page_size(), size = 64 * page;
    char *pages = bb_map_pages(&bb_system_pages, size, page);
    CHECK(pages != NULL && resident_pages(pages, size) == 0);
    for (size_t i = 0; i < size; i++) {
        CHECK(pages[i] == 0);
    }
    bb_unmap_pages(&bb_system_pages, pages, size);

    pages = bb_map_pages(&bb_system_pages, size, page);
    CHECK(pages != NULL);
    pages[3 * page] = 1;
    pages[4 * page] = 2;
    CHECK(resident_pages(pages, size) == 2);
    CHECK(bb_discard_pages(pages + 3 * page, page));
    CHECK(resident_pages(pages, size) == 1);
    CHECK(pages[3 * page] == 0 && pages[4 * page] == 2);
    bb_unmap_pages(&bb_system_pages, pages, size);
    CHECK(mincore(pages, size, (unsigned char[64]){0}) != 0);
}

static void test_alignment(void) {
    for (size_t alignment = bb_page_size(); alignment <= 1u << 24; alignment *= 2) {
        char *pages[3];
        for (int i = 0; i < 3; i++) {
            const size_t size = (size_t)(i + 1) * bb_page_size();
            pages[i] = bb_map_pages(&bb_system_pages, size, alignment);
            CHECK(pages[i] != NULL && (uintptr_t)pages[i] % alignment == 0);
            memset(pages[i], i, size);
        }
        for (int i = 0; i < 3; i++) {
            bb_unmap_pages(&bb_system_pages, pages[i], (size_t)(i + 1) * bb_page_size());
        }
    }
}

static void test_what_cannot_be_had(void) {
    const size_t most = SIZE_MAX & ~(bb_page_size() - 1);
    CHECK(bb_map_pages(&bb_system_pages, most, bb_page_size()) == NULL);
    CHECK(bb_map_pages(&bb_system_pages, most, 1u << 30) == NULL);
    page_ledger ledger = {0, 1};
    const bb_page_source source = page_ledger_source(&ledger);
    void *first = bb_map_pages(&source, bb_page_size(), bb_page_size());
    CHECK(first != NULL);
    CHECK(bb_map_pages(&source, bb_page_size(), bb_page_size()) == NULL);
    CHECK(ledger.bytes == bb_page_size());
    bb_unmap_pages(&source, first, bb_page_size());
    CHECK(ledger.bytes == 0);
}

int main(void) {
    test_rounding();
    test_pages_come_one_by_one_and_go_back();
    test_alignment();
    test_what_cannot_be_had();
    return 0;
}
