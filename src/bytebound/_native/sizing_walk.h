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
 *      a class that cannot be looked into otherwise) goes to `deferred` with a strong reference, and is
 *      dealt with when nothing is pending.
 *
 * Invariants
 *   Ordinary build: no Python code runs and nothing is freed while something is pending, so
 *   `pending` holds borrowed references. Free-threaded build: every pending object is held by a
 *   reference taken inside a critical section on the container that it was found in.
 *   Whoever starts a walk holds a reference of its own to every object it visits first.
 *   All memory is released by bb_walk_end, on every path.
 *
 * Complexity: linear in the objects and references reached. Scratch memory: 10 to 15 bytes for an
 * object with more than one reference, 8 for each one pending.
 */
#ifndef BYTEBOUND_SIZING_WALK_H
#define BYTEBOUND_SIZING_WALK_H

#include <Python.h>

#include "sizing_pending.h"
#include "sizing_seen.h"
#include "sizing_types.h"

/* Told of each distinct object charged, with its own bytes. Must not run Python code. -1 stops. */
typedef int (*bb_visitor)(void *context, const void *identity, Py_ssize_t nbytes);

typedef struct bb_walk {
    Py_ssize_t total;
    Py_ssize_t limit; /* stop once the total is above; negative: none */
    int shallow;      /* own bytes of what is visited from outside, nothing further */
    int error;        /* memory or the range of a size was exhausted */
    bb_visitor visitor;
    void *context;
    bb_type_cache *types;
    bb_seen seen;
    bb_pending pending;
    bb_pending deferred;
} bb_walk;

void bb_walk_start(bb_walk *walk, int deep, Py_ssize_t limit);
void bb_walk_end(bb_walk *walk);

/* Charges a leaf, or puts the object where bb_walk_run finds it. */
void bb_walk_visit(bb_walk *walk, PyObject *object);

/* Runs until nothing is pending, or the limit is passed. -1 with an exception set. */
int bb_walk_run(bb_walk *walk);

#endif
