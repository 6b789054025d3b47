/* Giving back for others under one budget. */
#include "ring_internal.h"

void bb_ring_mark(bb_ring *self, uint32_t count) {
    bb_ring_trail *trail = &self->trail;
    const uint64_t before = trail->entered;
    trail->entered += count;
    if (before / trail->stride == trail->entered / trail->stride && before != 0) {
        return;
    }
    trail->numbers[trail->next] = trail->entered;
    trail->times[trail->next] = bb_budget_now(&self->budget);
    trail->next = (trail->next + 1) % BB_RING_MARKS;
    while (trail->stride * (BB_RING_MARKS / 2) < self->count) {
        trail->stride *= 2;
    }
    while (trail->stride > 1 && trail->stride * (BB_RING_MARKS / 8) > self->count) {
        trail->stride /= 2;
    }
}

/* When the item at the left end entered, or somewhat earlier. */
static uint64_t oldest_use(const bb_ring *self) {
    const bb_ring_trail *trail = &self->trail;
    const uint64_t number = trail->entered > self->count ? trail->entered - self->count + 1 : 1;
    uint64_t use = 1; /* the clock starts with the first charge */
    for (uint32_t i = 0; i < BB_RING_MARKS; i++) {
        if (trail->numbers[i] <= number && trail->times[i] > use) {
            use = trail->times[i];
        }
    }
    return use;
}

bool bb_ring_yields(const bb_ring *self) {
    return self->yields_until == UINT64_MAX || oldest_use(self) <= self->yields_until;
}

bool bb_ring_nominee(const bb_ring *self, uint64_t *use, uint64_t *releasable) {
    if (self->count == 0) { /* of slots that nobody uses */
        *use = 0;
        *releasable = charged(self);
        return *releasable != 0;
    }
    *use = oldest_use(self);
    *releasable = self->count == 1 ? charged(self) : bb_ring_at(self, 0)->charge;
    return true;
}

/* What a sparse ring gives back, but no more than `most`. */
static void give_slack(bb_ring *self, uint64_t most) {
    const uint64_t slots = most / sizeof(bb_ring_slot);
    const uint32_t least = self->count * 2 + 1;
    const uint32_t capacity = slots < self->capacity ? self->capacity - (uint32_t)slots : 0;
    shrink_and_release(self, capacity > least ? capacity : least);
}

uint64_t bb_ring_reclaim(bb_ring *self, uint64_t need, uint64_t until, uint64_t spare,
                         bb_batch *batch) {
    const uint64_t before = charged(self);
    uint64_t freed = 0;
    uint64_t use, releasable;
    while (freed < need && freed <= spare && batch->count < BB_BATCH_INLINE &&
           bb_ring_nominee(self, &use, &releasable) && use <= until &&
           releasable <= spare - freed) {
        if (self->count != 0) {
            bb_ring_take_out(self, 0, BB_BUDGET, &batch->items[batch->count++]);
        }
        if (self->count == 0) {
            shrink_and_release(self, 0);
        }
        freed = before - charged(self);
        if (is_sparse(self) && freed <= spare) {
            give_slack(self, spare - freed);
            freed = before - charged(self);
        }
    }
    return freed;
}
