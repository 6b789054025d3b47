#include "ring_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

static uint64_t random_charge(void) {
    return random_below(random_below(8) ? 60 : 3000);
}

static void random_change(pair *self) {
    const uint32_t index = (uint32_t)random_below(self->count + 1);
    switch (random_below(9)) {
    case 0:
        (void)pair_insert(self, index, random_charge());
        break;
    case 1:
        if (index < self->count) {
            (void)pair_replace(self, index, random_charge());
        }
        break;
    case 2:
        if (self->count != 0) {
            pair_rotate(self, (int64_t)random_below(900) - 450);
        }
        break;
    case 3:
        pair_reverse(self);
        break;
    case 4:
        if (random_below(5) == 0) {
            const uint32_t step = 1 + (uint32_t)random_below(3);
            const uint32_t start = (uint32_t)random_below(2) * index;
            const uint32_t most = (self->count - start + step - 1) / step;
            const uint32_t count = (uint32_t)random_below(most + 1);
            if (random_below(2)) {
                pair_remove_many(self, start, step, count);
            } else {
                pair_splice(self, start, step, count, (uint32_t)random_below(9), random_charge());
            }
        }
        break;
    case 5:
        if (random_below(20) == 0) {
            pair_trim(self, random_below(self->ring.budget.total + 1));
        }
        break;
    case 6:
        if (random_below(50) == 0) {
            pair_clear(self);
        }
        break;
    default:
        if (index < self->count) {
            pair_remove(self, index);
        }
    }
}

static void follows_the_model_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {300, 2000, 9000, BB_UNLIMITED};
    for (int kind = 0; kind < 32; kind++) {
        pair self;
        pair_open(&self, limits[kind % 4], limits[kind / 4 % 4], kind & 16 ? 17 : 300);
        for (int step = 0; step < 3000; step++) {
            if (random_below(3) == 0) {
                random_change(&self);
            } else {
                (void)pair_append(&self, random_below(3) ? BB_RIGHT : BB_LEFT, random_charge());
            }
            check_same(&self);
            pair_count_within(&self, (uint32_t)random_below(20), random_below(500));
        }
        pair_close(&self);
    }
}

/* What could fit alone is taken, whatever was there before; one byte more is not. */
static void what_fits_alone_always_fits(void) {
    for (uint32_t before = 0; before < 150; before++) {
        for (int end = BB_LEFT; end <= BB_RIGHT; end++) {
            pair self;
            pair_open(&self, 5000, BB_UNLIMITED, UINT32_MAX);
            for (uint32_t i = 0; i < before; i++) {
                CHECK(pair_append(&self, BB_RIGHT, 1) == BB_OK);
            }
            const uint64_t largest = 5000 - bb_ring_overhead_for(1);
            CHECK(pair_append(&self, end, largest + 1) == BB_TOO_LARGE);
            CHECK(self.ring.count == before);
            if (before != 0) {
                CHECK(pair_replace(&self, before / 2, largest + 1) == BB_TOO_LARGE);
                CHECK(pair_replace(&self, before / 2, largest) == BB_OK);
                check_same(&self);
                CHECK(self.ring.count == 1);
            }
            CHECK(pair_append(&self, end, largest) == BB_OK);
            check_same(&self);
            CHECK(self.ring.count == 1);
            pair_close(&self);
        }
    }
}

/* The same story with the n-th allocation failing, for every n. */
static void survives_every_failing_allocation(void) {
    for (int64_t n = 0;; n++) {
        pair self;
        pair_open(&self, 9000, BB_UNLIMITED, UINT32_MAX);
        self.ledger.fail_in = n;
        for (uint32_t i = 1; i < 300; i++) {
            const uint64_t total = self.ring.budget.total;
            const uint64_t version = self.ring.version;
            bb_status status;
            if (i % 37 == 0) {
                status = pair_replace(&self, self.count / 2, 5000);
            } else if (i % 5 == 0) {
                status = pair_insert(&self, self.count / 3, 20);
            } else {
                status =
                    pair_append(&self, i % 3 ? BB_RIGHT : BB_LEFT, i % 41 == 0 ? 6000 : i % 50);
            }
            if (i % 60 == 0) {
                pair_remove_many(&self, 1, 2, self.count / 2);
                pair_copy(&self, false);
                pair_splice(&self, 1, 1, self.count / 2, 9, 8);
            }
            CHECK(status == BB_OK || status == BB_FULL || status == BB_NO_MEMORY);
            if (status == BB_NO_MEMORY) {
                CHECK(i % 60 == 0 || self.ring.budget.total == total);
                CHECK(i % 60 == 0 || self.ring.version == version);
            }
            check_same(&self);
        }
        const bool failed = self.ledger.fail_in < 0;
        self.ledger.fail_in = -1;
        pair_close(&self);
        if (!failed) {
            CHECK(n > 15);
            return;
        }
    }
}

