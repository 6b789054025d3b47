/*
 * Collecting what an object is made of, for containers that count shared parts once.
 */
#ifndef BYTEBOUND_MEASURING_SUPPORT_H
#define BYTEBOUND_MEASURING_SUPPORT_H

#include <Python.h>

#include "bytebound/parts.h"

/* A visitor for the walk: adds each object charged to a bb_found. -1 without memory. */
static inline int bb_collect_part(void *context, const void *identity, Py_ssize_t nbytes) {
    bb_found *found = context;
    if (!bb_found_add(found, (uintptr_t)identity, (uint64_t)nbytes)) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

#endif
