/*
 * A slow, obvious queue and a driver that applies one operation to both: the tests and the
 * fuzz target feed it with operations. Items are numbers, stored as pointers; waiters come
 * from a small crew.
 */
#ifndef BYTEBOUND_TEST_QUEUE_MODEL_H
#define BYTEBOUND_TEST_QUEUE_MODEL_H

#include <string.h>

#include "bytebound/queue.h"
#include "check.h"

enum { MODEL_ITEMS = 2000, CREW = 24 };

typedef struct worker {
    bb_waiter waiter;
    uint64_t ticket; /* when it joined a line */
} worker;

typedef struct pair {
    bb_queue queue;
    uintptr_t items[MODEL_ITEMS];
    uint32_t count;
    uint64_t unfinished;
    worker crew[CREW];
    uint64_t tickets;
    bb_budget parent;
    ledger ledger;
    uintptr_t next_item;
} pair;

static inline void model_drop(pair *self, uint32_t count) {
    CHECK(count <= self->count);
    self->count -= count;
    memmove(self->items, &self->items[count], self->count * sizeof(uintptr_t));
}

static inline void model_undo(pair *self, uint32_t count) {
    self->unfinished -= count < self->unfinished ? count : self->unfinished;
}

/* Calls whoever is due: everybody in line, first come first served. */
static inline void call_all(pair *self) {
    bb_waiter *waiter;
    while ((waiter = bb_queue_call(&self->queue)) != NULL) {
        worker *called = (worker *)waiter;
        if (waiter->turn == BB_SERVED) {
            CHECK(waiter->side == BB_PRODUCER && waiter->item != NULL && !self->queue.is_shut);
            self->items[self->count++] = (uintptr_t)waiter->item;
            self->unfinished++;
        } else {
            CHECK(waiter->turn == BB_CALLED);
        }
        for (int i = 0; i < CREW; i++) {
            const worker *other = &self->crew[i];
            CHECK(other->waiter.turn != BB_WAITING || other->waiter.side != waiter->side ||
                  other->ticket > called->ticket);
        }
    }
}

static inline void check_same(pair *self) {
    uint32_t turns[BB_SIDE_COUNT][BB_SERVED + 1] = {{0}};
    uint64_t promised = 0;
    for (int i = 0; i < CREW; i++) {
        const bb_waiter *waiter = &self->crew[i].waiter;
        turns[waiter->side][waiter->turn]++;
        if (waiter->side == BB_PRODUCER && waiter->turn == BB_CALLED) {
            promised += waiter->charge;
        }
    }
    for (int side = 0; side < BB_SIDE_COUNT; side++) {
        CHECK(self->queue.lines[side].count == turns[side][BB_WAITING]);
        CHECK(self->queue.lines[side].called == turns[side][BB_CALLED]);
    }
    CHECK(self->queue.promised == promised);
    CHECK(self->queue.unfinished == self->unfinished);
    CHECK(self->queue.ring.count == self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        CHECK((uintptr_t)bb_ring_at(&self->queue.ring, at)->item == self->items[at]);
    }
    CHECK(self->ledger.bytes == bb_ring_overhead(&self->queue.ring));
    CHECK_VALID(bb_queue_validate, &self->queue);
    CHECK(self->parent.total == self->queue.ring.budget.total);
}

static inline void pair_open(pair *self, uint64_t limit, uint64_t parent_limit,
                             uint32_t max_count) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = -1;
    bb_budget_init(&self->parent, parent_limit, NULL, true);
    bb_queue_init(&self->queue, ledger_allocator(&self->ledger), limit, max_count, &self->parent);
}

static inline void pair_wait(pair *self, worker *worker, bb_side side, uint64_t charge,
                             bool came_back) {
    if (!came_back) {
        worker->ticket = ++self->tickets << 32;
    } else {
        /* before all others, behind none that came back earlier */
        worker->ticket = (uint64_t)INT32_MAX - self->tickets++;
    }
    bb_queue_wait(&self->queue, &worker->waiter, side, charge, came_back);
}

/* One half of the producers leave their items in line, the others come themselves. */
static inline bool leaves_items(const pair *self, const worker *worker) {
    return worker - self->crew >= CREW / 2;
}

/* A producer that is AWAY or CALLED tries; where it has to wait, it may. */
static inline bb_status pair_put(pair *self, worker *worker, uint64_t charge, bool may_wait) {
    bb_refusal refusal;
    const bool called = worker->waiter.turn == BB_CALLED;
    const bool overtakes = !called && self->queue.lines[BB_PRODUCER].count != 0;
    const uintptr_t item = ++self->next_item;
    charge = called ? worker->waiter.charge : charge;
    const bb_status status =
        bb_queue_put(&self->queue, &worker->waiter, (void *)item, charge, &refusal);
    CHECK(worker->waiter.turn == BB_AWAY);
    CHECK((status == BB_SHUT) == self->queue.is_shut);
    CHECK(status != BB_OK || !overtakes);
    CHECK(status != BB_TOO_LARGE ||
          charge + bb_ring_overhead_for(1) > self->queue.ring.budget.limit);
    const uint64_t others = self->parent.total - self->queue.ring.budget.total;
    CHECK(status != BB_OVER_BUDGET || self->count == 0 ||
          charge + bb_ring_overhead_for(1) > self->parent.limit - others);
    CHECK(status != BB_FULL || self->count != 0 ||
          self->queue.lines[BB_PRODUCER].called + self->queue.lines[BB_PRODUCER].count != 0);
    if (status == BB_OK) {
        CHECK(self->count < MODEL_ITEMS);
        self->items[self->count++] = item;
        self->unfinished++;
    }
    if (status == BB_FULL && may_wait) {
        worker->waiter.item = leaves_items(self, worker) ? (void *)item : NULL;
        pair_wait(self, worker, BB_PRODUCER, charge, called);
    }
    return status;
}

