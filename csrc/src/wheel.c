#include "bytebound/wheel.h"

static uint32_t digit_of(uint64_t instant, uint32_t level) {
    return (uint32_t)(instant >> (level * BB_WHEEL_BITS)) & (BB_WHEEL_SLOTS - 1);
}

/* The instants that a slot of this level spans, less one. */
static uint64_t span_of(uint32_t level) {
    return ((uint64_t)1 << (level * BB_WHEEL_BITS)) - 1;
}

/* When the span of a slot begins that is ahead of `now`. */
static uint64_t start_of(const bb_wheel *self, uint32_t level, uint32_t digit) {
    return (self->now & ~span_of(level + 1)) | (uint64_t)digit << (level * BB_WHEEL_BITS);
}

/* ---- lists ---- */

static void push(bb_wheel *self, uint32_t list, uint32_t index) {
    bb_timer *timer = &self->timers[index];
    timer->next = self->first[list];
    timer->previous = BB_TIMER_FIRST | list;
    if (timer->next != 0) {
        self->timers[timer->next].previous = index;
    }
    self->first[list] = index;
}

static void unmark(bb_wheel *self, uint32_t list) {
    if (list < BB_WHEEL_DRAINING) {
        const uint32_t level = list / BB_WHEEL_SLOTS;
        self->filled[level] &= (uint16_t)~(1u << list % BB_WHEEL_SLOTS);
        if (self->filled[level] == 0) {
            self->levels &= ~(1u << level);
        }
    }
}

static void place(bb_wheel *self, uint32_t index) {
    const uint64_t deadline = self->timers[index].deadline;
    if (deadline <= self->now) {
        push(self, BB_WHEEL_DUE, index);
        self->timers[index].deadline = BB_TIMER_IS_DUE;
        self->due_count++;
        return;
    }
    const uint32_t highest = 63 - (uint32_t)__builtin_clzll(deadline ^ self->now);
    const uint32_t level = highest / BB_WHEEL_BITS;
    const uint32_t digit = digit_of(deadline, level);
    push(self, level * BB_WHEEL_SLOTS + digit, index);
    self->filled[level] |= (uint16_t)(1u << digit);
    self->levels |= 1u << level;
}

/* ---- timers ---- */

void bb_wheel_init(bb_wheel *self) {
    *self = (bb_wheel){0};
}

void bb_wheel_add(bb_wheel *self, uint32_t index, uint64_t deadline) {
    self->timers[index] = bb_timer_idle;
    if (deadline < BB_WHEEL_END) {
        self->timers[index].deadline = deadline;
        place(self, index);
    }
}

void bb_wheel_remove(bb_wheel *self, uint32_t index) {
    bb_timer *timer = &self->timers[index];
    if (timer->previous == BB_TIMER_UNLISTED) {
        return;
    }
    if (timer->next != 0) {
        self->timers[timer->next].previous = timer->previous;
    }
    if ((timer->previous & BB_TIMER_FIRST) == 0) {
        self->timers[timer->previous].next = timer->next;
    } else {
        const uint32_t list = timer->previous & ~BB_TIMER_FIRST;
        self->first[list] = timer->next;
        if (timer->next == 0) {
            unmark(self, list);
        }
    }
    self->due_count -= timer->deadline == BB_TIMER_IS_DUE;
    timer->next = 0;
    timer->previous = BB_TIMER_UNLISTED;
}

void bb_wheel_set(bb_wheel *self, uint32_t index, uint64_t deadline) {
    const bb_timer *timer = &self->timers[index];
    if (timer->previous != BB_TIMER_UNLISTED && timer->deadline != BB_TIMER_IS_DUE &&
        deadline >= timer->deadline && deadline < BB_WHEEL_END) {
        bb_wheel_put_off(self, index, deadline);
        return;
    }
    bb_wheel_remove(self, index);
    bb_wheel_add(self, index, deadline);
}

void bb_wheel_move(bb_wheel *self, uint32_t from, uint32_t to) {
    const bb_timer *timer = &self->timers[to];
    self->timers[to] = self->timers[from];
    if (timer->previous == BB_TIMER_UNLISTED) {
        return;
    }
    if (timer->next != 0) {
        self->timers[timer->next].previous = to;
    }
    if ((timer->previous & BB_TIMER_FIRST) == 0) {
        self->timers[timer->previous].next = to;
    } else {
        self->first[timer->previous & ~BB_TIMER_FIRST] = to;
    }
}

