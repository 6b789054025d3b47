/*
 * A bounded queue: items on their way, and who waits for room, for items or for the end.
 *
 * Purpose: decides who may put and take, and whose turn it is. How somebody sleeps and is
 * woken (a thread, a task of an event loop) is the caller's: to this structure a waiter is
 * a node that the caller owns.
 *
 * Layout: one ring of items and three lines of waiters, first come first served.
 *
 *   producers   ┌──┐ ┌──┐      called, on      ┌────┬────┬────┬────┐      called, on
 *   in line  ──▶│ 3│▶│ 2│ ───▶ their way ────▶ │ 9  │ 8  │ 7  │ 6  │ ───▶ their way ◀── consumers
 *               └──┘ └──┘      (promised room) └────┴────┴────┴────┘                    in line
 *                                                      ring
 *
 * A waiter is called as soon as it could be served, and then comes by itself, because only it
 * knows whether it still wants to: a call that is not answered (bb_queue_leave) goes to the
 * next. Until it comes, an item stays in the ring, charged, and room is promised: nobody else
 * gets it, but nothing is charged for it. So what does not come loses nothing, and an
 * item whose producer gave up was never in.
 *
 * A producer that is sure to want to may leave its item with us: it is put when it is its turn, so
 * that nobody enters meanwhile, and nobody has to wait until it is awake. It is SERVED then. If
 * it cannot be put, for want of memory say, the producer is CALLED, and finds out itself.
 *
 *   AWAY ──bb_queue_wait──▶ WAITING ──bb_queue_call──▶ CALLED ──put, take, leave──▶ AWAY
 *                                  └──────────────────▶ SERVED ──leave, withdraw──▶ AWAY
 *
 * Nobody overtakes a waiting producer: while one waits, others queue up behind it, so large
 * items are not starved by small ones. Consumers may be overtaken by one that
 * need not wait, and keep their place when they find nothing.
 *
 * Complexity: everything O(1), but dropping many at once, bb_queue_validate and bb_queue_forget.
 *
 * Invariants (bb_queue_validate checks them), whenever bb_queue_call has nobody left to call:
 *   - the ring's; so budget.total <= limit with all items that are in, taken by nobody;
 *   - a producer waits only while there is no room for the first in line beside what is
 *     promised; a consumer only while each item has somebody called for it;
 *   - promised = what the called producers ask for.
 *
 * Threads: none here. The caller holds one lock around each call.
 */
#ifndef BYTEBOUND_QUEUE_H
#define BYTEBOUND_QUEUE_H

#include "bytebound/ring.h"

typedef enum bb_side {
    BB_PRODUCER, /* waits for room */
    BB_CONSUMER, /* waits for an item */
    BB_JOINER,   /* waits until every item that was put is done */
    BB_SIDE_COUNT,
} bb_side;

typedef enum bb_turn {
    BB_AWAY,
    BB_WAITING,
    BB_CALLED,
    BB_SERVED, /* a producer whose item is in */
} bb_turn;

/* Zeroed before its first use; stays where it is until it is AWAY again. */
typedef struct bb_waiter {
    struct bb_waiter *before;
    struct bb_waiter *after;
    uint64_t charge; /* what a producer wants room for */
    bb_side side;
    bb_turn turn;
    void *item; /* what a producer leaves with us to put, or NULL: it comes itself */
} bb_waiter;

typedef struct bb_line {
    bb_waiter *first;
    bb_waiter *last;
    uint32_t count;
    uint32_t called;
} bb_line;

/* Levels of the content, payload and slots in use, at which somebody wants to know. */
typedef struct bb_water {
    uint64_t high_bytes, low_bytes;
    uint32_t high_items, low_items;
    bool watched;
    bool above; /* it was high, and has not been low since */
} bb_water;

