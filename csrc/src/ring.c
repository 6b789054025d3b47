#include "ring_internal.h"

#include <string.h>

/* ---- the slots ---- */

static inline bb_reason reason_for(const bb_ring *self, const bb_refusal *refusal) {
    return refusal->level == &self->budget ? BB_SIZE : BB_BUDGET;
}

bb_status bb_ring_exchange_all(bb_ring *self, uint64_t payload, uint32_t capacity,
                               bb_refusal *refusal) {
    return bb_budget_exchange(&self->budget, charged(self),
                              payload + bb_ring_overhead_for(capacity), refusal);
}

static bool resize_slots(bb_ring *self, uint32_t capacity) {
    const uint64_t size = bb_ring_overhead_for(capacity);
    if (size > SIZE_MAX) {
        return false;
    }
    void *slots =
        bb_resize(&self->allocator, self->slots, (size_t)bb_ring_overhead(self), (size_t)size);
    if (slots == NULL && size != 0) {
        return false;
    }
    self->slots = slots;
    return true;
}

/* Moves items so that they stand right in an array of another capacity, which this one
 * is about to have or has already: what wraps keeps its head part at the end. */
static void settle(bb_ring *self, uint32_t capacity) {
    const uint32_t head_part = self->capacity - self->head;
    uint32_t head = self->head;
    if (head_part < self->count) {
        head = capacity - head_part;
        memmove(&self->slots[head], &self->slots[self->head], head_part * sizeof(bb_ring_slot));
    } else if (self->count != 0 && self->head + self->count > capacity) {
        head = 0;
        memmove(self->slots, &self->slots[self->head], self->count * sizeof(bb_ring_slot));
    }
    self->head = self->count != 0 ? head : 0;
}

bool bb_ring_grow(bb_ring *self, uint32_t capacity) {
    if (!resize_slots(self, capacity)) {
        return false;
    }
    settle(self, capacity);
    self->capacity = capacity;
    return true;
}

void bb_ring_shrink(bb_ring *self, uint32_t capacity) {
    if (capacity < self->capacity) {
        settle(self, capacity);
        (void)resize_slots(self, capacity);
        self->capacity = capacity;
    }
}

/* What shrinking to `left` items gives back, if that halves the array, so that moving
 * items about is paid for by those that left. */
static inline uint64_t slack(const bb_ring *self, uint32_t left) {
    return left <= self->capacity / 2 ? bb_ring_overhead(self) - bb_ring_overhead_for(left) : 0;
}

/* ---- one item ---- */

static inline void place(bb_ring *self, bb_end end, void *item, uint64_t charge) {
    if (end == BB_LEFT) {
        self->head = self->head == 0 ? self->capacity - 1 : self->head - 1;
    }
    self->count++;
    *bb_ring_at(self, end == BB_LEFT ? 0 : self->count - 1) = (bb_ring_slot){item, charge};
    self->payload += charge;
    self->counters.inserts++;
    self->version++;
    mark_entered(self, 1);
}

/* ---- making room ---- */

/* Exchanges charges and sees to it that a slot is free, without evicting; tries a generous
 * step first, then a small one. A full ring, where eviction frees a slot anyway, is told
 * before any step is worked out. */
static bb_status charge_and_grow(bb_ring *self, uint64_t charge, bb_refusal *refusal) {
    if (self->count < self->capacity || !bb_budget_admits(&self->budget, 0, charge)) {
        return bb_budget_exchange(&self->budget, 0, charge, refusal);
    }
    bb_status status = BB_OK;
    for (int lean = 0; lean <= 1; lean++) {
        const uint32_t step = lean ? self->capacity / 64 + 1 : self->capacity / 8 + 4;
        const uint32_t most = self->max_count - self->capacity;
        const uint64_t all = charge + bb_ring_overhead_for(step < most ? step : most);
        status = bb_budget_exchange(&self->budget, 0, all, refusal);
        if (status == BB_OK) {
            if (!bb_ring_grow(self, self->capacity + (step < most ? step : most))) {
                bb_budget_release(&self->budget, all);
                return BB_NO_MEMORY;
            }
            return BB_OK;
        }
    }
    return status;
}

