/*
 * A lock held for a few instructions, or a system call that maps memory.
 *
 * Purpose: covers a structure of the core that is called from several threads.
 * Spinning beats sleeping for so short a time; the yield is for the holder that
 * was preempted on the same core.
 *
 * Threads: with BB_THREADED only. Without, the caller serialises (the
 * interpreter's lock does) and this is nothing. It is not recursive.
 */
#ifndef BYTEBOUND_SPINLOCK_H
#define BYTEBOUND_SPINLOCK_H

#ifndef BB_THREADED
#define BB_THREADED 0
#endif

#if BB_THREADED
#include <sched.h>
#include <stdatomic.h>

typedef struct bb_spinlock {
    atomic_flag held;
} bb_spinlock;

static inline void bb_spinlock_init(bb_spinlock *self) {
    atomic_flag_clear(&self->held);
}

static inline void bb_spinlock_take(bb_spinlock *self) {
    while (atomic_flag_test_and_set_explicit(&self->held, memory_order_acquire)) {
        sched_yield();
    }
}

static inline void bb_spinlock_leave(bb_spinlock *self) {
    atomic_flag_clear_explicit(&self->held, memory_order_release);
}
#else
typedef char bb_spinlock;

static inline void bb_spinlock_init(bb_spinlock *self) {
    *self = 0;
}

static inline void bb_spinlock_take(bb_spinlock *self) {
    (void)self;
}

static inline void bb_spinlock_leave(bb_spinlock *self) {
    (void)self;
}
#endif

#endif
