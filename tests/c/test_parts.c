#include "parts_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

static void random_find(pair *self, bb_found *found) {
    bb_found_init(found, ledger_allocator(&self->scratch));
    for (uint64_t left = random_below(30); left != 0; left--) {
        CHECK(bb_found_add(found, identity_of(random_below(PARTS)), random_below(5) * 10));
    }
}

static void random_operation(pair *self) {
    const size_t holder = random_below(HOLDERS);
    bb_found found;
    switch (random_below(4)) {
    case 0:
        pair_release(self, holder);
        break;
    case 1:
        pair_release_and_undo(self, holder, random_below(HOLDERS));
        break;
    case 2:
        random_find(self, &found);
        pair_hold_and_undo(self, &found, holder);
        bb_found_free(&found);
        break;
    default:
        random_find(self, &found);
        CHECK(pair_hold(self, &found, holder) == BB_OK);
        bb_found_free(&found);
    }
}

static void follows_the_model(void) {
    pair self;
    pair_open(&self);
    for (int step = 0; step < 30000; step++) {
        random_operation(&self);
        check_same(&self);
        if (random_below(50) == 0) {
            bb_parts_shrink(&self.parts, random_below(self.parts.capacity + 1));
            check_same(&self);
        }
    }
    pair_close(&self);
}

static void survives_every_failing_allocation(void) {
    for (int64_t n = 0;; n++) {
        pair self;
        bool failed = false;
        pair_open(&self);
        self.ledger.fail_in = n;
        for (size_t holder = 0; holder < HOLDERS; holder++) {
            bb_found found;
            random_find(&self, &found);
            const bb_status status = pair_hold(&self, &found, holder);
            CHECK(status == BB_OK || status == BB_NO_MEMORY);
            failed |= status == BB_NO_MEMORY;
            check_same(&self);
            bb_found_free(&found);
        }
        self.ledger.fail_in = -1;
        pair_close(&self);
        if (!failed) {
            CHECK(n > 10);
            return;
        }
    }
}

static void a_copy_holds_the_same(void) {
    for (int64_t fail_in = -1; fail_in <= 0; fail_in++) {
        pair self;
        bb_parts copy;
        pair_open(&self);
        for (int step = 0; step < 200; step++) {
            random_operation(&self);
        }
        bb_parts_init(&copy, ledger_allocator(&self.scratch));
        self.scratch.fail_in = fail_in;
        const bb_status status = bb_parts_copy(&self.parts, &copy);
        CHECK(status == (fail_in == 0 ? BB_NO_MEMORY : BB_OK));
        if (status == BB_OK) {
            CHECK_VALID(bb_parts_validate, &copy);
            CHECK(copy.total == self.parts.total && copy.members == self.parts.members);
            CHECK(copy.capacity == bb_parts_capacity_for(copy.held));
            for (size_t holder = 0; holder < HOLDERS; holder++) {
                (void)bb_parts_let_go(&copy, &self.lists[holder]);
            }
            CHECK(copy.held == 0 && copy.total == 0 && copy.members == 0);
        }
        CHECK(status == BB_OK || (copy.slots == NULL && copy.capacity == 0));
        bb_parts_close(&copy);
        self.scratch.fail_in = -1;
        pair_close(&self);
    }
}

/* Many parts, held by one after the other, and let go of again. */
static void memory_follows_the_content(void) {
    pair self;
    enum { MANY = 20000 };
    pair_open(&self);
    bb_found found;
    bb_found_init(&found, ledger_allocator(&self.scratch));
    for (size_t i = 1; i <= MANY; i++) {
        CHECK(bb_found_add(&found, i << 4, 1));
    }
    bb_parts_list first, second;
    CHECK(bb_parts_hold(&self.parts, &found, &first) == BB_OK);
    const size_t capacity = self.parts.capacity;
    CHECK(capacity < 2 * MANY);
    for (size_t i = 0; i < MANY; i++) {
        found.items[i].nbytes = 3;
    }
    CHECK(bb_parts_hold(&self.parts, &found, &second) == BB_OK);
    CHECK(self.parts.capacity == capacity);
    CHECK(self.parts.total == 3 * MANY && self.parts.members == 2 * MANY);
    CHECK(bb_parts_let_go(&self.parts, &first) == 0);
    bb_parts_forget(&self.parts, &first);
    CHECK(bb_parts_let_go(&self.parts, &second) == 3 * MANY);
    bb_parts_forget(&self.parts, &second);
    CHECK_VALID(bb_parts_validate, &self.parts);
    bb_parts_shrink(&self.parts, 0);
    CHECK(self.ledger.bytes == 0);
    bb_found_free(&found);
    pair_close(&self);
}

static void what_was_found_is_added_up(void) {
    ledger ledger = {0, 0, -1};
    bb_found found;
    bb_found_init(&found, ledger_allocator(&ledger));
    CHECK(bb_found_add(&found, 2, 0) && found.count == 0 && ledger.bytes == 0);
    CHECK(bb_found_add(&found, 2, UINT64_MAX - 5) && bb_found_add(&found, 4, 5));
    CHECK(found.nbytes == UINT64_MAX);
    CHECK(bb_found_add(&found, 6, 1) && found.nbytes == UINT64_MAX && found.count == 3);
    while (found.count < found.capacity) {
        CHECK(bb_found_add(&found, 8, 1));
    }
    ledger.fail_in = 0;
    const size_t count = found.count;
    CHECK(!bb_found_add(&found, 8, 1) && found.count == count);
    bb_found_free(&found);
    CHECK(ledger.bytes == 0);
}

int main(void) {
    follows_the_model();
    survives_every_failing_allocation();
    a_copy_holds_the_same();
    memory_follows_the_content();
    what_was_found_is_added_up();
    return 0;
}
