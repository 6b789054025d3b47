/* Against the model: records of all lengths, views that are refused, set aside and given back. */
#include <string.h>

#include "byte_ring_model.h"

static ring_pair self; /* too large for the stack */

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void open_ring(size_t pages, bb_on_pinned on_pinned) {
    CHECK(ring_pair_open(&self, pages * bb_page_size(), on_pinned, UINT64_MAX, true) == BB_OK);
}

static void random_work(bb_on_pinned on_pinned, bool mapped, uint64_t seed) {
    CHECK(ring_pair_open(&self, 5 * bb_page_size(), on_pinned, UINT64_MAX, mapped) == BB_OK);
    for (int i = 0; i < 8000; i++) {
        const uint64_t what = next_random(&seed) % 32;
        const uint64_t amount = next_random(&seed);
        /* what is usual changes, and so does the number of records */
        const size_t usual = i / 1000 % 2 == 0 ? 12 : 3000;
        if (what < 4) {
            (void)pair_view(&self, amount % VIEWERS, next_random(&seed));
        } else if (what < 8) {
            pair_unview(&self, amount % VIEWERS);
        } else if (what == 8) {
            pair_pop(&self);
        } else if (what == 9 && amount % 50 == 0) {
            pair_clear(&self);
        } else {
            (void)pair_append(&self, amount % (what < 12 ? self.ring.size : usual));
        }
        if (i % 32 == 0) {
            check_same_ring(&self);
        }
    }
    pair_end(&self);
}

static void test_the_block_is_what_was_asked_for(void) {
    bb_refusal refusal;
    for (size_t pages = 2; pages < 3000; pages += 1 + pages / 3) {
        const size_t capacity = pages * bb_page_size();
        CHECK(ring_pair_open(&self, capacity + 100, BB_PINNED_RAISE, UINT64_MAX, true) == BB_OK);
        CHECK(self.ring.block == capacity && self.parent.total == capacity);
        CHECK(self.ring.slots * sizeof(uint64_t) <= capacity / 32 + bb_page_size());
        CHECK(bb_byte_ring_append(&self.ring, "x", bb_byte_ring_longest(&self.ring) + 1,
                                  &refusal) == BB_TOO_LARGE);
        bb_byte_ring_close(&self.ring);
        CHECK(self.parent.total == 0);
    }
    CHECK(ring_pair_open(&self, (size_t)1 << 50, BB_PINNED_RAISE, UINT64_MAX, true) ==
          BB_TOO_LARGE);
    CHECK(ring_pair_open(&self, 4 * bb_page_size(), BB_PINNED_RAISE, 100, true) == BB_OVER_BUDGET);
    CHECK(self.parent.total == 0 && self.steps.pages.bytes == 0);
}

/* A full ring has as many records as there are, however small, and finds each. */
static void test_records_of_one_length(void) {
    static const size_t lengths[] = {0, 1, 8, 9, 100, 248, 1000, 5000};
    open_ring(20, BB_PINNED_RAISE);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const uint64_t fit = self.ring.size / room_of(lengths[i]);
        for (uint64_t n = 0; n < 2 * fit + 10; n++) {
            CHECK(pair_append(&self, lengths[i]));
        }
        CHECK(bb_byte_ring_count(&self.ring) == fit);
        CHECK(lengths[i] < 248 || lengths[i] > 1000 || self.ring.stride_bits <= 2);
        check_same_ring(&self);
    }
    CHECK(self.ring.stride_bits == 0);
    pair_end(&self);
}

static void test_a_viewed_record_is_in_the_way(void) {
    open_ring(2, BB_PINNED_RAISE);
    for (int i = 0; i < 4; i++) {
        CHECK(pair_append(&self, 1000));
    }
    CHECK(pair_view(&self, 0, 1));
    CHECK(pair_view(&self, 1, 1));
    CHECK(pair_append(&self, 100));
    CHECK(!pair_append(&self, 2000));
    CHECK(self.ring.blocker == 1 && bb_byte_ring_count(&self.ring) == 4);
    pair_clear(&self);
    CHECK(!pair_append(&self, 4000));
    pair_unview(&self, 0);
    CHECK(!pair_append(&self, 4000));
    pair_unview(&self, 1);
    CHECK(pair_append(&self, 4000));
    pair_end(&self);
}

/* What is charged for views: a window, the pages of records that are gone, and nothing later. */
static void test_a_viewed_record_is_set_aside(void) {
    const uint64_t page = bb_page_size();
    open_ring(8, BB_PINNED_COPY);
    const uint64_t window = 64 + 14 * 4;
    CHECK(pair_append(&self, 5000));
    CHECK(pair_view(&self, 0, 0));
    CHECK(bb_byte_ring_aside(&self.ring) >= window && bb_byte_ring_aside(&self.ring) < window + 64);
    const uint64_t one = bb_byte_ring_aside(&self.ring);
    for (int lap = 1; lap <= 3; lap++) {
        while (self.floor_seq <= self.viewers[lap - 1].view.seq) {
            CHECK(pair_append(&self, 5000));
            check_same_ring(&self);
        }
        CHECK(pair_view(&self, (size_t)lap, 0));
    }
    CHECK(self.ring.counters.set_aside == 3);
    CHECK(bb_byte_ring_aside(&self.ring) >= 6 * page + one);
    for (size_t who = 0; who < 4; who++) {
        pair_unview(&self, who);
        check_same_ring(&self);
    }
    CHECK(bb_byte_ring_aside(&self.ring) == one && self.ring.windows != NULL);
    pair_clear(&self);
    CHECK(bb_byte_ring_aside(&self.ring) == 0 && self.ring.windows == NULL);
    pair_end(&self);
}

