#include "queue_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

static uint64_t random_charge(void) {
    return random_below(random_below(6) ? 60 : 1200);
}

static void random_operation(pair *self) {
    worker *worker = &self->crew[random_below(CREW)];
    switch (random_below(12)) {
    case 0:
        pair_leave(self, worker);
        break;
    case 1:
        if (random_below(30) == 0) {
            pair_trim(self, random_below(2000));
        } else if (random_below(30) == 0) {
            pair_limit(self, 200 + random_below(3000), 1 + (uint32_t)random_below(40));
        }
        break;
    case 2:
        pair_join(self, worker);
        break;
    case 3:
        if (self->queue.lines[BB_PRODUCER].count == 0) {
            (void)pair_push(self, random_charge());
        }
        break;
    case 4:
    case 5:
        pair_done(self);
        break;
    default:
        pair_act(self, worker, random_below(2), random_charge());
    }
    call_all(self);
}

static void follows_the_model_under_every_kind_of_bound(void) {
    const uint64_t limits[] = {300, 1500, 9000, BB_UNLIMITED};
    for (int kind = 0; kind < 32; kind++) {
        pair self;
        pair_open(&self, limits[kind % 4], limits[kind / 4 % 4], kind & 16 ? 5 : 200);
        for (int step = 0; step < 4000; step++) {
            random_operation(&self);
            check_same(&self);
        }
        pair_close(&self);
    }
}

static void survives_failing_allocations(void) {
    for (int round = 0; round < 200; round++) {
        pair self;
        pair_open(&self, 2000, BB_UNLIMITED, 100);
        for (int step = 0; step < 200; step++) {
            self.ledger.fail_in = (int64_t)random_below(3) - 1;
            random_operation(&self);
            self.ledger.fail_in = -1;
            check_same(&self);
        }
        pair_close(&self);
    }
}

/* Small items that would fit wait behind a large one. */
static void a_large_item_is_not_starved(void) {
    pair self;
    pair_open(&self, 1000, BB_UNLIMITED, UINT32_MAX);
    CHECK(pair_put(&self, &self.crew[0], 500, false) == BB_OK);
    CHECK(pair_put(&self, &self.crew[1], 900, true) == BB_FULL);
    CHECK(pair_put(&self, &self.crew[2], 10, true) == BB_FULL);
    CHECK(pair_put(&self, &self.crew[3], 10, false) == BB_FULL);
    call_all(&self);
    CHECK(self.crew[2].waiter.turn == BB_WAITING);
    CHECK(pair_take(&self, &self.crew[4], false) == BB_OK);
    call_all(&self);
    CHECK(self.crew[1].waiter.turn == BB_CALLED);
    CHECK(self.crew[2].waiter.turn == BB_CALLED);
    CHECK(pair_put(&self, &self.crew[3], 100, false) == BB_FULL); /* the room is promised */
    CHECK(pair_put(&self, &self.crew[3], 20, false) == BB_OK);
    CHECK(pair_put(&self, &self.crew[1], 0, false) == BB_OK);
    CHECK(pair_put(&self, &self.crew[2], 0, false) == BB_OK);
    check_same(&self);
    pair_close(&self);
}

/* What producers leave is put in turn, before what others bring; and may be taken out again. */
static void items_that_are_left_enter_in_turn(void) {
    enum { LEAVES = CREW / 2 };
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, 3);
    worker *crew = self.crew;
    for (int i = 0; i < 3; i++) {
        CHECK(pair_put(&self, &crew[0], 1, false) == BB_OK);
    }
    CHECK(pair_put(&self, &crew[LEAVES], 1, true) == BB_FULL);
    CHECK(pair_put(&self, &crew[LEAVES + 1], 1, true) == BB_FULL);
    CHECK(pair_put(&self, &crew[1], 1, true) == BB_FULL);
    for (int i = 0; i < 3; i++) {
        CHECK(pair_take(&self, &crew[0], false) == BB_OK);
        call_all(&self);
        check_same(&self);
    }
    CHECK(crew[LEAVES].waiter.turn == BB_SERVED && crew[LEAVES + 1].waiter.turn == BB_SERVED);
    CHECK(crew[1].waiter.turn == BB_CALLED);
    CHECK(self.items[0] == (uintptr_t)crew[LEAVES].waiter.item);
    CHECK(self.items[1] == (uintptr_t)crew[LEAVES + 1].waiter.item);
    const uint64_t puts = self.queue.ring.counters.inserts;
    pair_withdraw(&self, &crew[LEAVES]);
    CHECK(self.queue.ring.counters.inserts == puts - 1);
    CHECK(pair_take(&self, &crew[0], false) == BB_OK);
    pair_withdraw(&self, &crew[LEAVES + 1]); /* it is gone */
    CHECK(pair_put(&self, &crew[1], 0, false) == BB_OK);
    check_same(&self);
    pair_close(&self);
}