#define NO_SKIP UINT32_MAX

/* What an operation wants to be charged in the end, and what it may evict for it. */
typedef struct eviction {
    uint64_t payload; /* if nobody left */
    uint64_t least;   /* charged in all if everybody else left */
    bb_end from;      /* the end at which evicting begins */
    uint32_t skip;    /* counted from there, who stays, or NO_SKIP */
    bool enters;      /* whether there will be one item more */
    bb_reason reason; /* why the next is evicted */
} eviction;

/* Whether an item has to wait for others under the budget to be asked. Only an append at the right
 * has its oldest compared with theirs: what changes items in place, or adds at the left, has
 * its own ring give. */
static inline bool is_held_back(const bb_ring *self, bb_end from, uint32_t skip, bb_reason reason) {
    return reason == BB_BUDGET && from == BB_LEFT && skip == NO_SKIP && self->count != 0 &&
           !bb_ring_yields(self);
}

/* Adds the next victim to the batch. BB_OVER_BUDGET: there is none left. */
static bb_status push_victim(const bb_ring *self, eviction *plan, bb_batch *batch) {
    const uint32_t at = batch->count + (batch->count >= plan->skip);
    if (at >= self->count || is_held_back(self, plan->from, plan->skip, plan->reason)) {
        return BB_OVER_BUDGET;
    }
    const uint32_t index = plan->from == BB_LEFT ? at : self->count - 1 - at;
    const bb_removed victim = describe(self, index, plan->reason);
    if (!bb_batch_push(batch, &self->allocator, victim)) {
        return BB_NO_MEMORY;
    }
    plan->payload -= victim.charge;
    return BB_OK;
}

/*
 * Plans evictions until the budget takes what is left: as few as possible, so slack goes
 * before items do. Nothing is changed but the budget, and that only on success; then the
 * batch has who leaves, and *room is the number of slots to shrink to, or 0.
 */
static bb_status exchange_for_others(bb_ring *self, eviction *plan, bb_batch *batch,
                                     bb_refusal *refusal, uint32_t *room) {
    *room = 0;
    if (!bb_budget_would_admit(&self->budget, charged(self), plan->least, refusal)) {
        return BB_OVER_BUDGET; /* no need to go through the items to know */
    }
    for (;;) {
        const uint32_t left = self->count - batch->count + plan->enters;
        if (slack(self, left) != 0 &&
            bb_ring_exchange_all(self, plan->payload, left, refusal) == BB_OK) {
            *room = left;
            return BB_OK;
        }
        bb_status status = push_victim(self, plan, batch);
        if (status != BB_OK) {
            batch->count = 0;
            return status;
        }
        status = bb_ring_exchange_all(self, plan->payload, self->capacity, refusal);
        if (status == BB_OK) {
            return BB_OK;
        }
        plan->reason = reason_for(self, refusal);
    }
}

/* Lets go of those who leave by the plan. */
static void make_room(bb_ring *self, bb_end from, const bb_batch *batch, uint32_t room) {
    if (batch->count != 0) {
        drop(self, from, batch->count);
        count_left(self, batch);
    }
    if (room != 0) {
        bb_ring_shrink(self, room);
    }
}

/* One leaves and one enters, the steady state of a ring at its bound. */
static bool evict_one(bb_ring *self, bb_end end, void *item, uint64_t charge, bb_reason reason,
                      bb_batch *batch) {
    bb_refusal refusal;
    const bb_end from = end == BB_RIGHT ? BB_LEFT : BB_RIGHT;
    if (self->count == 0 || self->count < self->capacity / 2 ||
        is_held_back(self, from, NO_SKIP, reason)) {
        return false;
    }
    const bb_removed victim = describe(self, end == BB_RIGHT ? 0 : self->count - 1, reason);
    if (bb_budget_exchange(&self->budget, victim.charge, charge, &refusal) != BB_OK) {
        return false;
    }
    batch->items[0] = victim;
    batch->count = 1;
    make_room(self, from, batch, 0);
    place(self, end, item, charge);
    return true;
}

