/*
 * One object: its own bytes, and what it refers to.
 *
 * Purpose
 *   What the walk does for each object that is not a common leaf, by its type's record
 *   (sizing_types.h) and the rules for its kind (sizing_rules.h).
 *
 * Invariants
 *   No Python code runs. In the free-threaded build the caller holds a critical section on the
 *   object.
 *
 * Complexity: a window's worth of references, or all of what a tp_traverse visits.
 */
#ifndef BYTEBOUND_SIZING_EXPAND_H
#define BYTEBOUND_SIZING_EXPAND_H

#include "sizing_walk.h"

/* Charges the object's own bytes, and visits its referents unless the walk is shallow. */
void bb_expand(bb_walk *walk, PyObject *object, const bb_type_info *info);

/* The same for a type whose record says it is plain, in a walk that is. */
void bb_expand_plain(bb_walk *walk, PyObject *object, const bb_type_info *info);

/* The same as bb_expand, where a __sizeof__ has told the bytes of its own block and what belongs to it. */
void bb_expand_asked(bb_walk *walk, PyObject *object, const bb_type_info *info, Py_ssize_t nbytes);

/* Visits further elements of a container left half-way. */
void bb_expand_rest(bb_walk *walk, PyObject *object, const bb_type_info *info, Py_ssize_t next);

#endif
