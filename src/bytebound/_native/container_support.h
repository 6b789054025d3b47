/*
 * The type slots through which the collector and deallocation see the references
 * that a container holds in its native structure.
 *
 * They are wrapped around those that Cython generates. A dying container drops its
 * contents itself, after its weak references are cleared and while its reference
 * count is zero, so that no finaliser can reach it; and through the trash can,
 * so that a chain of containers is freed without recursion.
 *
 * One container type an extension: what bb_install_slots() is told is static.
 */
#ifndef BYTEBOUND_CONTAINER_SUPPORT_H
#define BYTEBOUND_CONTAINER_SUPPORT_H

#include "support.h"

typedef struct bb_contents {
    Py_ssize_t mutex_offset;
    int (*visit)(PyObject *self, visitproc visit, void *arg);
    void (*drop)(PyObject *self); /* takes everything out, then lets go of it, then closes */
    inquiry clear;                /* breaks cycles; the caller holds a reference */
} bb_contents;

static bb_contents bb_installed;
static destructor bb_generated_dealloc;
static traverseproc bb_generated_traverse;

static inline int bb_container_traverse(PyObject *self, visitproc visit, void *arg) {
    const int result = bb_installed.visit(self, visit, arg);
    return result != 0 ? result : bb_generated_traverse(self, visit, arg);
}

static inline void bb_container_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, bb_container_dealloc)
    PyObject_ClearWeakRefs(self);
    bb_installed.drop(self);
    bb_generated_dealloc(self);
    Py_TRASHCAN_END
}

/* For whoever measures while other threads write: the collector's own traverse
 * takes no lock, because it stops them. `visit` must run no Python code. */
static inline int bb_container_traverse_locked(PyObject *self, visitproc visit, void *arg) {
    bb_mutex *mutex = (bb_mutex *)((char *)self + bb_installed.mutex_offset);
    bb_lock(mutex);
    const int result = bb_installed.visit(self, visit, arg);
    bb_unlock(mutex);
    /* Its settings, which nothing changes while it is in use. */
    return result != 0 ? result : bb_generated_traverse(self, visit, arg);
}

static inline void bb_install_slots(PyTypeObject *type, bb_contents contents) {
    bb_installed = contents;
    bb_generated_dealloc = type->tp_dealloc;
    bb_generated_traverse = type->tp_traverse;
    type->tp_dealloc = bb_container_dealloc;
    type->tp_traverse = bb_container_traverse;
    type->tp_clear = contents.clear;
    PyType_Modified(type);
}

static inline int bb_visit_nothing(PyObject *self, visitproc visit, void *arg) {
    (void)self, (void)visit, (void)arg;
    return 0;
}

static inline void bb_drop_nothing(PyObject *self) {
    (void)self;
}

/* For a class that adds references to one with these slots, which another extension has: they
 * too must be dropped after the weak references are cleared. */
static inline void bb_guard_slots(PyTypeObject *type, inquiry clear) {
    bb_install_slots(type, (bb_contents){0, bb_visit_nothing, bb_drop_nothing, clear});
}

/* For a class that adds no references to one with these slots. */
static inline void bb_adopt_slots(PyTypeObject *type, const PyTypeObject *base) {
    type->tp_dealloc = base->tp_dealloc;
    type->tp_traverse = base->tp_traverse;
    type->tp_clear = base->tp_clear;
    PyType_Modified(type);
}

#endif
