/*
 * How those who wait at a queue sleep and are woken.
 *
 *   bb_sleeper   a waiter: of a thread, on its stack, which sleeps at a gate; or of a task,
 *                inside the Python object that knows its event loop
 *   bb_gate      a lock that is shut when its thread goes to sleep, and opened once by
 *                whoever calls it. Opened under the queue's mutex, so that the sleeper
 *                cannot be gone yet.
 *
 * A thread that sleeps runs signal handlers, so Ctrl-C ends its sleep.
 */
#ifndef BYTEBOUND_QUEUE_SUPPORT_H
#define BYTEBOUND_QUEUE_SUPPORT_H

#include "bytebound/queue.h"
#include "ring_support.h"
#include <pythread.h>
#include <time.h>

typedef PyThread_type_lock bb_gate;

typedef struct bb_sleeper {
    bb_waiter waiter; /* first, so that one leads to the other */
    bb_gate gate;     /* of a thread, else NULL */
    PyObject *task;   /* of a task, else NULL; in a line, its reference is the line's */
    PyObject *next;   /* the task called after this one */
    uint64_t forks;   /* of which process it is */
} bb_sleeper;

#define BB_FOREVER INT64_MAX

/* Nanoseconds of a clock that is never set. */
static inline int64_t bb_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Beyond a century it does not matter. */
static inline int64_t bb_deadline_in(double seconds) {
    return seconds > 4e9 ? BB_FOREVER : bb_now() + (int64_t)(seconds * 1e9);
}

static inline void bb_gate_shut(bb_gate gate) {
    (void)PyThread_acquire_lock(gate, NOWAIT_LOCK);
}

/* Sleeps until the gate is opened or time is up. -1 with what a signal handler raised. */
static inline int bb_gate_pass(bb_gate gate, int64_t deadline) {
    for (;;) {
        PY_TIMEOUT_T microseconds = -1;
        if (deadline != BB_FOREVER) {
            const int64_t left = deadline - bb_now();
            microseconds = left <= 0 ? 0 : (left + 999) / 1000;
        }
        PyLockStatus status;
        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(gate, microseconds, 1);
        Py_END_ALLOW_THREADS
        if (status != PY_LOCK_INTR) {
            return 0;
        }
        if (Py_MakePendingCalls() < 0) {
            return -1;
        }
    }
}

static inline int bb_visit_queue(const bb_queue *self, bool lines, visitproc visit, void *arg) {
    const int stopped = bb_visit_items(&self->ring, visit, arg);
    if (stopped != 0) {
        return stopped;
    }
    for (int side = 0; lines && side < BB_SIDE_COUNT; side++) {
        for (bb_waiter *waiter = self->lines[side].first; waiter != NULL; waiter = waiter->after) {
            Py_VISIT(((bb_sleeper *)waiter)->task);
        }
    }
    return 0;
}

#endif
