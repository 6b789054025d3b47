/*
 * The walk over everything that can be reached from some objects and is data.
 *
 * Purpose
 *   Adds up the bytes that the allocator was asked for, each distinct object once, fast enough to
 *   run in every put of a cache: a few nanoseconds an object, no recursion, no lasting effect.
 *
 * How it runs
 *   1. Visiting an object charges it at once if it is a leaf (str, int, ...), and pushes it onto
 *      `pending` otherwise. An object with a single reference is met once, so only the others are
 *      looked up in `seen`.
 *   2. Popping an object charges its own bytes and visits what it refers to, a window of a long
 *      container at a time, so that `pending` stays short and what is read is still in the cache.
 *   3. An object whose size needs Python code (a __sizeof__ of somebody else, a registered sizer,
 *      a class that cannot be looked into otherwise) goes to `deferred` with a strong reference,
 *      and is dealt with when nothing is pending (sizing_asked.h).
 *
 * Invariants
 *   Ordinary build: no Python code runs and nothing is freed while something is pending, so
 *   `pending` holds borrowed references. Free-threaded build: every pending object is held by a
 *   reference taken inside a critical section on the container that it was found in.
 *   Whoever starts a walk holds a reference of its own to every object it visits first.
 *   All memory is released by bb_walk_end, on every path.
 *
 * Complexity: linear in the objects and references reached. Scratch memory: 10 to 15 bytes for an
 * object with more than one reference, 8 for each one pending, deferred or kept, 20 to 30 for a
 * block of memory that is no object.
 */
#ifndef BYTEBOUND_SIZING_WALK_H
#define BYTEBOUND_SIZING_WALK_H

#include <Python.h>

#include "sizing_blocks.h"
#include "sizing_early.h"
#include "sizing_pending.h"
#include "sizing_seen.h"
#include "sizing_types.h"

/* What to measure, and how. Whoever asks fills it with zeros first. */
typedef struct bb_request {
    PyObject *const *objects;
    Py_ssize_t count;
    int shallow;          /* own bytes of the objects, nothing that they refer to */
    int rounded;          /* what the allocator takes, not what was requested */
    Py_ssize_t limit;     /* stop once the total is above; negative: none */
    PyObject *stop_types; /* tuples, or NULL */
    PyObject *stop_objects;
    bb_visitor visitor; /* or NULL */
    void *context;
} bb_request;

typedef enum bb_walk_error {
    BB_WALK_FINE,
    BB_WALK_NO_MEMORY,
    BB_WALK_TOO_LARGE,
    BB_WALK_STOPPED
} bb_walk_error;

typedef struct bb_walk {
    Py_ssize_t total;
    Py_ssize_t fraction; /* of what the allocator takes, see sizing_tally.h */
    Py_ssize_t limit;
    bb_walk_error error;
    int plain; /* the request has no extra that every object has to be asked about */
    const bb_request *request;
    bb_type_cache *types;
    bb_early_classes *early; /* NULL until an early instance is met */
    bb_blocks blocks;
    bb_seen seen;
    bb_pending pending;
    bb_pending deferred; /* objects, and iterators with BB_WALK_MARK */
    bb_pending kept;     /* what sizers returned, so that no address is used twice */
} bb_walk;

/* The bit of a word on one of the stacks that no address has. */
#define BB_WALK_MARK ((uintptr_t)1)

static inline PyObject *bb_walk_object(uintptr_t word) {
    return (PyObject *)(word & ~BB_WALK_MARK);
}

/* The bytes of the objects as one graph. -1 with an exception set. Runs Python code. */
Py_ssize_t bb_measure(const bb_request *request);

/* Charges a leaf, or puts the object where the walk finds it. */
void bb_walk_visit(bb_walk *walk, PyObject *object);

/* The __dict__ of an instance: a part of it, which no stop type leaves out. */
void bb_walk_visit_attributes(bb_walk *walk, PyObject *dict);

/* Looks into all that is pending, unless the walk is over before. Runs no Python code. */
void bb_walk_drain(bb_walk *walk);

/* Keeps an object, or with BB_WALK_MARK an iterator, for when nothing is pending. */
void bb_walk_defer(bb_walk *walk, PyObject *object, uintptr_t mark);

/* Charges memory that is no object, once however often it is met, by the most that is told. */
void bb_walk_visit_memory(bb_walk *walk, uintptr_t address, Py_ssize_t nbytes);

void bb_walk_charge(bb_walk *walk, const void *identity, const bb_tally *tally);

/* Has a long container visited further, from its `next`-th element on. */
void bb_walk_push_half_way(bb_walk *walk, PyObject *object, Py_ssize_t next);

static inline int bb_walk_is_over(const bb_walk *walk) {
    return walk->error != BB_WALK_FINE || walk->total > walk->limit;
}

#endif
