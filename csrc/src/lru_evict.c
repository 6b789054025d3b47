/* Which entries leave to make room: planned first, committed when the budget has agreed. */
#include "lru_internal.h"

/* ---- planning ---- */

/* Lets go of an entry that is to be evicted and adds it to the batch. */
static bool push_victim(bb_lru *self, bb_batch *batch, uint32_t index, bb_reason reason,
                        uint64_t *payload) {
    const uint64_t released = let_go(self, index);
    if (!bb_batch_push(batch, &self->allocator, describe(self, index, reason, released))) {
        take_back(self, index);
        return false;
    }
    *payload -= released;
    return true;
}

/* Keeps every entry of a batch after all. */
static void take_all_back(bb_lru *self, bb_batch *batch) {
    while (batch->count != 0) {
        take_back(self, batch->items[--batch->count].index);
    }
}

bb_status bb_lru_exchange_all(bb_lru *self, uint64_t payload, uint64_t overhead,
                              bb_refusal *refusal) {
    return bb_budget_exchange(&self->budget, self->payload + charged_overhead(self, self->overhead),
                              payload + charged_overhead(self, overhead), refusal);
}

/* Whether compacting to `left` entries halves the arrays, so that moving entries about is paid
 * for by those that left. Where parts are shared, their table may be sparse though the arrays are
 * full; and before an entry is refused that fits alone, everything is tried. */
static bool is_worth_compacting(const bb_lru *self, uint32_t left) {
    if (left <= self->capacity / 2) {
        return true;
    }
    if (self->sharing == NULL || left > self->capacity || left > needed_load(self->slot_bits)) {
        return false;
    }
    return left == 1 || self->sharing->parts.held < self->sharing->parts.capacity / 4;
}

/* What compacting to `left` entries gives back, if it is worth it. */
static uint64_t slack(const bb_lru *self, uint32_t left) {
    return is_worth_compacting(self, left) ? own_bytes(self) - bb_lru_least_bytes(self, left) : 0;
}

/* The oldest entry from `index` on that is not pinned, or 0. */
static uint32_t evictable(const bb_lru *self, uint32_t index) {
    while (index != 0 && is_pinned(self, index)) {
        index = bb_lru_newer(self, index);
    }
    return index;
}

/*
 * Plans evictions from the oldest on, all but entry `skip`, until the budget takes what
 * is left: as few as possible, so slack goes before entries do. `payload` is what it would be if
 * nobody left, `least` what would be charged if everybody did. Nothing is changed but the budget, and that only on success; then the batch
 * is to be committed, and *room is the number of entries to compact to, or 0.
 */
bb_status bb_lru_exchange_for_oldest(bb_lru *self, uint32_t skip, uint64_t payload, uint64_t least,
                                     bb_reason reason, bb_batch *batch, bb_refusal *refusal,
                                     uint32_t *room) {
    bb_status status = reason == BB_BUDGET ? BB_OVER_BUDGET : BB_TOO_LARGE;
    uint32_t victim = evictable(self, bb_lru_oldest(self));
    if (victim != 0 && !may_leave(self, victim, reason)) {
        return status;
    }
    const uint64_t everything = self->payload + charged_overhead(self, self->overhead);
    if (!bb_budget_would_admit(&self->budget, everything, least, refusal)) {
        /* No need to go through the entries to know. */
        return refusal->level == &self->budget ? BB_TOO_LARGE : BB_OVER_BUDGET;
    }
    bool may_stay = reason != BB_ITEMS;
    for (*room = 0;; victim = bb_lru_newer(self, victim)) {
        const uint32_t left = self->count - batch->count + (skip == 0);
        const uint64_t saved = charged_overhead(self, slack(self, left));
        if (may_stay && saved != 0) {
            status = bb_lru_exchange_all(self, payload, own_bytes(self) - saved, refusal);
            if (status == BB_OK) {
                *room = left;
                return BB_OK;
            }
        }
        may_stay = true;
        victim = evictable(self, victim);
        if (victim == skip && victim != 0) {
            victim = evictable(self, bb_lru_newer(self, victim));
        }
        if (victim == 0) {
            if (reason != BB_BUDGET && self->pins.count > (skip != 0 && is_pinned(self, skip))) {
                status = BB_PINNED; /* above, others may have what they can give back */
            }
            break;
        }
        if (!may_leave(self, victim, reason)) {
            break;
        }
        if (!push_victim(self, batch, victim, reason, &payload)) {
            status = BB_NO_MEMORY;
            break;
        }
        status = bb_lru_exchange_all(self, payload, own_bytes(self), refusal);
        if (status == BB_OK) {
            return BB_OK;
        }
        reason = reason_for(self, refusal);
    }
    take_all_back(self, batch);
    return status;
}