static inline bb_status pair_take(pair *self, worker *worker, bool may_wait) {
    void *item = NULL;
    const bool called = worker->waiter.turn == BB_CALLED;
    const bb_status status = bb_queue_take(&self->queue, &worker->waiter, &item);
    CHECK(worker->waiter.turn == BB_AWAY);
    if (status == BB_OK) {
        CHECK(self->count > 0 && (uintptr_t)item == self->items[0]);
        model_drop(self, 1);
    } else {
        CHECK(self->count == 0 && status == (self->queue.is_shut ? BB_SHUT : BB_EMPTY));
    }
    if (status == BB_EMPTY && may_wait) {
        pair_wait(self, worker, BB_CONSUMER, 0, called);
    }
    return status;
}

static inline void pair_withdraw(pair *self, worker *worker) {
    const uintptr_t item = (uintptr_t)worker->waiter.item;
    uint32_t at = 0;
    while (at < self->count && self->items[at] != item) {
        at++;
    }
    CHECK(bb_queue_withdraw(&self->queue, &worker->waiter) == (at < self->count));
    CHECK(worker->waiter.turn == BB_AWAY);
    if (at < self->count) {
        memmove(&self->items[at], &self->items[at + 1], (--self->count - at) * sizeof(uintptr_t));
        model_undo(self, 1);
    }
}

/* What a worker does next, whatever it is about. */
static inline void pair_act(pair *self, worker *worker, bool produce, uint64_t charge) {
    if (worker->waiter.turn == BB_WAITING) {
        return;
    }
    if (worker->waiter.turn == BB_SERVED) {
        if (charge % 2 == 0) {
            bb_queue_leave(&self->queue, &worker->waiter);
        } else {
            pair_withdraw(self, worker);
        }
        return;
    }
    if (worker->waiter.turn == BB_CALLED) {
        if (worker->waiter.side == BB_JOINER) {
            bb_queue_leave(&self->queue, &worker->waiter);
            return;
        }
        produce = worker->waiter.side == BB_PRODUCER;
    }
    if (produce) {
        (void)pair_put(self, worker, charge, true);
    } else {
        (void)pair_take(self, worker, true);
    }
}

static inline void pair_join(pair *self, worker *worker) {
    if (worker->waiter.turn == BB_AWAY && self->unfinished != 0) {
        pair_wait(self, worker, BB_JOINER, 0, false);
    }
}

static inline void pair_leave(pair *self, worker *worker) {
    bb_queue_leave(&self->queue, &worker->waiter);
    CHECK(worker->waiter.turn == BB_AWAY);
}

static inline void pair_done(pair *self) {
    CHECK(bb_queue_done(&self->queue) == (self->unfinished != 0));
    self->unfinished -= self->unfinished != 0;
}

/* What leaves by itself are the oldest, and they are done. */
static inline void take_batch(pair *self, bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        CHECK((uintptr_t)batch->items[i].value == self->items[i]);
    }
    model_drop(self, batch->count);
    model_undo(self, batch->count);
    bb_batch_free(batch, &self->queue.ring.allocator);
}

static inline bb_status pair_push(pair *self, uint64_t charge) {
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    const uintptr_t item = ++self->next_item;
    const bb_status status = bb_queue_push(&self->queue, (void *)item, charge, &batch, &refusal);
    CHECK(status != BB_FULL);
    if (status == BB_OK) {
        self->unfinished++;
        take_batch(self, &batch);
        self->items[self->count++] = item;
    } else {
        bb_batch_free(&batch, &self->queue.ring.allocator);
    }
    return status;
}

static inline void pair_trim(pair *self, uint64_t target) {
    bool done;
    do {
        bb_batch batch;
        bb_batch_init(&batch);
        done = bb_queue_trim(&self->queue, target, &batch);
        take_batch(self, &batch);
    } while (!done);
}

static inline void pair_limit(pair *self, uint64_t limit, uint32_t max_count) {
    bb_batch batch;
    bb_batch_init(&batch);
    (void)bb_queue_limit(&self->queue, limit, max_count, &batch);
    take_batch(self, &batch);
}

static inline void pair_clear(pair *self) {
    bb_ring taken;
    bb_queue_take_all(&self->queue, &taken);
    CHECK(taken.count == self->count);
    bb_ring_discard(&taken);
    model_undo(self, self->count);
    self->count = 0;
}

static inline void pair_close(pair *self) {
    bb_queue_shut(&self->queue);
    call_all(self);
    CHECK(self->queue.lines[BB_PRODUCER].count + self->queue.lines[BB_CONSUMER].count == 0);
    for (int i = 0; i < CREW; i++) {
        pair_leave(self, &self->crew[i]);
    }
    pair_clear(self);
    check_same(self);
    bb_queue_close(&self->queue);
    CHECK(self->ledger.bytes == 0 && self->ledger.blocks == 0);
    CHECK(self->parent.total == 0);
}

#endif
