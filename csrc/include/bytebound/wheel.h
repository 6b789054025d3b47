/*
 * A hierarchical timer wheel over a column of timers.
 *
 * Purpose: tells which of many timers are due, at a cost that does not depend on how
 * many there are. Timers are named by the index of the column that their owner keeps
 * beside its other columns; the wheel itself has a fixed size and takes no memory.
 *
 * Layout: a deadline is a number of 56 bits, read as 14 digits of 4 bits. A timer is
 * listed at the level of the highest digit in which its deadline differs from `now`,
 * in the slot of that digit. So all timers of a level are due before any of a higher
 * one, in the order of their slots, and a slot's span begins where its digit does.
 *
 *   level 13   [ ][ ][ ][x] ... [ ]     first[level][digit] ──▶ timer ⇄ timer ⇄ ...
 *     ...
 *   level 1    [ ][x][ ][ ] ... [x]     filled[level]: bit = slot is not empty
 *   level 0    [ ][ ][x][ ] ... [ ]
 *   draining   a slot whose span `now` has entered: its timers go to lower levels or ...
 *   due        ... here, when their deadline has come
 *
 * Digits are the calendar queue of Varghese and Lauck ("Hashed and Hierarchical Timing
 * Wheels", SOSP 1987), without a tick: time jumps from one slot that is not empty to the
 * next, so an idle wheel costs nothing, and to any instant exactly.
 *
 * A timer may be put off in place: its deadline grows and it stays where it is, to be
 * listed anew when its slot is drained. A renewed timer costs one store, and at most one
 * move for each time that it would have been due.
 *
 * Complexity: add, remove, put off, move O(1); advance O(1) for each slot entered and each timer
 * moved; a timer is moved down at most once a level, 14 times, in its life.
 *
 * Threads: none here.
 *
 * Invariants (bb_wheel_validate checks them):
 *   - a listed timer's deadline is after `now`, unless it is draining or due; it is not
 *     before the span of its slot;
 *   - due_count timers are due, and theirs are the only deadlines of 0;
 *   - `now` never goes back.
 */
#ifndef BYTEBOUND_WHEEL_H
#define BYTEBOUND_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BB_WHEEL_BITS 4
#define BB_WHEEL_SLOTS (1u << BB_WHEEL_BITS)
#define BB_WHEEL_LEVELS 14u
#define BB_WHEEL_DRAINING (BB_WHEEL_LEVELS * BB_WHEEL_SLOTS)
#define BB_WHEEL_DUE (BB_WHEEL_DRAINING + 1)
#define BB_WHEEL_LISTS (BB_WHEEL_DUE + 1)

/* The first instant that the wheel cannot tell. */
#define BB_WHEEL_END ((uint64_t)1 << (BB_WHEEL_BITS * BB_WHEEL_LEVELS))

/* The deadline of what is never due. */
#define BB_NEVER UINT64_MAX

/* The deadline that a timer has once it is due. */
#define BB_TIMER_IS_DUE 0

/* In `previous`: the first of a list, or of no list. Indices are below 2^31. */
#define BB_TIMER_FIRST ((uint32_t)1 << 31)
#define BB_TIMER_UNLISTED UINT32_MAX

typedef struct bb_timer {
    uint64_t deadline;
    uint32_t next;     /* 0: the last of its list */
    uint32_t previous; /* BB_TIMER_FIRST | list for the first */
} bb_timer;

typedef struct bb_wheel {
    bb_timer *timers; /* the column, set by its owner */
    uint64_t now;
    uint32_t due_count;
    uint32_t levels; /* bit = level is not empty */
    uint16_t filled[BB_WHEEL_LEVELS];
    uint32_t first[BB_WHEEL_LISTS];
} bb_wheel;

static const bb_timer bb_timer_idle = {BB_NEVER, 0, BB_TIMER_UNLISTED};

/* At instant 0, without a column. */
void bb_wheel_init(bb_wheel *self);

/* Lists an unlisted timer, unless it is never due: at or after BB_WHEEL_END. */
void bb_wheel_add(bb_wheel *self, uint32_t index, uint64_t deadline);

/* Takes a timer off its list, if it is on one. */
void bb_wheel_remove(bb_wheel *self, uint32_t index);

/* Gives a timer another deadline, whether it is listed or not. */
void bb_wheel_set(bb_wheel *self, uint32_t index, uint64_t deadline);

/* Gives a listed timer that is not due a later deadline. */
static inline void bb_wheel_put_off(bb_wheel *self, uint32_t index, uint64_t deadline) {
    self->timers[index].deadline = deadline;
}

/* A timer has got another index; what is at the old one does not count any more. */
void bb_wheel_move(bb_wheel *self, uint32_t from, uint32_t to);

/* Lets time pass until `now`, moving at most `work` timers; earlier than before is as before.
 * True if everything that is due at `now` is listed as due; false: call again. */
bool bb_wheel_advance(bb_wheel *self, uint64_t now, uint32_t work);

/* A timer that is due, or 0. */
static inline uint32_t bb_wheel_due(const bb_wheel *self) {
    return self->first[BB_WHEEL_DUE];
}

/* True if every invariant holds for indices 1..used; else *reason says which does not. */
bool bb_wheel_validate(const bb_wheel *self, uint32_t used, const char **reason);

#endif