/* The same where no slot is free: the new item takes the slot of the old one, which becomes the
 * other end. Whoever evicts once mostly evicts again: fetches what dropping the next will touch. */
static inline bool recycle(bb_ring *self, bb_end end, void *item, uint64_t charge,
                           bb_batch *batch) {
    bb_refusal refusal;
    const uint32_t last = self->head == 0 ? self->capacity - 1 : self->head - 1;
    const uint32_t at = end == BB_RIGHT ? self->head : last;
    const bb_ring_slot victim = self->slots[at];
    if (bb_budget_exchange(&self->budget, victim.charge, charge, &refusal) != BB_OK) {
        return false;
    }
    self->slots[at] = (bb_ring_slot){item, charge};
    self->head = end == BB_LEFT ? at : at + 1 == self->capacity ? 0 : at + 1;
    self->payload += charge - victim.charge;
    self->counters.inserts++;
    self->counters.left[BB_ITEMS]++;
    self->version++;
    mark_entered(self, 1);
    __builtin_prefetch(self->slots[end == BB_RIGHT ? self->head : at == 0 ? 0 : at - 1].item, 1);
    batch->items[0] = (bb_removed){NULL, victim.item, victim.charge, 0, BB_ITEMS};
    batch->count = 1;
    return true;
}

/* bb_ring_append, if there is a slot or if it takes more than one to leave. */
__attribute__((noinline)) static bb_status append_slowly(bb_ring *self, bb_end end, void *item,
                                                         uint64_t charge, bb_batch *batch,
                                                         bb_refusal *refusal) {
    bb_reason reason = BB_ITEMS;
    if (!bb_ring_could_fit(self, charge)) {
        *refusal = bb_budget_refusal(&self->budget, 0, charge);
        return BB_TOO_LARGE;
    }
    if (self->count < self->max_count) {
        const bb_status status = charge_and_grow(self, charge, refusal);
        if (status == BB_OK) {
            place(self, end, item, charge);
        }
        if (status == BB_OK || status == BB_NO_MEMORY) {
            return status;
        }
        reason = reason_for(self, refusal);
        if (evict_one(self, end, item, charge, reason, batch)) {
            return BB_OK;
        }
    } else if (self->max_count == 0) {
        self->counters.inserts++;
        self->counters.left[BB_ITEMS]++;
        return BB_FULL;
    }
    uint32_t room;
    eviction plan = {self->payload + charge,
                     charge + bb_ring_overhead_for(1),
                     end == BB_RIGHT ? BB_LEFT : BB_RIGHT,
                     NO_SKIP,
                     true,
                     reason};
    const bb_status status = exchange_for_others(self, &plan, batch, refusal, &room);
    if (status != BB_OK) {
        return status;
    }
    make_room(self, plan.from, batch, room);
    place(self, end, item, charge);
    shrink_if_sparse(self);
    return BB_OK;
}

bb_status bb_ring_append(bb_ring *self, bb_end end, void *item, uint64_t charge, bb_batch *batch,
                         bb_refusal *refusal) {
    if (self->count == self->max_count && self->count != 0 &&
        recycle(self, end, item, charge, batch)) {
        return BB_OK;
    }
    return append_slowly(self, end, item, charge, batch, refusal);
}

/* ---- in the middle ---- */

/* Moves the items on the nearer side of a gap that opens at an index. */
static void open_gap(bb_ring *self, uint32_t index) {
    if (index < self->count / 2) {
        self->head = self->head == 0 ? self->capacity - 1 : self->head - 1;
        for (uint32_t i = 0; i < index; i++) {
            *bb_ring_at(self, i) = *bb_ring_at(self, i + 1);
        }
    } else {
        for (uint32_t i = self->count; i > index; i--) {
            *bb_ring_at(self, i) = *bb_ring_at(self, i - 1);
        }
    }
    self->count++;
}

