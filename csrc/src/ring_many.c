/* What concerns many items of a ring at once. */
#include "ring_internal.h"

/* Adds those who will leave to the batch. */
static bool push_many(const bb_ring *self, uint32_t start, uint32_t step, uint32_t count,
                      bb_reason reason, bb_batch *batch) {
    for (uint32_t i = 0; i < count; i++) {
        if (!bb_batch_push(batch, &self->allocator, describe(self, start + i * step, reason))) {
            batch->count = 0;
            return false;
        }
    }
    return true;
}

bb_status bb_ring_remove_many(bb_ring *self, uint32_t start, uint32_t step, uint32_t count,
                              bb_reason reason, bb_batch *batch) {
    if (!push_many(self, start, step, count, reason, batch)) {
        return BB_NO_MEMORY;
    }
    if (count == 0) {
        return BB_OK;
    }
    const uint64_t before = self->payload;
    if (start == 0 && step == 1) {
        drop(self, BB_LEFT, count);
    } else {
        uint32_t removed = 0;
        for (uint32_t i = start; i < self->count; i++) {
            if (removed < count && i == start + removed * step) {
                removed++;
            } else {
                *bb_ring_at(self, i - removed) = *bb_ring_at(self, i);
            }
        }
        drop(self, BB_RIGHT, count);
    }
    count_left(self, batch);
    bb_budget_release(&self->budget, before - self->payload);
    shrink_if_sparse(self);
    return BB_OK;
}

/* Adds copies of some items at the right end of a ring that has the slots for them. */
static void copy_slots(const bb_ring *self, int64_t start, int64_t step, uint32_t count,
                       bb_ring *into) {
    for (uint32_t i = 0; i < count; i++) {
        const bb_ring_slot *slot = bb_ring_at(self, (uint32_t)(start + i * step));
        *bb_ring_at(into, into->count++) = *slot;
        into->payload += slot->charge;
    }
}

bb_status bb_ring_copy(const bb_ring *self, int64_t start, int64_t step, uint32_t count,
                       bb_ring *into, bb_refusal *refusal) {
    uint64_t payload = 0;
    for (uint32_t i = 0; i < count; i++) {
        payload += bb_ring_at(self, (uint32_t)(start + i * step))->charge;
    }
    *refusal = (bb_refusal){0};
    if (count > into->max_count) {
        return BB_FULL;
    }
    const bb_status status = bb_ring_exchange_all(into, payload, count, refusal);
    if (status != BB_OK) {
        return status == BB_TOO_LARGE ? BB_FULL : status;
    }
    if (!bb_ring_grow(into, count)) {
        bb_budget_release(&into->budget, payload + bb_ring_overhead_for(count));
        return BB_NO_MEMORY;
    }
    copy_slots(self, start, step, count, into);
    mark_entered(into, count);
    into->version++;
    return BB_OK;
}

/* Fills *spliced, which has the slots, with what is to be here. */
static void fill_spliced(const bb_ring *self, uint32_t start, uint32_t step, uint32_t count,
                         const bb_ring *fresh, bb_ring *spliced) {
    if (step == 1) {
        copy_slots(self, 0, 1, start, spliced);
        copy_slots(fresh, 0, 1, fresh->count, spliced);
        copy_slots(self, start + count, 1, self->count - start - count, spliced);
        return;
    }
    copy_slots(self, 0, 1, self->count, spliced);
    for (uint32_t i = 0; i < count; i++) {
        bb_ring_slot *slot = bb_ring_at(spliced, start + i * step);
        spliced->payload -= slot->charge;
        *slot = *bb_ring_at(fresh, i);
        spliced->payload += slot->charge;
    }
}

bb_status bb_ring_splice(bb_ring *self, uint32_t start, uint32_t step, uint32_t count,
                         const bb_ring *fresh, bb_batch *batch, bb_refusal *refusal) {
    bb_ring spliced;
    const uint32_t left = self->count - count;
    *refusal = (bb_refusal){0};
    if (fresh->count > self->max_count - left) {
        return BB_FULL;
    }
    if (!push_many(self, start, step, count, BB_REPLACED, batch)) {
        return BB_NO_MEMORY;
    }
    bb_ring_init(&spliced, self->allocator, BB_UNLIMITED, self->max_count, NULL);
    bb_status status = BB_NO_MEMORY;
    if (bb_ring_grow(&spliced, left + fresh->count)) {
        fill_spliced(self, start, step, count, fresh, &spliced);
        status = bb_ring_exchange_all(self, spliced.payload, spliced.capacity, refusal);
    }
    if (status != BB_OK) {
        bb_ring_discard(&spliced);
        batch->count = 0;
        return status == BB_TOO_LARGE ? BB_FULL : status;
    }
    self->count = 0;
    bb_ring_shrink(self, 0);
    self->slots = spliced.slots;
    self->count = spliced.count;
    self->capacity = spliced.capacity;
    self->payload = spliced.payload;
    mark_entered(self, fresh->count);
    self->counters.inserts += fresh->count;
    self->counters.left[BB_REPLACED] += count;
    self->version++;
    return BB_OK;
}

uint32_t bb_ring_count_within(const bb_ring *self, uint32_t max_count, uint64_t max_charge) {
    const uint32_t most = self->count < max_count ? self->count : max_count;
    uint64_t sum = 0;
    uint32_t count = 0;
    while (count < most) {
        sum += bb_ring_at(self, count)->charge;
        if (sum > max_charge && count != 0) {
            break;
        }
        count++;
    }
    return count;
}

void bb_ring_rotate(bb_ring *self, int64_t steps) {
    const int64_t count = self->count;
    if (count < 2) {
        return;
    }
    const uint32_t right = (uint32_t)((steps % count + count) % count);
    self->version++;
    if (self->count == self->capacity) {
        self->head =
            right <= self->head ? self->head - right : self->head + (self->capacity - right);
        return;
    }
    if (right <= self->count / 2) {
        for (uint32_t i = 0; i < right; i++) {
            self->head = self->head == 0 ? self->capacity - 1 : self->head - 1;
            *bb_ring_at(self, 0) = *bb_ring_at(self, self->count);
        }
    } else {
        for (uint32_t i = right; i < self->count; i++) {
            *bb_ring_at(self, self->count) = *bb_ring_at(self, 0);
            self->head = self->head + 1 == self->capacity ? 0 : self->head + 1;
        }
    }
}

void bb_ring_reverse(bb_ring *self) {
    for (uint32_t left = 0; left < self->count / 2; left++) {
        bb_ring_slot *one = bb_ring_at(self, left);
        bb_ring_slot *other = bb_ring_at(self, self->count - 1 - left);
        const bb_ring_slot kept = *one;
        *one = *other;
        *other = kept;
    }
    self->version++;
}