static void memory_follows_the_content(void) {
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX);
    for (uint32_t i = 0; i < 300; i++) {
        CHECK(pair_append(&self, BB_RIGHT, 10) == BB_OK);
    }
    const uint64_t grown = bb_ring_overhead(&self.ring);
    while (self.count > 5) {
        pair_remove(&self, random_below(2) ? 0 : self.count - 1);
        check_same(&self);
    }
    CHECK(bb_ring_overhead(&self.ring) < grown / 8);
    pair_remove_many(&self, 0, 1, self.count);
    pair_trim(&self, 0);
    CHECK(bb_ring_overhead(&self.ring) == 0 && self.ledger.blocks == 0);
    pair_close(&self);
}

/* One large item that evicts a burst takes its slots away with it. */
static void slots_are_given_back_after_a_burst(void) {
    pair self;
    pair_open(&self, 20000, BB_UNLIMITED, UINT32_MAX);
    for (uint32_t i = 0; i < 300; i++) {
        CHECK(pair_append(&self, BB_RIGHT, 10) == BB_OK);
    }
    const uint64_t grown = bb_ring_overhead(&self.ring);
    CHECK(pair_append(&self, BB_RIGHT, 19000) == BB_OK);
    CHECK(self.count < 50);
    CHECK(bb_ring_overhead(&self.ring) < grown / 4);
    check_same(&self);
    pair_close(&self);
}

/* Also if it is the last of those who leave that makes all the room. */
static void slots_are_given_back_behind_a_large_item(void) {
    for (int replacing = 0; replacing <= 1; replacing++) {
        pair self;
        pair_open(&self, 20000, BB_UNLIMITED, UINT32_MAX);
        for (uint32_t i = 0; i < 240; i++) {
            CHECK(pair_append(&self, BB_RIGHT, i == 220 ? 10000 : 1) == BB_OK);
        }
        const uint64_t grown = bb_ring_overhead(&self.ring);
        CHECK((replacing ? pair_replace(&self, 239, 10000) : pair_append(&self, BB_RIGHT, 10000)) ==
              BB_OK);
        CHECK(self.count < 25);
        CHECK(bb_ring_overhead(&self.ring) < grown / 4);
        check_same(&self);
        pair_close(&self);
    }
}

/* Slots that stand empty make room before any item has to; also where nothing may leave. */
static void slack_goes_before_items(void) {
    for (int evicting = 0; evicting <= 1; evicting++) {
        pair self;
        pair_open(&self, 2000, BB_UNLIMITED, UINT32_MAX);
        for (uint32_t i = 0; i < 30; i++) {
            CHECK(pair_append(&self, BB_RIGHT, 1) == BB_OK);
        }
        pair_remove_many(&self, 0, 1, 29);
        const uint64_t rest = 2000 - 1 - bb_ring_overhead_for(2);
        CHECK(self.ring.capacity > 2);
        CHECK((evicting ? pair_append(&self, BB_RIGHT, rest) : pair_insert(&self, 1, rest)) ==
              BB_OK);
        CHECK(self.count == 2);
        check_same(&self);
        CHECK(pair_insert(&self, 1, 0) == BB_FULL);
        pair_close(&self);
    }
}