/* Who was called is served, though others wait behind. */
static void who_is_called_need_not_wait_again(void) {
    pair self;
    pair_open(&self, 1000, BB_UNLIMITED, 1);
    CHECK(pair_put(&self, &self.crew[0], 1, false) == BB_OK);
    CHECK(pair_put(&self, &self.crew[1], 1, true) == BB_FULL);
    CHECK(pair_put(&self, &self.crew[2], 1, true) == BB_FULL);
    CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
    call_all(&self);
    CHECK(self.crew[2].waiter.turn == BB_WAITING);
    CHECK(pair_put(&self, &self.crew[1], 0, true) == BB_OK);
    pair_close(&self);
}

/* Promises of nearly all there can be do not wrap round to none. */
static void enormous_promises_do_not_wrap(void) {
    const uint64_t most = ((uint64_t)1 << 62) - 1;
    const uint64_t sizes[] = {most, most, most, most - 500, most};
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, 10);
    for (int i = 0; i < 10; i++) {
        CHECK(pair_put(&self, &self.crew[0], 0, false) == BB_OK);
    }
    for (int i = 0; i < 5; i++) {
        CHECK(pair_put(&self, &self.crew[i], sizes[i], true) == BB_FULL);
    }
    while (self.count != 0) {
        CHECK(pair_take(&self, &self.crew[9], false) == BB_OK);
    }
    call_all(&self);
    CHECK(self.crew[3].waiter.turn == BB_CALLED);
    CHECK(self.crew[4].waiter.turn == BB_WAITING);
    check_same(&self);
    for (int i = 0; i < 4; i++) {
        CHECK(pair_put(&self, &self.crew[i], 0, true) == BB_OK);
    }
    pair_close(&self);
}

/* What is promised to somebody who gives up goes to the next. */
static void a_call_that_is_not_answered_goes_on(void) {
    pair self;
    pair_open(&self, 1000, BB_UNLIMITED, 1);
    CHECK(pair_put(&self, &self.crew[0], 1, false) == BB_OK);
    CHECK(pair_put(&self, &self.crew[1], 1, true) == BB_FULL);
    CHECK(pair_put(&self, &self.crew[2], 1, true) == BB_FULL);
    CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
    call_all(&self);
    CHECK(self.crew[1].waiter.turn == BB_CALLED && self.crew[2].waiter.turn == BB_WAITING);
    pair_leave(&self, &self.crew[1]);
    call_all(&self);
    CHECK(self.crew[2].waiter.turn == BB_CALLED);
    CHECK(pair_take(&self, &self.crew[3], true) == BB_EMPTY);
    CHECK(pair_take(&self, &self.crew[4], true) == BB_EMPTY);
    CHECK(pair_put(&self, &self.crew[2], 0, false) == BB_OK);
    call_all(&self);
    CHECK(self.crew[3].waiter.turn == BB_CALLED && self.crew[4].waiter.turn == BB_WAITING);
    pair_leave(&self, &self.crew[3]);
    call_all(&self);
    CHECK(self.crew[4].waiter.turn == BB_CALLED);
    CHECK(pair_take(&self, &self.crew[4], false) == BB_OK);
    pair_close(&self);
}

/* A budget above that has no room is waited for only while something here could make some. */
static void waits_for_a_budget_only_while_it_holds_items(void) {
    pair self;
    bb_refusal refusal;
    pair_open(&self, 1000, 500, UINT32_MAX);
    CHECK(pair_put(&self, &self.crew[0], 300, false) == BB_OK);
    CHECK(pair_put(&self, &self.crew[1], 300, true) == BB_FULL);
    call_all(&self);
    CHECK(self.crew[1].waiter.turn == BB_WAITING);
    CHECK(bb_budget_exchange(&self.parent, 0, 130, &refusal) == BB_OK);
    CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
    call_all(&self);
    CHECK(pair_put(&self, &self.crew[1], 0, true) == BB_OK);
    CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
    CHECK(bb_budget_exchange(&self.parent, 0, 100, &refusal) == BB_OK);
    CHECK(pair_put(&self, &self.crew[1], 300, true) == BB_OVER_BUDGET);
    bb_budget_release(&self.parent, 230);
    pair_close(&self);
}

