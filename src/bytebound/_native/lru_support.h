/*
 * The parts of LRUCache that Cython cannot say: the native half of a lookup,
 * and the type slots through which the collector and deallocation see entries.
 *
 * The slots are wrapped around those that Cython generates. A dying cache drops
 * its entries itself, after its weak references are cleared and while its reference count
 * is zero, so that no value's finaliser can reach it; and through the trash can, so
 * that a chain of caches is freed without recursion.
 */
#ifndef BYTEBOUND_LRU_SUPPORT_H
#define BYTEBOUND_LRU_SUPPORT_H

#include "bytebound/lru.h"
#include "support.h"

#define BB_ASK UINT32_MAX

/* The index of a key, 0 if it is not there, BB_ASK if only Python code can tell. */
static inline uint32_t bb_find(const bb_lru *self, PyObject *key, Py_hash_t hash) {
    bb_lru_probe probe;
    uint32_t index = bb_lru_first(self, (uint64_t)hash, &probe);
    while (index != 0) {
        PyObject *stored = (PyObject *)self->entries[index].key;
        if (stored == key) {
            return index;
        }
        if (self->entries[index].hash == (uint64_t)hash) {
            const bb_verdict verdict = bb_compare(stored, key);
            if (verdict != BB_DIFFERENT) {
                return verdict == BB_EQUAL ? index : BB_ASK;
            }
        }
        index = bb_lru_next(self, &probe);
    }
    return 0;
}

/* Drops every entry of a structure that nobody else can reach. */
static inline void bb_drop_taken(bb_lru *taken) {
    for (uint32_t index = 1; index <= taken->used; index++) {
        if (taken->entries[index].key != NULL) {
            Py_DECREF((PyObject *)taken->entries[index].key);
            Py_DECREF((PyObject *)taken->entries[index].value);
        }
    }
    bb_lru_discard(taken);
}

static inline int bb_visit_entries(const bb_lru *self, visitproc visit, void *arg) {
    for (uint32_t index = 1; index <= self->used; index++) {
        if (self->entries[index].key != NULL) {
            Py_VISIT((PyObject *)self->entries[index].key);
            Py_VISIT((PyObject *)self->entries[index].value);
        }
    }
    return 0;
}

/* Takes the references that a copy of a structure holds. */
static inline void bb_share_entries(const bb_lru *copy) {
    for (uint32_t index = 1; index <= copy->used; index++) {
        Py_INCREF((PyObject *)copy->entries[index].key);
        Py_INCREF((PyObject *)copy->entries[index].value);
    }
}

/* A visitor for the walk: adds each object charged to a bb_found. -1 without memory, and to
 * stop when there is more than was asked for. */
static inline int bb_collect_part(void *context, const void *identity, Py_ssize_t nbytes) {
    bb_found *found = context;
    if (!bb_found_add(found, (uintptr_t)identity, (uint64_t)nbytes)) {
        PyErr_NoMemory();
        return -1;
    }
    if (found->nbytes > found->most) {
        PyErr_SetString(PyExc_OverflowError, "there is more than was asked for");
        return -1;
    }
    return 0;
}

/* An eviction callback's exception belongs to nobody: the operation stands. */
static inline void bb_notify(PyObject *callback, PyObject *key, PyObject *value, PyObject *reason) {
    PyObject *result = PyObject_CallFunctionObjArgs(callback, key, value, reason, NULL);
    if (result == NULL) {
        PyErr_WriteUnraisable(callback);
    }
    Py_XDECREF(result);
}

/* ---- type slots ---- */

static Py_ssize_t bb_lru_offset; /* of the bb_lru inside the object */
static Py_ssize_t bb_mutex_offset;
static destructor bb_generated_dealloc;
static traverseproc bb_generated_traverse;

static inline bb_lru *bb_lru_of(PyObject *self) {
    return (bb_lru *)((char *)self + bb_lru_offset);
}

static inline int bb_cache_traverse(PyObject *self, visitproc visit, void *arg) {
    const int result = bb_visit_entries(bb_lru_of(self), visit, arg);
    return result != 0 ? result : bb_generated_traverse(self, visit, arg);
}

static inline void bb_cache_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, bb_cache_dealloc)
    PyObject_ClearWeakRefs(self);
    bb_lru taken;
    bb_lru_take_all(bb_lru_of(self), &taken);
    bb_drop_taken(&taken);
    bb_lru_close(bb_lru_of(self));
    bb_generated_dealloc(self);
    Py_TRASHCAN_END
}

/* For whoever measures while other threads write: the collector's own traverse
 * takes no lock, because it stops them. `visit` must run no Python code. */
static inline int bb_cache_traverse_locked(PyObject *self, visitproc visit, void *arg) {
    bb_mutex *mutex = (bb_mutex *)((char *)self + bb_mutex_offset);
    bb_lock(mutex);
    const int result = bb_visit_entries(bb_lru_of(self), visit, arg);
    bb_unlock(mutex);
    return result;
}

/* `clear` breaks cycles: it drops entries and callbacks. */
static inline void bb_install_slots(PyTypeObject *type, Py_ssize_t lru_offset,
                                    Py_ssize_t mutex_offset, inquiry clear) {
    bb_lru_offset = lru_offset;
    bb_mutex_offset = mutex_offset;
    bb_generated_dealloc = type->tp_dealloc;
    bb_generated_traverse = type->tp_traverse;
    type->tp_dealloc = bb_cache_dealloc;
    type->tp_traverse = bb_cache_traverse;
    type->tp_clear = clear;
    PyType_Modified(type);
}

#endif
