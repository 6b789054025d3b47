#include "bytebound/queue.h"

/* ---- lines ---- */

static void link_last(bb_line *line, bb_waiter *waiter) {
    waiter->before = line->last;
    waiter->after = NULL;
    *(line->last == NULL ? &line->first : &line->last->after) = waiter;
    line->last = waiter;
}

static void link_first(bb_line *line, bb_waiter *waiter) {
    waiter->before = NULL;
    waiter->after = line->first;
    *(line->first == NULL ? &line->last : &line->first->before) = waiter;
    line->first = waiter;
}

static void unlink_waiter(bb_line *line, bb_waiter *waiter) {
    *(waiter->before == NULL ? &line->first : &waiter->before->after) = waiter->after;
    *(waiter->after == NULL ? &line->last : &waiter->after->before) = waiter->before;
}

void bb_queue_wait(bb_queue *self, bb_waiter *waiter, bb_side side, uint64_t charge,
                   bool in_front) {
    bb_line *line = &self->lines[side];
    waiter->side = side;
    waiter->charge = charge;
    waiter->turn = BB_WAITING;
    (in_front ? link_first : link_last)(line, waiter);
    line->count++;
    self->waiting++;
}

static void call(bb_queue *self, bb_waiter *waiter) {
    bb_line *line = &self->lines[waiter->side];
    unlink_waiter(line, waiter);
    line->count--;
    line->called++;
    self->waiting--;
    self->promised += waiter->side == BB_PRODUCER ? waiter->charge : 0;
    waiter->turn = BB_CALLED;
}

/* Somebody who was called has come. */
static void answer(bb_queue *self, bb_waiter *waiter) {
    self->lines[waiter->side].called--;
    self->promised -= waiter->side == BB_PRODUCER ? waiter->charge : 0;
    waiter->turn = BB_AWAY;
}

void bb_queue_leave(bb_queue *self, bb_waiter *waiter) {
    if (waiter->turn == BB_WAITING) {
        call(self, waiter);
    }
    if (waiter->turn == BB_CALLED) {
        answer(self, waiter);
    }
    waiter->turn = BB_AWAY;
}

void bb_queue_forget(bb_queue *self) {
    for (int side = 0; side < BB_SIDE_COUNT; side++) {
        self->lines[side] = (bb_line){0};
    }
    self->waiting = 0;
    self->promised = 0;
}

/* ---- whose turn it is ---- */

static bool has_room(bb_queue *self, uint64_t charge) {
    return charge <= UINT64_MAX - self->promised &&
           bb_ring_has_room(&self->ring, self->lines[BB_PRODUCER].called + 1,
                            self->promised + charge);
}

/* It may be called only to be refused, when waiting has no sense any more: what is too large
 * by now, or for which a budget above has no room while nothing is here whose leaving could
 * change that. */
static bool producer_is_due(bb_queue *self, const bb_waiter *waiter) {
    return self->is_shut || !bb_ring_could_fit(&self->ring, waiter->charge) ||
           (self->ring.count == 0 && self->lines[BB_PRODUCER].called == 0) ||
           has_room(self, waiter->charge);
}

/* The first in a line that can be served now. */
static bb_waiter *find_due(bb_queue *self) {
    const bb_line *consumers = &self->lines[BB_CONSUMER];
    if (consumers->first != NULL && (self->is_shut || consumers->called < self->ring.count)) {
        return consumers->first;
    }
    bb_waiter *producer = self->lines[BB_PRODUCER].first;
    if (producer != NULL && producer_is_due(self, producer)) {
        return producer;
    }
    return self->unfinished == 0 ? self->lines[BB_JOINER].first : NULL;
}

/* Puts what a producer that was called has left with us. */
static void serve(bb_queue *self, bb_waiter *waiter) {
    bb_refusal refusal;
    if (self->is_shut || bb_ring_insert(&self->ring, self->ring.count, waiter->item, waiter->charge,
                                        &refusal) != BB_OK) {
        return;
    }
    answer(self, waiter);
    self->unfinished++;
    waiter->turn = BB_SERVED;
}

