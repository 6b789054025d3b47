/*
 * The monotonic clock, in microseconds.
 *
 * Purpose: when entries expire. Reading the exact clock is a large part of what a lookup
 * takes, and the one that the system keeps up to date by itself a small one: so the
 * coarse clock answers for whatever does not expire soon.
 *
 * Complexity: the exact one takes 20 to 100 ns, the coarse one 5 to 20.
 *
 * Threads: any.
 *
 * Invariants: neither goes back; the coarse one is never ahead of the exact one, and by
 * less than BB_CLOCK_LAG behind it.
 */
#ifndef BYTEBOUND_CLOCK_H
#define BYTEBOUND_CLOCK_H

#include <stdint.h>

/* A tick takes 1 to 10 ms; a generous multiple of it. */
#define BB_CLOCK_LAG UINT64_C(100000)

/* From 1 on, so that 0 is free to mean something else. */
uint64_t bb_clock_exact(void);
uint64_t bb_clock_coarse(void);

#endif
