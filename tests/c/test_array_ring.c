/* Against a count of rows: what is in a row follows from its number. */
#include <string.h>

#include "bytebound/array_ring.h"
#include "mirror_steps.h"

static unsigned char byte_of(uint64_t row, size_t at) {
    return (unsigned char)(row * 131 + at);
}

static unsigned char *make_rows(uint64_t first, uint64_t count, size_t row_bytes) {
    unsigned char *rows = malloc(count * row_bytes + 1);
    CHECK(rows != NULL);
    for (uint64_t row = 0; row < count; row++) {
        for (size_t at = 0; at < row_bytes; at++) {
            rows[row * row_bytes + at] = byte_of(first + row, at);
        }
    }
    return rows;
}

static void check_rows(const bb_array_ring *self, uint64_t count) {
    const unsigned char *rows = bb_array_ring_rows(self, count);
    CHECK(bb_array_ring_has(self, rows));
    for (uint64_t row = 0; row < count; row++) {
        for (size_t at = 0; at < self->row_bytes; at++) {
            CHECK(rows[row * self->row_bytes + at] == byte_of(self->total - count + row, at));
        }
    }
}

static void follows_the_rows(uint64_t capacity, size_t row_bytes, bool mapped) {
    mirror_steps steps;
    bb_refusal refusal;
    bb_array_ring self;
    bb_budget parent;
    mirror_steps_open(&steps, mapped);
    bb_budget_init(&parent, UINT64_MAX, NULL, true);
    bb_array_ring_init(&self, &steps.source);
    CHECK(bb_array_ring_open(&self, capacity, row_bytes, &parent, &refusal) == BB_OK);
    uint64_t count = 0, total = 0;
    for (uint64_t i = 0; i < 40; i++) {
        const uint64_t more = i % 3 == 0 ? 1 : (i * i * 7) % (2 * capacity + 1);
        unsigned char *rows = make_rows(total, more, row_bytes);
        if (more == 1) {
            bb_array_ring_append(&self, rows, row_bytes);
        } else {
            bb_array_ring_extend(&self, rows, more);
        }
        free(rows);
        total += more;
        count = count + more > capacity ? capacity : count + more;
        CHECK_VALID(bb_array_ring_validate, &self);
        CHECK(self.count == count && self.total == total);
        check_rows(&self, count);
        check_rows(&self, count / 2);
        if (i % 20 == 19) {
            bb_array_ring_clear(&self);
            count = 0;
        }
    }
    CHECK(parent.total == self.budget.total && parent.total >= capacity * row_bytes);
    bb_array_ring_view(&self);
    bb_array_ring_close(&self);
    CHECK(!bb_array_ring_is_usable(&self) && parent.total != 0);
    bb_array_ring_unview(&self);
    CHECK(parent.total == 0 && steps.pages.bytes == 0);
    bb_array_ring_close(&self);
    CHECK_VALID(bb_array_ring_validate, &self);
}

static void is_refused(void) {
    mirror_steps steps;
    bb_refusal refusal;
    bb_array_ring self;
    bb_budget parent;
    mirror_steps_open(&steps, true);
    bb_array_ring_init(&self, &steps.source);
    CHECK(bb_array_ring_open(&self, UINT64_MAX, 8, NULL, &refusal) == BB_NO_MEMORY);
    CHECK(bb_array_ring_open(&self, SIZE_MAX / 3, 1, NULL, &refusal) == BB_NO_MEMORY);
    bb_budget_init(&parent, 100, NULL, true);
    CHECK(bb_array_ring_open(&self, 10, 100, &parent, &refusal) == BB_OVER_BUDGET);
    bb_budget_init(&parent, UINT64_MAX, NULL, true);
    for (int64_t fail_in = 0; fail_in < 3 && steps.source.make_file != NULL; fail_in++) {
        steps.fail_in = fail_in;
        CHECK(bb_array_ring_open(&self, 10, 100, &parent, &refusal) == BB_NO_MAPPING);
        CHECK(parent.total == 0 && steps.pages.bytes == 0);
        CHECK(!bb_array_ring_is_usable(&self));
    }
    steps.fail_in = -1;
    steps.pages.fail_in = 0;
    CHECK(bb_array_ring_open(&self, 10, 100, &parent, &refusal) == BB_NO_MAPPING);
    bb_array_ring_close(&self);
    CHECK(parent.total == 0);
}

int main(void) {
    static const size_t row_bytes[] = {1, 8, 24, 100, 4096, 5000};
    static const uint64_t capacities[] = {1, 3, 41, 200};
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 4; j++) {
            follows_the_rows(capacities[j], row_bytes[i], true);
            follows_the_rows(capacities[j], row_bytes[i], false);
        }
    }
    is_refused();
    return 0;
}
