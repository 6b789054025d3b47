/* The same pages twice in a row, windows that keep pages, failing steps, and forks. */
#define _GNU_SOURCE /* mlock, fork */

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mirror_steps.h"

static void fill(unsigned char *bytes, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(seed + i * 7 + (i >> 9));
    }
}

static void test_both_halves_show_what_is_written(bool mapped) {
    const size_t page = bb_page_size(), size = 3 * page;
    mirror_steps steps;
    bb_mirror mirror;
    mirror_steps_open(&steps, mapped);
    CHECK(bb_mirror_open(&mirror, &steps.source, page, size, false) == BB_OK);
    CHECK(mirror.file == -1 && bb_mirror_is_ours(&mirror));
    unsigned char *ring = bb_mirror_ring(&mirror);
    CHECK(ring == mirror.base + page);
    for (size_t i = 0; i < 2 * size; i++) {
        CHECK(ring[i] == 0);
    }
    memset(mirror.base, 'p', page);
    for (size_t offset = 0; offset < size; offset += 1000) {
        for (size_t length = 0; length <= size; length += 2047) {
            fill(ring + offset, length, (unsigned)(offset + length));
            bb_mirror_repeat(&mirror, &steps.source, offset, length);
            CHECK(memcmp(ring, ring + size, size) == 0);
        }
    }
    CHECK(mirror.base[0] == 'p' && mirror.base[page - 1] == 'p');
    CHECK(bb_mirror_bytes(&steps.source, page, size) ==
          (steps.source.make_file != NULL ? 4 * page : 7 * page));
    bb_mirror_close(&mirror, &steps.source);
    CHECK(mirror.base == NULL && steps.pages.bytes == 0);
    bb_mirror_close(&mirror, &steps.source);
}

static void test_a_window_keeps_pages(bool locked) {
    const size_t page = bb_page_size(), size = 4 * page;
    mirror_steps steps;
    bb_mirror mirror, window;
    unsigned char before[4096];
    mirror_steps_open(&steps, true);
    CHECK(bb_mirror_open(&mirror, &steps.source, page, size, true) == BB_OK);
    unsigned char *ring = bb_mirror_ring(&mirror);
    fill(ring, size, 1);
    CHECK(bb_mirror_open_window(&window, &steps.source, &mirror) == BB_OK);
    CHECK(!locked || mlock(window.base, 2 * size) == 0);
    CHECK(memcmp(window.base, ring, 2 * size) == 0);
    memcpy(before, ring + page, page);
    CHECK(bb_window_keep(&window, &steps.source, page, page));
    fill(ring, size, 2);
    CHECK(memcmp(window.base + page, before, page) == 0);
    CHECK(memcmp(window.base, ring, page) == 0);
    CHECK(memcmp(window.base + 2 * page, ring + 2 * page, 2 * size - 2 * page) == 0);
    const bool shown = bb_window_show(&window, page, page);
    CHECK(shown || locked); /* under ASan nothing can be locked */
    CHECK((memcmp(window.base, ring, 2 * size) == 0) == shown);
    /* a window outlives the mirror */
    CHECK(bb_window_keep(&window, &steps.source, size, page));
    memcpy(before, window.base + size, page);
    bb_mirror_close(&mirror, &steps.source);
    CHECK(memcmp(window.base + size, before, page) == 0);
    bb_mirror_close(&window, &steps.source);
    CHECK(steps.pages.bytes == 0);
}