static void insert_tells_which_bound_is_full(void) {
    pair self;
    bb_refusal refusal;
    pair_open(&self, 200, 150, 3);
    CHECK(bb_ring_insert(&self.ring, 0, &self, 100, &refusal) == BB_OK);
    CHECK(bb_ring_insert(&self.ring, 1, &self, 185, &refusal) == BB_TOO_LARGE);
    CHECK(bb_ring_insert(&self.ring, 1, &self, 90, &refusal) == BB_FULL);
    CHECK(refusal.level == &self.ring.budget && refusal.requested == 90);
    CHECK(bb_ring_insert(&self.ring, 1, &self, 40, &refusal) == BB_OVER_BUDGET);
    CHECK(refusal.level == &self.parent);
    CHECK(bb_ring_insert(&self.ring, 1, &self, 0, &refusal) == BB_OK);
    CHECK(bb_ring_insert(&self.ring, 2, &self, 0, &refusal) == BB_OK);
    CHECK(bb_ring_insert(&self.ring, 2, &self, 0, &refusal) == BB_FULL);
    CHECK(refusal.level == NULL);
    self.count = 3;
    bb_ring taken;
    bb_ring_take_all(&self.ring, &taken);
    bb_ring_discard(&taken);
    self.count = 0;
    pair_close(&self);
}

static void room_for_several_is_room_for_each(void) {
    for (uint64_t limit = 20; limit < 6000; limit += 41) {
        for (uint32_t several = 1; several < 80; several += 7) {
            pair self;
            pair_open(&self, limit, limit % 3 == 0 ? 3000 : BB_UNLIMITED, 120);
            while (self.count < limit / 40 && pair_insert(&self, self.count, 9) == BB_OK) {
            }
            if (bb_ring_has_room(&self.ring, several, 11 * several)) {
                for (uint32_t i = 0; i < several; i++) {
                    CHECK(pair_insert(&self, self.count, 11) == BB_OK);
                }
            }
            pair_close(&self);
        }
    }
}

static void a_full_ring_has_no_slack(void) {
    for (uint32_t max_count = 1; max_count < 120; max_count++) {
        pair self;
        pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, max_count);
        for (uint32_t i = 0; i < 150; i++) {
            CHECK(pair_append(&self, BB_RIGHT, 1) == BB_OK);
        }
        check_same(&self);
        CHECK(self.count == max_count && self.ring.capacity == max_count);
        pair_close(&self);
    }
}

static void a_ring_of_no_items_takes_none(void) {
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, 0);
    CHECK(pair_append(&self, BB_RIGHT, 1) == BB_FULL);
    CHECK(bb_ring_insert(&self.ring, 0, &self, 1, &(bb_refusal){0}) == BB_FULL);
    check_same(&self);
    pair_close(&self);
}

static void a_lowered_bound_evicts_just_enough(void) {
    for (uint64_t limit = 0; limit < 5000; limit += 50) {
        for (int64_t fail_in = -1; fail_in <= 0; fail_in++) {
            pair self;
            pair_open(&self, 5000, BB_UNLIMITED, UINT32_MAX);
            for (uint32_t i = 0; i < 100; i++) {
                CHECK(pair_append(&self, i % 2, 1) == BB_OK);
            }
            self.ledger.fail_in = fail_in;
            const bb_status status = pair_limit(&self, limit, 50);
            self.ledger.fail_in = -1;
            check_same(&self);
            if (fail_in == 0) {
                CHECK(status == BB_NO_MEMORY);
                CHECK(self.count == 100 && self.ring.budget.limit == 5000);
            } else {
                CHECK(status == BB_OK && self.ring.budget.limit == limit);
                CHECK(self.count == 50 ||
                      bb_ring_overhead_for(self.count + 1) + self.ring.payload + 1 > limit);
            }
            pair_close(&self);
        }
    }
}

static void a_copy_fits_where_the_original_did(void) {
    for (uint64_t limit = 20; limit < 5000; limit += 37) {
        pair self;
        pair_open(&self, limit, BB_UNLIMITED, UINT32_MAX);
        for (uint32_t i = 0; i < 150; i++) {
            CHECK(pair_append(&self, i % 3 == 0, 1) == BB_OK);
        }
        pair_copy(&self, true);
        pair_close(&self);
    }
}

int main(void) {
    follows_the_model_under_every_kind_of_bound();
    what_fits_alone_always_fits();
    survives_every_failing_allocation();
    memory_follows_the_content();
    slots_are_given_back_after_a_burst();
    slots_are_given_back_behind_a_large_item();
    slack_goes_before_items();
    insert_tells_which_bound_is_full();
    room_for_several_is_room_for_each();
    a_full_ring_has_no_slack();
    a_ring_of_no_items_takes_none();
    a_lowered_bound_evicts_just_enough();
    a_copy_fits_where_the_original_did();
    return 0;
}
