/*
 * A ring of items, open at both ends, bounded by bytes and by items.
 *
 * Purpose: the native half of a history and of a queue. Items are opaque pointers, each
 * with a charge: this structure neither compares, copies nor frees what they point at.
 * It hands out the items that left, and the caller drops them afterwards.
 *
 * Layout: one array of slots, addressed from `head` and wrapping round.
 *
 *                    tail part         free         head part
 *   slots[capacity] ┌────┬────┬────┬────┬────┬────┬────┬────┐   16 bytes each:
 *                   │ 3  │ 4  │ 5  │    │    │ 0  │ 1  │ 2  │   item, charge
 *                   └────┴────┴────┴────┴────┴─▲──┴────┴────┘
 *                                            head, the item at index 0
 *
 * Index 0 is the left end and, where items enter at the right, the oldest. The array is
 * of any size, not a power of two: it grows by an eighth, and never beyond the bound on
 * items, so a full ring has no slack.
 *
 * Bytes: 16 a slot. All of it is overhead and is charged to the budget like any payload,
 * before it is taken. A ring that is less than a quarter full gives half of its slots back.
 *
 * Complexity: access, append and pop at either end O(1), growing amortised; insert, remove
 * and rotate O(distance to the nearer end); reverse, splice, copy and validate O(n).
 *
 * Atomicity: what adds items first plans its evictions and exchanges their charges for the
 * new ones in the budget in one step, through all levels; only then is anything changed. So it
 * happens whole, or nothing happened. Shrinking works inside the memory it has and cannot fail.
 *
 * Invariants (bb_ring_validate checks them):
 *   - count <= capacity, count <= max_count; head < capacity, or both are 0;
 *   - payload = the sum of the charges of the items held;
 *   - budget.total = payload + capacity * sizeof(bb_ring_slot), never above budget.limit.
 *
 * Threads: none here. The caller holds one lock around each call.
 */
#ifndef BYTEBOUND_RING_H
#define BYTEBOUND_RING_H

#include "bytebound/alloc.h"
#include "bytebound/batch.h"
#include "bytebound/budget.h"

typedef struct bb_ring_slot {
    void *item;
    uint64_t charge;
} bb_ring_slot;

typedef enum bb_end {
    BB_LEFT,
    BB_RIGHT,
} bb_end;

/* When items entered, for those under a budget of several: not of each, but of every
 * `stride`-th, so that the marks there are reach back over all items. */
enum { BB_RING_MARKS = 16 };

typedef struct bb_ring_trail {
    uint64_t entered; /* items so far */
    uint64_t stride;  /* a power of two */
    uint32_t next;    /* where the next mark goes, round and round */
    uint64_t numbers[BB_RING_MARKS];
    uint64_t times[BB_RING_MARKS]; /* by the clock of the budgets, when that many had entered */
} bb_ring_trail;

typedef struct bb_ring_counters {
    uint64_t inserts;
    uint64_t left[BB_REASON_COUNT];
} bb_ring_counters;

typedef struct bb_ring {
    bb_ring_slot *slots;
    uint32_t head;
    uint32_t count;
    uint32_t capacity;
    uint32_t max_count;
    uint64_t version; /* another whenever an item moves, enters or leaves */
    uint64_t payload;
    uint64_t yields_until; /* see "under a budget of several" */
    bb_ring_trail trail;
    bb_ring_counters counters;
    bb_budget budget;
    bb_allocator allocator;
} bb_ring;

/* ---- life ---- */

/* max_count UINT32_MAX: no such bound. */
void bb_ring_init(bb_ring *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
                  bb_budget *parent);

/* Frees the native memory and gives every charge back. Must hold no item. */
void bb_ring_close(bb_ring *self);

/* Moves every item into *into (uninitialised before), which has no bound, and leaves self
 * empty. O(1), allocates nothing. Read `into` by bb_ring_at, then bb_ring_discard it. */
void bb_ring_take_all(bb_ring *self, bb_ring *into);

/* Frees the slots of what bb_ring_take_all filled, items included. */
void bb_ring_discard(bb_ring *taken);

/* ---- reading ---- */

/* The item at index < count, 0 at the left end. */
static inline bb_ring_slot *bb_ring_at(const bb_ring *self, uint32_t index) {
    const size_t at = (size_t)self->head + index;
    return &self->slots[at < self->capacity ? at : at - self->capacity];
}

static inline uint64_t bb_ring_overhead(const bb_ring *self) {
    return (uint64_t)self->capacity * sizeof(bb_ring_slot);
}

/* The slots of so many items and no slack; what an item needs beside its charge is
 * bb_ring_overhead_for(1). */
static inline uint64_t bb_ring_overhead_for(uint32_t count) {
    return (uint64_t)count * sizeof(bb_ring_slot);
}

/* True if an item of this charge could be kept were it alone. */
static inline bool bb_ring_could_fit(const bb_ring *self, uint64_t charge) {
    const uint64_t limit = self->budget.limit;
    return sizeof(bb_ring_slot) <= limit && charge <= limit - sizeof(bb_ring_slot);
}

