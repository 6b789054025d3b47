/* Entries that expire: their timers, and how they leave when these have come. */
#include "lru_internal.h"

enum {
    WORK = 32, /* timers that a write moves at most: more than it adds, times the levels */
    FEW = 4,   /* entries that a write takes out in any case */
};

/* ---- the memory ---- */

bool bb_lru_start_expiry(bb_lru *self) {
    if ((self->columns & BB_LRU_TIMERS) == 0) {
        return true;
    }
    self->expiry = bb_resize(&self->allocator, NULL, 0, sizeof(bb_lru_expiry));
    if (self->expiry == NULL) {
        return false;
    }
    bb_wheel_init(&self->expiry->wheel);
    self->expiry->idles = NULL;
    self->has_extras = true;
    return true;
}

void bb_lru_free_expiry(bb_lru *self) {
    if (self->expiry != NULL) {
        self->expiry = bb_resize(&self->allocator, self->expiry, sizeof(bb_lru_expiry), 0);
        self->has_extras = self->pins.count != 0;
    }
}

void bb_lru_clear_times(bb_lru *self, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; i++) {
        self->expiry->wheel.timers[i] = bb_timer_idle;
        if (self->columns & BB_LRU_IDLES) {
            self->expiry->idles[i] = (bb_lru_idle){BB_NEVER, BB_NEVER};
        }
    }
}

void bb_lru_move_times(bb_lru *self, uint32_t from, uint32_t to) {
    bb_wheel_move(&self->expiry->wheel, from, to);
    if (self->columns & BB_LRU_IDLES) {
        self->expiry->idles[to] = self->expiry->idles[from];
    }
    bb_lru_clear_times(self, from, (uint64_t)from + 1);
}

/* The columns that are wanted and not there, for the capacity there is. */
static bool take_columns(bb_lru *self, uint32_t columns) {
    const size_t count = (size_t)self->capacity + 1;
    if ((columns & BB_LRU_TIMERS) && !bb_lru_start_expiry(self)) {
        return false;
    }
    bb_lru_expiry *expiry = self->expiry;
    if (columns & BB_LRU_TIMERS) {
        expiry->wheel.timers = bb_resize(&self->allocator, NULL, 0, count * sizeof(bb_timer));
    }
    if (columns & BB_LRU_IDLES) {
        expiry->idles = bb_resize(&self->allocator, NULL, 0, count * sizeof(bb_lru_idle));
    }
    return expiry->wheel.timers != NULL && ((columns & BB_LRU_IDLES) == 0 || expiry->idles != NULL);
}

static void free_columns(bb_lru *self, uint32_t columns) {
    const size_t count = (size_t)self->capacity + 1;
    bb_lru_expiry *expiry = self->expiry;
    if (expiry != NULL && (columns & BB_LRU_IDLES) && expiry->idles != NULL) {
        expiry->idles = bb_resize(&self->allocator, expiry->idles, count * sizeof(bb_lru_idle), 0);
    }
    if (expiry != NULL && (columns & BB_LRU_TIMERS)) {
        if (expiry->wheel.timers != NULL) {
            (void)bb_resize(&self->allocator, expiry->wheel.timers, count * sizeof(bb_timer), 0);
        }
        bb_lru_free_expiry(self);
    }
}

/* What was not there says what the entries have had. */
static void fill_columns(bb_lru *self, uint32_t columns) {
    for (uint64_t i = 0; i <= self->capacity; i++) {
        if (columns & BB_LRU_TIMERS) {
            self->expiry->wheel.timers[i] = bb_timer_idle;
        }
        if (columns & BB_LRU_IDLES) {
            self->expiry->idles[i] =
                (bb_lru_idle){BB_NEVER, self->expiry->wheel.timers[i].deadline};
        }
    }
}

