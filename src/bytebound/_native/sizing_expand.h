/*
 * One object: its own bytes, and what it refers to.
 *
 * Purpose
 *   What the walk does for each object that is not a common leaf, by kind (sizing_types.h).
 *
 * Invariants
 *   No Python code runs. In the free-threaded build the caller holds a critical section on the
 *   object. A long container is visited in windows: bb_expand_rest continues where it stopped, and
 *   checks again that there is so much of it left.
 *
 * Complexity: a window's worth of references, or all of what a tp_traverse visits.
 */
#ifndef BYTEBOUND_SIZING_EXPAND_H
#define BYTEBOUND_SIZING_EXPAND_H

#include "sizing_walk.h"

/* Charges the object's own bytes, unless it was asked for them, and visits its referents. */
void bb_expand(bb_walk *walk, PyObject *object, const bb_type_info *info);

/* Visits further elements of a container left half-way. */
void bb_expand_rest(bb_walk *walk, PyObject *object, Py_ssize_t next);

/* What sizing_expand.c calls back (in sizing_walk.c). */
void bb_walk_charge(bb_walk *walk, const void *identity, Py_ssize_t nbytes);
void bb_walk_push_half_way(bb_walk *walk, PyObject *object, Py_ssize_t next);

#endif