static void tells_of_high_and_low_water_once_each(void) {
    pair self;
    pair_open(&self, BB_UNLIMITED, BB_UNLIMITED, 10);
    bb_queue_watch(&self.queue, 0.8, 0.5);
    for (int round = 0; round < 3; round++) {
        for (int count = 1; count <= 10; count++) {
            CHECK(pair_put(&self, &self.crew[0], 5, false) == BB_OK);
            CHECK(bb_queue_crossed(&self.queue) == (count == 8));
        }
        for (int count = 9; count >= 0; count--) {
            CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
            CHECK(bb_queue_crossed(&self.queue) == (count == 5));
        }
    }
    pair_close(&self);
    pair_open(&self, 1000, BB_UNLIMITED, UINT32_MAX);
    bb_queue_watch(&self.queue, 0.5, 0.1);
    CHECK(!bb_queue_crossed(&self.queue));
    CHECK(pair_put(&self, &self.crew[0], 484, false) == BB_OK);
    CHECK(bb_queue_crossed(&self.queue) && !bb_queue_crossed(&self.queue));
    CHECK(pair_put(&self, &self.crew[0], 84, false) == BB_OK);
    CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
    CHECK(bb_queue_crossed(&self.queue));
    pair_close(&self);
}

/* Whatever the bounds and shares round to, one content is never both high and low. */
static void high_is_above_low(void) {
    /* two of them next to each other */
    const double shares[] = {0, 1e-300, 0.1, 0.5, 0.7999, 0.8333333333333333, 0.8333333333333334,
                             1};
    const uint64_t limits[] = {0, 1, 2, 3, 17, 1000, (uint64_t)1 << 62, BB_UNLIMITED};
    for (uint32_t items = 1; items < 30; items++) {
        for (int kind = 0; kind < 8 * 8 * 8; kind++) {
            const double high = shares[kind % 8], low = shares[kind / 8 % 8];
            if (low >= high) {
                continue;
            }
            pair self;
            pair_open(&self, limits[kind / 64], BB_UNLIMITED, items);
            bb_queue_watch(&self.queue, high, low);
            const bb_water *water = &self.queue.water;
            CHECK(water->low_bytes < water->high_bytes && water->low_items < water->high_items);
            CHECK(water->high_items <= items && water->high_items >= items * high);
            CHECK(water->low_items <= items * low);
            CHECK(!bb_queue_crossed(&self.queue));
            pair_close(&self);
        }
    }
}

/* In a forked process the waiters of other threads are gone, maybe their memory too. */
static void forgets_waiters_without_touching_them(void) {
    pair self;
    pair_open(&self, 1000, BB_UNLIMITED, 1);
    CHECK(pair_put(&self, &self.crew[0], 1, false) == BB_OK);
    for (int i = 1; i < 4; i++) {
        CHECK(pair_put(&self, &self.crew[i], 1, true) == BB_FULL);
    }
    CHECK(pair_take(&self, &self.crew[0], false) == BB_OK);
    call_all(&self);
    memset(self.crew, 0xff, sizeof(self.crew));
    bb_queue_forget(&self.queue);
    memset(self.crew, 0, sizeof(self.crew));
    check_same(&self);
    CHECK(pair_put(&self, &self.crew[0], 1, false) == BB_OK);
    pair_close(&self);
}

int main(void) {
    follows_the_model_under_every_kind_of_bound();
    survives_failing_allocations();
    a_large_item_is_not_starved();
    items_that_are_left_enter_in_turn();
    who_is_called_need_not_wait_again();
    enormous_promises_do_not_wrap();
    a_call_that_is_not_answered_goes_on();
    waits_for_a_budget_only_while_it_holds_items();
    tells_of_high_and_low_water_once_each();
    high_is_above_low();
    forgets_waiters_without_touching_them();
    return 0;
}