/* Takes a slot out and drops one at the nearer end instead. */
static void close_gap(bb_ring *self, uint32_t index) {
    if (index < self->count / 2) {
        for (uint32_t i = index; i > 0; i--) {
            *bb_ring_at(self, i) = *bb_ring_at(self, i - 1);
        }
        drop(self, BB_LEFT, 1);
    } else {
        for (uint32_t i = index + 1; i < self->count; i++) {
            *bb_ring_at(self, i - 1) = *bb_ring_at(self, i);
        }
        drop(self, BB_RIGHT, 1);
    }
}

bb_status bb_ring_insert(bb_ring *self, uint32_t index, void *item, uint64_t charge,
                         bb_refusal *refusal) {
    *refusal = bb_budget_refusal(&self->budget, 0, charge);
    if (!bb_ring_could_fit(self, charge)) {
        return BB_TOO_LARGE;
    }
    if (self->count == self->max_count) {
        refusal->level = NULL;
        return BB_FULL;
    }
    bb_status status = charge_and_grow(self, charge, refusal);
    const uint32_t left = self->count + 1;
    if ((status == BB_TOO_LARGE || status == BB_OVER_BUDGET) && slack(self, left) != 0) {
        status = bb_ring_exchange_all(self, self->payload + charge, left, refusal);
        if (status == BB_OK) {
            bb_ring_shrink(self, left);
        }
    }
    if (status != BB_OK) {
        return status == BB_TOO_LARGE ? BB_FULL : status;
    }
    open_gap(self, index);
    *bb_ring_at(self, index) = (bb_ring_slot){item, charge};
    self->payload += charge;
    self->counters.inserts++;
    self->version++;
    mark_entered(self, 1);
    return BB_OK;
}

bool bb_ring_has_room(bb_ring *self, uint32_t count, uint64_t charge) {
    bb_refusal refusal;
    if (count > self->max_count - self->count) {
        return false;
    }
    /* The slots there will be at the most. One item may take a lean step; several would
     * not all get one, because the first of them takes a generous one. */
    const uint32_t all = self->count + count;
    const uint64_t step = (uint64_t)all + (count == 1 ? (all - 1) / 64 : (all - 1) / 8 + 3);
    const uint32_t reach = (uint32_t)(step < self->max_count ? step : self->max_count);
    const uint64_t stepped = bb_ring_overhead_for(reach);
    const uint64_t slots = all <= self->capacity ? bb_ring_overhead(self) : stepped;
    const uint64_t payload = self->payload + charge;
    if (payload < charge || payload > UINT64_MAX - slots) {
        return false;
    }
    return bb_budget_would_admit(&self->budget, charged(self), payload + slots, &refusal) ||
           (slack(self, all) != 0 &&
            bb_budget_would_admit(&self->budget, charged(self), payload + stepped, &refusal));
}

bb_status bb_ring_replace(bb_ring *self, uint32_t index, void *item, uint64_t charge,
                          bb_batch *batch, bb_refusal *refusal, void **old) {
    bb_ring_slot *slot = bb_ring_at(self, index);
    uint32_t room = 0;
    if (!bb_ring_could_fit(self, charge)) {
        *refusal = bb_budget_refusal(&self->budget, 0, charge);
        return BB_TOO_LARGE;
    }
    bb_status status = bb_budget_exchange(&self->budget, slot->charge, charge, refusal);
    if (status != BB_OK) {
        eviction plan = {self->payload - slot->charge + charge,
                         charge + bb_ring_overhead_for(1),
                         BB_LEFT,
                         index,
                         false,
                         reason_for(self, refusal)};
        status = exchange_for_others(self, &plan, batch, refusal, &room);
        if (status != BB_OK) {
            return status;
        }
    }
    *old = slot->item;
    self->counters.left[BB_REPLACED] += *old != item; /* the same item has not left */
    self->payload += charge - slot->charge;
    *slot = (bb_ring_slot){item, charge};
    if (batch->count != 0 || room != 0) {
        if (index < batch->count) {
            *bb_ring_at(self, batch->count) = *slot;
        }
        make_room(self, BB_LEFT, batch, room);
        shrink_if_sparse(self);
    }
    return BB_OK;
}