bb_status bb_lru_keep_times(bb_lru *self, uint32_t columns, uint32_t index, uint64_t charge,
                            bb_batch *batch, bb_refusal *refusal) {
    const uint32_t before = self->columns;
    const uint32_t missing = columns & ~before;
    const uint64_t size = charge & ~BB_LRU_GIVEN;
    if (missing == 0) {
        return BB_OK;
    }
    bb_lru_set_columns(self, before | missing);
    bb_status status = BB_OK;
    uint32_t room = 0;
    if (!bb_lru_could_fit(self, size)) {
        *refusal = bb_budget_refusal(&self->budget, 0, size);
        status = BB_TOO_LARGE;
    } else if (self->capacity == 0) {
        return BB_OK; /* they come with the arrays */
    } else if (!take_columns(self, missing)) {
        status = BB_NO_MEMORY;
    } else {
        fill_columns(self, missing);
        status = bb_lru_exchange_all(self, self->payload, own_bytes(self), refusal);
        if (status != BB_OK) {
            const uint64_t stays = index == 0 ? size : bb_lru_releasable(self, index);
            status = bb_lru_exchange_for_oldest(
                self, index, self->payload, stays + charged_overhead(self, self->least_overhead),
                reason_for(self, refusal), batch, refusal, &room);
        }
    }
    if (status != BB_OK) {
        if (self->capacity != 0) {
            free_columns(self, missing);
        }
        bb_lru_set_columns(self, before);
        return status;
    }
    bb_lru_commit(self, batch);
    self->overhead = own_bytes(self);
    if (room != 0) {
        bb_lru_compact(self, room);
    }
    return BB_OK;
}

/* ---- one entry ---- */

static uint64_t after(uint64_t now, uint64_t span) {
    return span < BB_WHEEL_END && now < BB_WHEEL_END - span ? now + span : BB_NEVER;
}