void bb_lru_commit(bb_lru *self, bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        const bb_removed *victim = &batch->items[i];
        bb_lru_unlink(self, victim->index, victim->reason, victim->charge);
    }
    if (self->sharing != NULL) {
        self->overhead = own_bytes(self);
    }
}

/* ---- giving memory back ---- */

bool bb_lru_trim(bb_lru *self, uint64_t target, bb_reason reason, bb_batch *batch) {
    for (;;) {
        const uint64_t saved = charged_overhead(self, slack(self, self->count));
        const uint64_t charged = self->payload + charged_overhead(self, self->overhead);
        if (charged <= target) {
            return true;
        }
        const uint32_t victim = evictable(self, bb_lru_oldest(self));
        if (victim == 0 || charged - saved <= target) {
            bb_lru_compact_and_release(self, self->count);
            return true;
        }
        if (batch->count == BB_BATCH_INLINE) {
            return false;
        }
        bb_lru_remove(self, victim, reason, &batch->items[batch->count++]);
    }
}

bool bb_lru_nominee(bb_lru *self, uint64_t *use, uint64_t *releasable) {
    const uint32_t index = evictable(self, bb_lru_oldest(self));
    if (self->count == 0) { /* of arrays that nobody uses */
        *use = 0;
        *releasable = charged_overhead(self, self->overhead);
        return *releasable != 0;
    }
    if (index == 0) {
        return false;
    }
    *use = self->uses != NULL ? self->uses[index] : 0;
    *releasable = bb_lru_releasable(self, index);
    if (self->count == 1) {
        *releasable += charged_overhead(self, self->overhead);
    }
    return true;
}

/* What compacting to a capacity gives back at the most. */
static uint64_t slack_at(const bb_lru *self, uint32_t capacity) {
    const uint64_t least = bb_lru_least_bytes(self, capacity);
    return charged_overhead(self, own_bytes(self) > least ? own_bytes(self) - least : 0);
}

/* bb_lru_compact_if_sparse, but gives back no more than `most`: then less is compacted. */
static void give_slack(bb_lru *self, uint64_t most) {
    uint32_t low = self->count * 2 + 1;
    uint32_t high = self->capacity;
    if (slack_at(self, low) <= most) {
        bb_lru_compact_if_sparse(self);
        return;
    }
    if (self->capacity <= 32 || self->count >= self->capacity / 4) {
        return;
    }
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (slack_at(self, middle) <= most) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (high < self->capacity) {
        bb_lru_compact_and_release(self, high);
    }
}

uint64_t bb_lru_reclaim(bb_lru *self, uint64_t need, uint64_t until, uint64_t spare,
                        bb_batch *batch) {
    const uint64_t before = self->payload + charged_overhead(self, self->overhead);
    uint64_t freed = 0;
    uint64_t use, releasable;
    while (freed < need && freed <= spare && batch->count < BB_BATCH_INLINE &&
           bb_lru_nominee(self, &use, &releasable) && use <= until && releasable <= spare - freed) {
        if (self->count != 0) {
            bb_lru_take_out(self, evictable(self, bb_lru_oldest(self)), BB_BUDGET,
                            &batch->items[batch->count++]);
        }
        if (self->count == 0) {
            bb_lru_compact_and_release(self, 0);
        }
        freed = before - self->payload - charged_overhead(self, self->overhead);
        if (freed <= spare) {
            give_slack(self, spare - freed);
            freed = before - self->payload - charged_overhead(self, self->overhead);
        }
    }
    return freed;
}

bb_status bb_lru_limit(bb_lru *self, uint64_t limit, uint32_t max_count, bb_batch *batch) {
    const uint64_t before = self->payload + charged_overhead(self, self->overhead);
    uint64_t payload = self->payload;
    uint32_t left = self->count;
    uint32_t victim = bb_lru_oldest(self);
    for (;;) {
        const uint64_t least =
            payload + charged_overhead(self, own_bytes(self) - slack(self, left));
        if (least <= limit && left <= max_count) {
            break;
        }
        const bb_reason reason = least > limit ? BB_SIZE : BB_ITEMS;
        victim = evictable(self, victim);
        if (victim == 0 || !push_victim(self, batch, victim, reason, &payload)) {
            take_all_back(self, batch);
            return victim == 0 ? BB_PINNED : BB_NO_MEMORY;
        }
        victim = bb_lru_newer(self, victim);
        left--;
    }
    bb_lru_commit(self, batch);
    if (payload + charged_overhead(self, self->overhead) > limit ||
        (self->capacity > 32 && left < self->capacity / 4)) {
        bb_lru_compact(self, left);
    }
    const uint64_t after = self->payload + charged_overhead(self, self->overhead);
    bb_budget_release(&self->budget, before - after);
    bb_budget_set_limit(&self->budget, limit);
    self->max_count = max_count;
    return BB_OK;
}