void bb_ring_take_out(bb_ring *self, uint32_t index, bb_reason reason, bb_removed *removed) {
    *removed = describe(self, index, reason);
    close_gap(self, index);
    self->payload -= removed->charge;
    self->counters.left[reason]++;
    bb_budget_release(&self->budget, removed->charge);
}

void bb_ring_remove(bb_ring *self, uint32_t index, bb_reason reason, bb_removed *removed) {
    bb_ring_take_out(self, index, reason, removed);
    shrink_if_sparse(self);
}

/* ---- giving memory back ---- */

uint64_t bb_ring_least(const bb_ring *self) {
    return charged(self) - slack(self, self->count);
}

bool bb_ring_trim(bb_ring *self, uint64_t target, bb_reason reason, bb_batch *batch) {
    for (;;) {
        if (charged(self) <= target) {
            return true;
        }
        if (self->count == 0 || charged(self) - slack(self, self->count) <= target) {
            shrink_and_release(self, self->count);
            return true;
        }
        if (batch->count == BB_BATCH_INLINE) {
            return false;
        }
        bb_ring_remove(self, 0, reason, &batch->items[batch->count++]);
    }
}

bb_status bb_ring_limit(bb_ring *self, uint64_t limit, uint32_t max_count, bb_batch *batch) {
    const uint64_t before = charged(self);
    uint64_t payload = self->payload;
    uint32_t left = self->count;
    for (;;) {
        const uint64_t least = payload + bb_ring_overhead(self) - slack(self, left);
        if (least <= limit && left <= max_count) {
            break;
        }
        const bb_removed victim = describe(self, batch->count, least > limit ? BB_SIZE : BB_ITEMS);
        if (!bb_batch_push(batch, &self->allocator, victim)) {
            batch->count = 0;
            return BB_NO_MEMORY;
        }
        payload -= victim.charge;
        left--;
    }
    make_room(self, BB_LEFT, batch, 0);
    if (charged(self) > limit || self->capacity > max_count || is_sparse(self)) {
        bb_ring_shrink(self, left);
    }
    bb_budget_release(&self->budget, before - charged(self));
    bb_budget_set_limit(&self->budget, limit);
    self->max_count = max_count;
    return BB_OK;
}

/* ---- life ---- */

void bb_ring_init(bb_ring *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
                  bb_budget *parent) {
    *self = (bb_ring){0};
    self->allocator = allocator;
    self->max_count = max_count;
    self->yields_until = UINT64_MAX;
    self->trail.stride = 1;
    bb_budget_init(&self->budget, limit, parent, false);
}

void bb_ring_close(bb_ring *self) {
    bb_ring_shrink(self, 0);
    bb_budget_close(&self->budget);
}

void bb_ring_take_all(bb_ring *self, bb_ring *into) {
    bb_ring_init(into, self->allocator, BB_UNLIMITED, self->max_count, NULL);
    into->slots = self->slots;
    into->head = self->head;
    into->count = self->count;
    into->capacity = self->capacity;
    const uint64_t released = charged(self);
    self->counters.left[BB_CLEARED] += self->count;
    self->slots = NULL;
    self->head = self->count = self->capacity = 0;
    self->payload = 0;
    self->version++;
    bb_budget_release(&self->budget, released);
}

void bb_ring_discard(bb_ring *taken) {
    taken->count = 0;
    bb_ring_shrink(taken, 0);
}