static uint64_t least_of(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* A clock that goes back is held where it has been. */
static uint64_t held(const bb_lru *self, uint64_t now) {
    return now < self->expiry->wheel.now ? self->expiry->wheel.now : now;
}

static void set_deadline(bb_lru *self, uint32_t index, uint64_t deadline) {
    bb_wheel *wheel = &self->expiry->wheel;
    if (is_pinned(self, index)) {
        wheel->timers[index].deadline = deadline;
    } else {
        bb_wheel_set(wheel, index, deadline);
    }
}

void bb_lru_schedule(bb_lru *self, uint32_t index, uint64_t now, uint64_t ttl, uint64_t idle) {
    if (self->expiry == NULL) {
        return;
    }
    const uint64_t from = held(self, now);
    const uint64_t expires = after(from, ttl);
    if (self->columns & BB_LRU_IDLES) {
        self->expiry->idles[index] = (bb_lru_idle){idle, expires};
    }
    set_deadline(self, index, least_of(expires, after(from, idle)));
}

void bb_lru_unschedule(bb_lru *self, uint32_t index) {
    if (self->expiry != NULL) {
        bb_wheel_remove(&self->expiry->wheel, index);
        bb_lru_clear_times(self, index, (uint64_t)index + 1);
    }
}

void bb_lru_renew(bb_lru *self, uint32_t index, uint64_t now) {
    if ((self->columns & BB_LRU_IDLES) == 0 || self->expiry == NULL) {
        return;
    }
    const bb_lru_idle *idle = &self->expiry->idles[index];
    const uint64_t deadline = least_of(idle->expires, after(now, idle->idle));
    if (idle->idle != BB_NEVER && deadline > self->expiry->wheel.timers[index].deadline) {
        set_deadline(self, index, deadline);
    }
}

uint64_t bb_lru_time_left(const bb_lru *self, uint32_t index, uint64_t now) {
    const uint64_t deadline =
        self->expiry == NULL ? BB_NEVER : self->expiry->wheel.timers[index].deadline;
    if (deadline == BB_NEVER) {
        return BB_NEVER;
    }
    const uint64_t from = held(self, now);
    return deadline > from ? deadline - from : 0;
}

void bb_lru_times_left(const bb_lru *self, uint32_t index, uint64_t now, uint64_t *ttl,
                       uint64_t *idle) {
    *ttl = bb_lru_time_left(self, index, now);
    *idle = BB_NEVER;
    if (self->expiry != NULL && (self->columns & BB_LRU_IDLES)) {
        const bb_lru_idle *times = &self->expiry->idles[index];
        const uint64_t from = held(self, now);
        *idle = times->idle;
        if (*idle != BB_NEVER) {
            *ttl = times->expires == BB_NEVER ? BB_NEVER
                   : times->expires > from    ? times->expires - from
                                              : 0;
        }
    }
}

/* ---- leaving ---- */

uint32_t bb_lru_live_count(bb_lru *self, uint64_t now) {
    if (self->expiry == NULL) {
        return self->count;
    }
    (void)bb_wheel_advance(&self->expiry->wheel, now, UINT32_MAX);
    return self->count - self->expiry->wheel.due_count;
}

void bb_lru_expire_at(bb_lru *self, uint32_t index, bb_removed *removed) {
    bb_lru_pass_over(self, index);
    bb_lru_remove(self, index, BB_EXPIRED, removed);
}

/* Takes a due entry out and adds it to the batch; false if there is none, or no memory. */
static bool remove_due(bb_lru *self, bb_batch *batch) {
    const uint32_t index = self->expiry == NULL ? 0 : bb_wheel_due(&self->expiry->wheel);
    if (index == 0 || !bb_batch_push(batch, &self->allocator, (bb_removed){0})) {
        return false;
    }
    bb_lru_expire_at(self, index, &batch->items[batch->count - 1]);
    return true;
}

bool bb_lru_expire(bb_lru *self, uint64_t now, uint32_t most, bb_batch *batch) {
    if (self->expiry == NULL) {
        return true;
    }
    (void)bb_wheel_advance(&self->expiry->wheel, now, UINT32_MAX);
    while (batch->count < most && remove_due(self, batch)) {
    }
    return self->expiry == NULL || self->expiry->wheel.due_count == 0;
}

/* Takes out a few entries, and more if one of `charge` has no room. */
static void expire_some(bb_lru *self, uint64_t now, uint64_t charge, bb_batch *batch) {
    bb_refusal refusal;
    if (self->expiry == NULL) {
        return;
    }
    (void)bb_wheel_advance(&self->expiry->wheel, now, WORK);
    while (batch->count < FEW && remove_due(self, batch)) {
    }
    const uint64_t size = charge & ~BB_LRU_GIVEN;
    if (bb_budget_would_admit(&self->budget, 0, size, &refusal)) {
        return;
    }
    (void)bb_wheel_advance(&self->expiry->wheel, now, UINT32_MAX);
    while (remove_due(self, batch) && !bb_budget_would_admit(&self->budget, 0, size, &refusal)) {
    }
}

uint32_t bb_lru_clear_way(bb_lru *self, uint32_t index, uint64_t now, uint64_t charge,
                          bb_batch *batch) {
    const bb_lru_entry entry = index != 0 ? self->entries[index] : (bb_lru_entry){0};
    if (self->expiry == NULL) {
        return index;
    }
    bb_lru_prefetch(self, index);
    if (index != 0 && bb_lru_has_expired(self, index, now) &&
        bb_batch_push(batch, &self->allocator, (bb_removed){0})) {
        bb_lru_expire_at(self, index, &batch->items[batch->count - 1]);
        index = 0;
    }
    const uint64_t moves = self->version;
    expire_some(self, now, charge, batch);
    if (index != 0 && moves != self->version) {
        index = bb_lru_index_of(self, entry.key, entry.hash);
    }
    return index;
}

uint64_t bb_lru_expired_payload(bb_lru *self, uint64_t now) {
    uint64_t released = 0;
    if (self->expiry == NULL) {
        return 0;
    }
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        released += bb_lru_has_expired(self, index, now) ? let_go(self, index) : 0;
    }
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        if (bb_lru_has_expired(self, index, now)) {
            take_back(self, index);
        }
    }
    return released;
}

void bb_lru_hold_pinned(const bb_lru *self, bb_lru *copy) {
    uint32_t copied = bb_lru_oldest(copy);
    if (self->expiry == NULL || self->pins.count == 0) {
        return;
    }
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        if (is_pinned(self, index)) {
            bb_wheel_remove(&copy->expiry->wheel, copied);
        }
        copied = bb_lru_newer(copy, copied);
    }
}

void bb_lru_forget_expired(bb_lru *copy, uint64_t now) {
    bb_batch batch;
    bool done;
    do {
        bb_batch_init(&batch);
        done = bb_lru_expire(copy, now, BB_BATCH_INLINE, &batch);
    } while (!done);
    copy->counters.left[BB_EXPIRED] = 0;
}

void bb_lru_copy_timer(const bb_lru *self, uint32_t index, bb_lru *into) {
    const uint32_t newest = bb_lru_newest(into);
    if (self->expiry == NULL) {
        return;
    }
    into->expiry->wheel.now = self->expiry->wheel.now;
    if (self->columns & BB_LRU_IDLES) {
        into->expiry->idles[newest] = self->expiry->idles[index];
    }
    bb_wheel_add(&into->expiry->wheel, newest, self->expiry->wheel.timers[index].deadline);
}