bb_waiter *bb_queue_call_next(bb_queue *self) {
    bb_waiter *due = find_due(self);
    if (due != NULL) {
        call(self, due);
        if (due->side == BB_PRODUCER && due->item != NULL) {
            serve(self, due);
        }
    }
    return due;
}

/* ---- putting and taking ---- */

static bool must_wait(bb_queue *self, uint64_t charge) {
    const bb_line *producers = &self->lines[BB_PRODUCER];
    return producers->first != NULL || (producers->called != 0 && !has_room(self, charge));
}

/* Whether a budget above would have room if every item here left. */
static bool leaving_could_make_room(bb_queue *self, uint64_t charge) {
    bb_refusal refusal;
    return self->ring.count != 0 &&
           bb_budget_would_admit(&self->ring.budget, self->ring.budget.total,
                                 charge + bb_ring_overhead_for(1), &refusal);
}

bb_status bb_queue_put(bb_queue *self, bb_waiter *waiter, void *item, uint64_t charge,
                       bb_refusal *refusal) {
    const bool was_called = waiter != NULL && waiter->turn == BB_CALLED;
    if (was_called) {
        answer(self, waiter);
    }
    if (self->is_shut) {
        return BB_SHUT;
    }
    if (!was_called && must_wait(self, charge)) {
        refusal->level = NULL; /* no bound but somebody's turn */
        return bb_ring_could_fit(&self->ring, charge) ? BB_FULL : BB_TOO_LARGE;
    }
    const bb_status status = bb_ring_insert(&self->ring, self->ring.count, item, charge, refusal);
    if (status == BB_OK) {
        self->unfinished++;
    }
    return status == BB_OVER_BUDGET && leaving_could_make_room(self, charge) ? BB_FULL : status;
}

static void drop_unfinished(bb_queue *self, uint32_t count) {
    self->unfinished -= count < self->unfinished ? count : self->unfinished;
}

bb_status bb_queue_push(bb_queue *self, void *item, uint64_t charge, bb_batch *batch,
                        bb_refusal *refusal) {
    if (self->is_shut) {
        return BB_SHUT;
    }
    const bb_status status = bb_ring_append(&self->ring, BB_RIGHT, item, charge, batch, refusal);
    if (status == BB_OK) {
        self->unfinished++;
        drop_unfinished(self, batch->count);
    }
    return status;
}

bb_status bb_queue_take(bb_queue *self, bb_waiter *waiter, void **item) {
    if (waiter != NULL && waiter->turn == BB_CALLED) {
        answer(self, waiter);
    }
    if (self->ring.count == 0) {
        return self->is_shut ? BB_SHUT : BB_EMPTY;
    }
    bb_removed removed;
    bb_ring_remove(&self->ring, 0, BB_DELETED, &removed);
    *item = removed.value;
    return BB_OK;
}

bool bb_queue_withdraw(bb_queue *self, bb_waiter *waiter) {
    waiter->turn = BB_AWAY;
    for (uint32_t index = self->ring.count; index-- > 0;) {
        if (bb_ring_at(&self->ring, index)->item == waiter->item) {
            bb_removed removed;
            bb_ring_remove(&self->ring, index, BB_DELETED, &removed);
            drop_unfinished(self, 1);
            bb_ring_counters *counters = &self->ring.counters;
            counters->left[BB_DELETED]--; /* it was neither put nor got */
            counters->inserts -= counters->inserts != 0;
            return true;
        }
    }
    return false;
}

bool bb_queue_done(bb_queue *self) {
    if (self->unfinished == 0) {
        return false;
    }
    self->unfinished--;
    return true;
}

void bb_queue_shut(bb_queue *self) {
    self->is_shut = true;
}

void bb_queue_take_all(bb_queue *self, bb_ring *into) {
    drop_unfinished(self, self->ring.count);
    bb_ring_take_all(&self->ring, into);
}

bool bb_queue_trim(bb_queue *self, uint64_t target, bb_batch *batch) {
    const bool done = bb_ring_trim(&self->ring, target, BB_TRIMMED, batch);
    drop_unfinished(self, batch->count);
    return done;
}