static void test_every_failing_step(void) {
    const size_t page = bb_page_size();
    mirror_steps steps;
    bb_mirror mirror, window;
    const int next_file = dup(0);
    CHECK(next_file >= 0 && close(next_file) == 0);
    for (int64_t fail_in = 0; fail_in < 3; fail_in++) {
        mirror_steps_open(&steps, true);
        steps.fail_in = fail_in;
        CHECK(bb_mirror_open(&mirror, &steps.source, page, page, true) == BB_NO_MAPPING);
        CHECK(mirror.base == NULL && steps.pages.bytes == 0);
        CHECK(dup(0) == next_file && close(next_file) == 0);
    }
    static const int too_many[] = {EMFILE, ENFILE};
    for (size_t i = 0; i < 2; i++) {
        mirror_steps_open(&steps, true);
        steps.fail_in = 0;
        steps.file_error = too_many[i];
        CHECK(bb_mirror_open(&mirror, &steps.source, page, page, true) == BB_NO_FILE);
    }
    mirror_steps_open(&steps, true);
    steps.pages.fail_in = 0;
    CHECK(bb_mirror_open(&mirror, &steps.source, page, page, true) == BB_NO_MAPPING);
    steps.pages.fail_in = -1;
    CHECK(bb_mirror_open(&mirror, &steps.source, page, page, true) == BB_OK);
    const uint64_t mapped = steps.pages.bytes;
    for (int64_t fail_in = 0; fail_in < 2; fail_in++) {
        steps.fail_in = fail_in;
        CHECK(bb_mirror_open_window(&window, &steps.source, &mirror) == BB_NO_MAPPING);
        CHECK(window.base == NULL && steps.pages.bytes == mapped);
    }
    steps.pages.fail_in = 0;
    CHECK(bb_mirror_open_window(&window, &steps.source, &mirror) == BB_NO_MAPPING);
    steps.pages.fail_in = steps.fail_in = -1;
    CHECK(bb_mirror_open_window(&window, &steps.source, &mirror) == BB_OK);
    steps.fail_in = 0;
    CHECK(!bb_window_keep(&window, &steps.source, 0, page));
    bb_mirror_close(&window, &steps.source);
    bb_mirror_close(&mirror, &steps.source);
    CHECK(dup(0) == next_file && close(next_file) == 0);
    CHECK(bb_mirror_open(&mirror, &steps.source, 0, SIZE_MAX & ~(page - 1), false) ==
          BB_NO_MAPPING);
}

/* Whoever closes every number there is, and opens another file under ours. */
static void test_a_file_that_is_another_is_left_alone(void) {
    const size_t page = bb_page_size();
    bb_mirror mirror, window;
    const int other = bb_system_mirrors.make_file(NULL, page);
    CHECK(bb_mirror_open(&mirror, &bb_system_mirrors, 0, page, true) == BB_OK);
    const int stolen = mirror.file;
    CHECK(other >= 0 && dup2(other, stolen) == stolen);
    CHECK(bb_mirror_open_window(&window, &bb_system_mirrors, &mirror) == BB_NO_FILE);
    bb_mirror_close(&mirror, &bb_system_mirrors);
    CHECK(close(stolen) == 0 && close(other) == 0);
}

static void test_a_child_knows_that_it_is_one(void) {
    bb_mirror mirror;
    int status;
    CHECK(bb_mirror_open(&mirror, &bb_system_mirrors, 0, bb_page_size(), false) == BB_OK);
    const pid_t child = fork();
    if (child == 0) {
        const bool strange = !bb_mirror_is_ours(&mirror);
        bb_mirror_close(&mirror, &bb_system_mirrors);
        const bool opened =
            bb_mirror_open(&mirror, &bb_system_mirrors, 0, bb_page_size(), false) == BB_OK;
        _exit(strange && opened && bb_mirror_is_ours(&mirror) ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(bb_mirror_is_ours(&mirror));
    bb_mirror_ring(&mirror)[0] = 1;
    bb_mirror_close(&mirror, &bb_system_mirrors);
}

int main(void) {
    bb_mirror mirror;
    mirror_steps steps;
    test_both_halves_show_what_is_written(false);
    mirror_steps_open(&steps, false);
    CHECK(bb_mirror_open(&mirror, &steps.source, 0, bb_page_size(), true) == BB_UNSUPPORTED);
    if (bb_system_mirrors.make_file == NULL) {
        printf("skipped: this platform has no files in memory\n");
        return 0;
    }
    test_both_halves_show_what_is_written(true);
    test_a_window_keeps_pages(false);
    test_a_window_keeps_pages(true);
    test_every_failing_step();
    test_a_file_that_is_another_is_left_alone();
    test_a_child_knows_that_it_is_one();
    return 0;
}
