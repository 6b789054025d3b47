/*
 * Objects whose size takes Python code to tell: a __sizeof__ of somebody else, a registered sizer.
 *
 * Purpose
 *   Python code may do anything, so it runs only while nothing is pending; and it may tell of
 *   referents without end, so these are taken a window at a time, and what a window leads to is
 *   charged before the next is asked for. A sizer's iterator that has more to give waits among the
 *   deferred objects, below those that its window led to.
 *
 * Invariants
 *   A referent made for the occasion must not die while its address is among those met, or the next
 *   one made there would not count. So referents are kept until the end, but for those of a window
 *   of which nothing was remembered, by the walk or by a visitor: leaves that nobody else holds,
 *   and memory that is no object.
 */
#ifndef BYTEBOUND_SIZING_ASKED_H
#define BYTEBOUND_SIZING_ASKED_H

#include "sizing_walk.h"

/* Deals with what was deferred: an object, or with `mark` an iterator. -1 with an exception set. */
int bb_resolve(bb_walk *walk, PyObject *object, uintptr_t mark);

#endif