/* Whether bb_ring_insert would take `count` more items of that charge in all, at every level
 * of the budget. For several it may say no though it would. */
bool bb_ring_has_room(bb_ring *self, uint32_t count, uint64_t charge);

/* What would be charged if slack were given back: bb_ring_trim and bb_ring_limit evict
 * nothing for this much. */
uint64_t bb_ring_least(const bb_ring *self);

/* ---- changing ---- */

/*
 * Adds an item at one end. Evicts from the other end into *batch (initialised by
 * bb_batch_init; an item is a `value` there, and keys are NULL) as the bounds need.
 * BB_TOO_LARGE, BB_OVER_BUDGET (see *refusal), BB_NO_MEMORY: nothing has changed. BB_FULL:
 * nothing but that it is counted, as entered and evicted, in a ring of no items at all.
 * A charge is at most 2^62 - 1.
 */
bb_status bb_ring_append(bb_ring *self, bb_end end, void *item, uint64_t charge, bb_batch *batch,
                         bb_refusal *refusal);

/*
 * Adds an item before index <= count, and evicts nothing: at an end too, for a queue that
 * lets its producers wait. As bb_ring_append; BB_FULL: an own bound leaves no room now,
 * *refusal says which bytes if it is that one, and has no level if it is the one on items.
 */
bb_status bb_ring_insert(bb_ring *self, uint32_t index, void *item, uint64_t charge,
                         bb_refusal *refusal);

/* Gives the slot at an index another item (the same: to measure it anew) and charge;
 * evicts others from the left as needed. *old gets the item that left. Fails as
 * bb_ring_append. */
bb_status bb_ring_replace(bb_ring *self, uint32_t index, void *item, uint64_t charge,
                          bb_batch *batch, bb_refusal *refusal, void **old);

/* Takes out the item at an index: 0 and count - 1 are the ends. */
void bb_ring_remove(bb_ring *self, uint32_t index, bb_reason reason, bb_removed *removed);

/*
 * Takes out `count` items into the batch: those at start, start + step, ... in one pass.
 * BB_NO_MEMORY: nothing has changed.
 */
bb_status bb_ring_remove_many(bb_ring *self, uint32_t start, uint32_t step, uint32_t count,
                              bb_reason reason, bb_batch *batch);

/* How many items from the left on have together at most `max_charge`, and are at most
 * max_count; at least one if there is any and max_count is not 0, so that whoever takes
 * so many makes progress. O(the result). */
uint32_t bb_ring_count_within(const bb_ring *self, uint32_t max_count, uint64_t max_charge);

/* Moves every item `steps` to the right (to the left if negative), round the end. */
void bb_ring_rotate(bb_ring *self, int64_t steps);

void bb_ring_reverse(bb_ring *self);

/* Copies `count` items, those at start, start + step, ..., into an empty ring with bounds of its
 * own: all or none, and without slack, so what fitted here fits there under the same bounds.
 * A step may be negative. Fails as bb_ring_insert. */
bb_status bb_ring_copy(const bb_ring *self, int64_t start, int64_t step, uint32_t count,
                       bb_ring *into, bb_refusal *refusal);

/*
 * Exchanges `count` items, those at start, start + step, ..., for copies of all of `fresh`, in one
 * step and without evicting; unless the step is 1, they must be as many. Who left is in
 * *batch, as BB_REPLACED. Fails as bb_ring_insert. O(n).
 */
bb_status bb_ring_splice(bb_ring *self, uint32_t start, uint32_t step, uint32_t count,
                         const bb_ring *fresh, bb_batch *batch, bb_refusal *refusal);

/* ---- giving memory back ---- */

/* Evicts up to the batch's inline capacity of items from the left and then gives slack
 * back, until the charged total is at most `target`. True if it is, or nothing is
 * left; false: drop the batch and call again. Takes no memory. */
bool bb_ring_trim(bb_ring *self, uint64_t target, bb_reason reason, bb_batch *batch);

/* ---- under a budget of several: as in lru.h ----
 *
 * The oldest is the item at the left end. When it entered is known to a sixteenth of the ring, and
 * where items were moved about it is taken for one that entered before those to its right. */

bool bb_ring_nominee(const bb_ring *self, uint64_t *use, uint64_t *releasable);
uint64_t bb_ring_reclaim(bb_ring *self, uint64_t need, uint64_t until, uint64_t spare,
                         bb_batch *batch);

/* Sets both bounds and evicts from the left what no longer fits, in one step, so that
 * nobody can refill meanwhile. BB_NO_MEMORY: nothing has changed. */
bb_status bb_ring_limit(bb_ring *self, uint64_t limit, uint32_t max_count, bb_batch *batch);

/* ---- checking ---- */

/* True if every invariant holds; else *reason says which does not. */
bool bb_ring_validate(bb_ring *self, const char **reason);

#endif
