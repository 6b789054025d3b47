/*
 * A column of timers beside their deadlines in a plain array, and a driver that applies one
 * operation to both.
 */
#ifndef BYTEBOUND_TEST_WHEEL_MODEL_H
#define BYTEBOUND_TEST_WHEEL_MODEL_H

#include "bytebound/wheel.h"
#include "check.h"

enum { WHEEL_TIMERS = 64 };

typedef struct wheel_pair {
    bb_wheel wheel;
    bb_timer timers[WHEEL_TIMERS + 1];
    uint64_t deadlines[WHEEL_TIMERS + 1]; /* BB_NEVER: none */
    uint64_t now;
    bool behind; /* the wheel has not got as far */
} wheel_pair;

static inline void wheel_open(wheel_pair *self) {
    bb_wheel_init(&self->wheel);
    self->wheel.timers = self->timers;
    self->now = 0;
    self->behind = false;
    for (uint32_t index = 0; index <= WHEEL_TIMERS; index++) {
        self->timers[index] = bb_timer_idle;
        self->deadlines[index] = BB_NEVER;
    }
}

/* What is due is listed so, exactly; while the wheel is behind, nothing else is. */
static inline void wheel_check(const wheel_pair *self) {
    uint32_t due = 0;
    for (uint32_t at = bb_wheel_due(&self->wheel); at != 0; at = self->timers[at].next) {
        CHECK(self->deadlines[at] <= self->now);
        due++;
    }
    CHECK(due == self->wheel.due_count);
    for (uint32_t index = 1; !self->behind && index <= WHEEL_TIMERS; index++) {
        due -= self->deadlines[index] <= self->now;
    }
    CHECK(self->behind || due == 0);
    const char *reason;
    CHECK(bb_wheel_validate(&self->wheel, WHEEL_TIMERS, &reason));
}

static inline void wheel_set(wheel_pair *self, uint32_t index, uint64_t deadline) {
    bb_wheel_set(&self->wheel, index, deadline);
    self->deadlines[index] = deadline < BB_WHEEL_END ? deadline : BB_NEVER;
}

static inline void wheel_drop(wheel_pair *self, uint32_t index) {
    bb_wheel_remove(&self->wheel, index);
    self->timers[index] = bb_timer_idle;
    self->deadlines[index] = BB_NEVER;
}

/* To an index that is free. */
static inline void wheel_move(wheel_pair *self, uint32_t from, uint32_t to) {
    if (from != to) {
        wheel_drop(self, to);
        bb_wheel_move(&self->wheel, from, to);
        self->deadlines[to] = self->deadlines[from];
        self->timers[from] = bb_timer_idle;
        self->deadlines[from] = BB_NEVER;
    }
}

static inline void wheel_advance(wheel_pair *self, uint64_t now, uint32_t work) {
    const bool done = bb_wheel_advance(&self->wheel, now, work);
    if (now > self->now) {
        self->now = now < BB_WHEEL_END ? now : BB_WHEEL_END - 1;
    }
    CHECK(self->wheel.now <= self->now && (!done || self->wheel.now >= now || now > self->now));
    self->behind = !done || self->wheel.now < self->now;
}

#endif