/* ---- time ---- */

/* Makes the next slot that begins by `until` the one that is drained, and lets time pass as far
 * as that slot allows: nothing below its level is listed. False if there is none. */
static bool enter_next_slot(bb_wheel *self, uint64_t until) {
    if (self->levels == 0) {
        return false;
    }
    const uint32_t level = (uint32_t)__builtin_ctz(self->levels);
    const uint32_t digit = (uint32_t)__builtin_ctz(self->filled[level]);
    const uint64_t start = start_of(self, level, digit);
    if (start > until) {
        return false;
    }
    const uint32_t list = level * BB_WHEEL_SLOTS + digit;
    const uint32_t index = self->first[list];
    self->first[list] = 0;
    unmark(self, list);
    self->first[BB_WHEEL_DRAINING] = index;
    self->timers[index].previous = BB_TIMER_FIRST | BB_WHEEL_DRAINING;
    const uint64_t last = start | span_of(level);
    self->now = last < until ? last : until;
    return true;
}

bool bb_wheel_advance(bb_wheel *self, uint64_t now, uint32_t work) {
    const uint64_t until = now < BB_WHEEL_END ? now : BB_WHEEL_END - 1;
    for (;;) {
        const uint32_t index = self->first[BB_WHEEL_DRAINING];
        if (index == 0) {
            if (enter_next_slot(self, until)) {
                continue;
            }
            if (until > self->now) {
                self->now = until;
            }
            return true;
        }
        if (work-- == 0) {
            return false;
        }
        bb_wheel_remove(self, index);
        place(self, index);
    }
}

/* ---- checking ---- */

static const char *list_defect(const bb_wheel *self, uint32_t list, uint32_t used,
                               uint32_t *listed) {
    const uint32_t level = list / BB_WHEEL_SLOTS;
    uint32_t count = 0;
    uint32_t previous = BB_TIMER_FIRST | list;
    for (uint32_t at = self->first[list]; at != 0; at = self->timers[at].next) {
        const bb_timer *timer = &self->timers[at];
        if (at > used || timer->previous != previous || ++*listed > used) {
            return "a list of timers reads differently backwards";
        }
        if ((timer->deadline == BB_TIMER_IS_DUE) != (list == BB_WHEEL_DUE)) {
            return "a timer is due and not listed so, or the other way round";
        }
        if (list < BB_WHEEL_DRAINING &&
            (timer->deadline <= self->now ||
             timer->deadline < start_of(self, level, list % BB_WHEEL_SLOTS))) {
            return "a timer is listed later than it is due";
        }
        previous = at;
        count++;
    }
    if (list < BB_WHEEL_DRAINING) {
        const bool marked = self->filled[level] >> list % BB_WHEEL_SLOTS & 1;
        if (marked != (count != 0)) {
            return "a slot is marked as filled and is not, or the other way round";
        }
        if (marked && list % BB_WHEEL_SLOTS <= digit_of(self->now, level)) {
            return "a slot is filled that time has passed";
        }
    }
    return list == BB_WHEEL_DUE && count != self->due_count ? "due timers are miscounted" : NULL;
}

bool bb_wheel_validate(const bb_wheel *self, uint32_t used, const char **reason) {
    uint32_t listed = 0;
    *reason = NULL;
    for (uint32_t list = 0; *reason == NULL && list < BB_WHEEL_LISTS; list++) {
        *reason = list_defect(self, list, used, &listed);
    }
    for (uint32_t level = 0; *reason == NULL && level < BB_WHEEL_LEVELS; level++) {
        if ((self->filled[level] != 0) != (self->levels >> level & 1)) {
            *reason = "a level is marked as filled and is not, or the other way round";
        }
    }
    for (uint32_t index = 1; *reason == NULL && index <= used; index++) {
        listed -= self->timers[index].previous != BB_TIMER_UNLISTED;
    }
    if (*reason == NULL && listed != 0) {
        *reason = "a timer is on no list, and does not know it";
    }
    return *reason == NULL;
}