typedef struct bb_queue {
    bb_ring ring;
    bb_line lines[BB_SIDE_COUNT];
    uint32_t waiting;    /* in all lines */
    bool is_shut;        /* nothing enters any more */
    uint64_t promised;   /* charges of the producers that are called */
    uint64_t unfinished; /* items that were put and not reported done */
    bb_water water;
} bb_queue;

/* ---- life ---- */

/* As bb_ring_init. */
void bb_queue_init(bb_queue *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
                   bb_budget *parent);

/* Frees the native memory and gives every charge back. Must hold no item and no waiter. */
void bb_queue_close(bb_queue *self);

/* ---- putting and taking ---- */

/*
 * Puts an item at the end. `waiter`: a producer that was called, or NULL for one that has not
 * waited; whatever comes of it, the call is answered.
 * BB_FULL: there is no room beside what is promised, or others came before; so it is too if a
 * budget above refuses and would not if the items here left. BB_TOO_LARGE: it
 * never fits. BB_SHUT, BB_OVER_BUDGET (see *refusal), BB_NO_MEMORY. Nothing has changed then.
 */
bb_status bb_queue_put(bb_queue *self, bb_waiter *waiter, void *item, uint64_t charge,
                       bb_refusal *refusal);

/* The same, evicting the oldest into *batch as bb_ring_append does; never BB_FULL. What is
 * evicted is done. */
bb_status bb_queue_push(bb_queue *self, void *item, uint64_t charge, bb_batch *batch,
                        bb_refusal *refusal);

/* Takes the oldest item out. `waiter`: a consumer that was called, or NULL. BB_EMPTY; BB_SHUT:
 * empty, and will stay so. */
bb_status bb_queue_take(bb_queue *self, bb_waiter *waiter, void **item);

/* One item less to be done. False if there was none. */
bool bb_queue_done(bb_queue *self);

/* Nothing enters any more, and everybody who waits is called. */
void bb_queue_shut(bb_queue *self);

/* Moves every item into *into as bb_ring_take_all does; they are done. */
void bb_queue_take_all(bb_queue *self, bb_ring *into);

/* As bb_ring_trim, and what leaves is done. */
bool bb_queue_trim(bb_queue *self, uint64_t target, bb_batch *batch);

/* As bb_ring_limit, and what leaves is done. */
bb_status bb_queue_limit(bb_queue *self, uint64_t limit, uint32_t max_count, bb_batch *batch);

/* Whether an item of no charge would have to wait. */
bool bb_queue_is_full(bb_queue *self);

/* ---- waiting ---- */

/* Joins a line: at its end, or in front if it has been called before and comes back. */
void bb_queue_wait(bb_queue *self, bb_waiter *waiter, bb_side side, uint64_t charge, bool in_front);

/* Gives up, wherever the waiter is. The caller calls the next. */
void bb_queue_leave(bb_queue *self, bb_waiter *waiter);

/* For a producer that is SERVED and does not want to be: takes its item out again. False if
 * somebody has taken it. O(items that came later). */
bool bb_queue_withdraw(bb_queue *self, bb_waiter *waiter);

/* For bb_queue_call. */
bb_waiter *bb_queue_call_next(bb_queue *self);

/* The next waiter that can be served now, which is CALLED from then on, or NULL. To be called
 * until it returns NULL after whatever made room, an item or a place in line. */
static inline bb_waiter *bb_queue_call(bb_queue *self) {
    return self->waiting == 0 ? NULL : bb_queue_call_next(self);
}

/* Strikes out all waiters without touching them: for a process that was forked, where they
 * are not. */
void bb_queue_forget(bb_queue *self);

/* ---- high and low water ---- */

/* Shares of the bounds, 0 to 1, low below high. */
void bb_queue_watch(bb_queue *self, double high, double low);

/* Whether the content has come from low to high or back since it was asked last. */
bool bb_queue_crossed(bb_queue *self);

/* ---- checking ---- */

/* True if every invariant holds; else *reason says which does not. */
bool bb_queue_validate(bb_queue *self, const char **reason);

#endif