bb_status bb_queue_limit(bb_queue *self, uint64_t limit, uint32_t max_count, bb_batch *batch) {
    const bb_status status = bb_ring_limit(&self->ring, limit, max_count, batch);
    drop_unfinished(self, batch->count);
    return status;
}

bool bb_queue_is_full(bb_queue *self) {
    return must_wait(self, 0) || !has_room(self, 0);
}

/* ---- high and low water ---- */

/* Rounded up to high water and down to low water; high is above low, so that one content is
 * never both, and above zero, so that an empty queue is low. */
static uint64_t high_of(uint64_t bound, double share) {
    const double level = (double)bound * share;
    uint64_t high = bound;
    if (level < (double)bound) {
        high = (uint64_t)level;
        high += (double)high < level;
    }
    return high == 0 ? 1 : high;
}

static uint64_t low_of(uint64_t bound, double share, uint64_t high) {
    const double level = (double)bound * share;
    const uint64_t low = level < (double)bound ? (uint64_t)level : bound;
    return low < high ? low : high - 1;
}

void bb_queue_watch(bb_queue *self, double high, double low) {
    const uint64_t bytes = self->ring.budget.limit;
    const uint32_t items = self->ring.max_count;
    self->water.high_bytes = high_of(bytes, high);
    self->water.high_items = (uint32_t)high_of(items, high);
    self->water.low_bytes = low_of(bytes, low, self->water.high_bytes);
    self->water.low_items = (uint32_t)low_of(items, low, self->water.high_items);
    self->water.watched = true;
}

bool bb_queue_crossed(bb_queue *self) {
    bb_water *water = &self->water;
    const uint32_t items = self->ring.count;
    const uint64_t bytes = self->ring.payload + bb_ring_overhead_for(items);
    const bool was_above = water->above;
    if (was_above) {
        water->above = bytes > water->low_bytes || items > water->low_items;
    } else {
        water->above = bytes >= water->high_bytes || items >= water->high_items;
    }
    return water->above != was_above;
}

/* ---- life ---- */

void bb_queue_init(bb_queue *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
                   bb_budget *parent) {
    *self = (bb_queue){0};
    bb_ring_init(&self->ring, allocator, limit, max_count, parent);
}

void bb_queue_close(bb_queue *self) {
    bb_ring_close(&self->ring);
}

/* ---- checking ---- */

static const char *line_defect(const bb_line *line, bb_side side) {
    uint32_t count = 0;
    const bb_waiter *before = NULL;
    for (const bb_waiter *waiter = line->first; waiter != NULL; waiter = waiter->after) {
        if (waiter->before != before) {
            return "a waiter does not know who is before it";
        }
        if (waiter->side != side || waiter->turn != BB_WAITING) {
            return "a waiter stands in a line that is not its own";
        }
        before = waiter;
        count++;
    }
    if (line->last != before) {
        return "a line does not know its last waiter";
    }
    return count != line->count ? "a line counts its waiters wrong" : NULL;
}

static const char *turn_defect(bb_queue *self) {
    static const char *const defects[BB_SIDE_COUNT] = {
        "a producer waits though there is room",
        "a consumer waits though there is an item",
        "somebody waits for what is done",
    };
    const bb_waiter *due = find_due(self);
    if (due != NULL) {
        return defects[due->side];
    }
    if (self->lines[BB_PRODUCER].called == 0 && self->promised != 0) {
        return "room is promised to nobody";
    }
    return NULL;
}

bool bb_queue_validate(bb_queue *self, const char **reason) {
    uint32_t waiting = 0;
    *reason = NULL;
    for (int side = 0; side < BB_SIDE_COUNT && *reason == NULL; side++) {
        *reason = line_defect(&self->lines[side], (bb_side)side);
        waiting += self->lines[side].count;
    }
    if (*reason == NULL && waiting != self->waiting) {
        *reason = "the waiting are counted wrong";
    }
    if (*reason == NULL) {
        *reason = turn_defect(self);
    }
    return *reason == NULL && bb_ring_validate(&self->ring, reason);
}