/* Whatever the ring holds, wherever its end lies: one view of each record, all overwritten at
 * once; and views that follow the newest record, each taken before the last one dies. */
static void test_all_that_is_held_can_be_set_aside(void) {
    const size_t page = bb_page_size();
    for (size_t pages = 2; pages < 9; pages++) {
        for (size_t start = 0; start < 2 * page; start += page / 4 + 8) {
            open_ring(pages, BB_PINNED_COPY);
            const size_t longest = bb_byte_ring_longest(&self.ring);
            CHECK(pair_append(&self, start % longest));
            pair_clear(&self);
            const size_t each = longest / (1 + start % 3) - 16 * (start % 3);
            for (size_t who = 0; who < 1 + start % 3; who++) {
                CHECK(pair_append(&self, each) && pair_view(&self, who, who));
            }
            CHECK(pair_append(&self, longest));
            check_same_ring(&self);
            pair_end(&self);
            open_ring(pages, BB_PINNED_COPY);
            for (size_t lap = 0; lap < 8; lap++) {
                CHECK(pair_append(&self, longest - start % longest));
                CHECK(pair_view(&self, lap % 2, self.next_seq - self.first_seq - 1));
                pair_unview(&self, (lap + 1) % 2);
            }
            pair_end(&self);
        }
    }
}

/* The limit of the ring itself, and that of a parent. */
static void test_there_is_no_room_to_set_aside(void) {
    const size_t page = bb_page_size();
    for (int parent = 0; parent < 2; parent++) {
        const uint64_t limit = parent ? 5 * page : UINT64_MAX;
        CHECK(ring_pair_open(&self, 4 * page, BB_PINNED_COPY, limit, true) == BB_OK);
        size_t who = 0;
        while (who < VIEWERS) {
            if (!pair_append(&self, 4000)) {
                break;
            }
            if (!pair_view(&self, who, self.next_seq - self.first_seq - 1)) {
                break;
            }
            who++;
            check_same_ring(&self);
        }
        CHECK(who > 2 && who < VIEWERS);
        CHECK(self.ring.budget.limit < 8 * page + 256);
        CHECK(self.ring.budget.total <= (parent ? limit : self.ring.budget.limit));
        pair_unview(&self, 0);
        CHECK(pair_append(&self, 10));
        pair_end(&self);
    }
}

/* Opening, looking and appending fail at every step, change nothing, and then succeed. */
static void test_every_failing_step(void) {
    bb_refusal refusal;
    const size_t page = bb_page_size();
    mirror_steps_open(&self.steps, true);
    bb_byte_ring_init(&self.ring, ledger_allocator(&self.ledger), &self.steps.source);
    bb_budget_init(&self.parent, UINT64_MAX, NULL, true);
    for (int64_t fail_in = 0; fail_in < 3; fail_in++) {
        self.steps.fail_in = fail_in;
        CHECK(bb_byte_ring_open(&self.ring, 3 * page, BB_PINNED_COPY, &self.parent, &refusal) ==
              BB_NO_MAPPING);
        CHECK(!bb_byte_ring_is_usable(&self.ring) && self.parent.total == 0);
        bb_byte_ring_close(&self.ring);
    }
    open_ring(5, BB_PINNED_COPY);
    CHECK(pair_append(&self, 100));
    for (int64_t fail_in = 0; fail_in < 2; fail_in++) {
        self.steps.fail_in = fail_in;
        CHECK(!pair_view(&self, 0, 0));
        check_same_ring(&self);
    }
    self.steps.fail_in = -1;
    self.ledger.fail_in = 0;
    CHECK(!pair_view(&self, 0, 0));
    self.ledger.fail_in = -1;
    /* the second of two runs of pages cannot be kept: the first is shown again */
    CHECK(pair_append(&self, 9000) && pair_append(&self, 3000));
    CHECK(pair_view(&self, 0, 0) && pair_view(&self, 1, 2));
    const uint64_t charged = self.ring.budget.total;
    for (int64_t run = 0; run < 2; run++) {
        self.steps.fail_in = 2 * run; /* each takes two steps */
        CHECK(!pair_append(&self, 16000));
        CHECK(self.ring.budget.total == charged);
        check_same_ring(&self);
    }
    self.steps.fail_in = -1;
    CHECK(pair_append(&self, 16000));
    pair_end(&self);
}

int main(void) {
    test_the_block_is_what_was_asked_for();
    test_records_of_one_length();
    test_a_viewed_record_is_in_the_way();
    random_work(BB_PINNED_RAISE, false, 1);
    random_work(BB_PINNED_RAISE, true, 2);
    if (bb_system_mirrors.make_file == NULL) {
        printf("skipped: this platform has no windows\n");
        return 0;
    }
    random_work(BB_PINNED_COPY, true, 3);
    test_a_viewed_record_is_set_aside();
    test_all_that_is_held_can_be_set_aside();
    test_there_is_no_room_to_set_aside();
    test_every_failing_step();
    return 0;
}
