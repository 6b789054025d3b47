/*
 * The parts of LRUCache that Cython cannot say: the native half of a lookup, and
 * how the collector and deallocation reach the entries.
 */
#ifndef BYTEBOUND_LRU_SUPPORT_H
#define BYTEBOUND_LRU_SUPPORT_H

#include "bytebound/lru.h"
#include "container_support.h"

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
    for (uint32_t index = bb_lru_oldest(copy); index != 0; index = bb_lru_newer(copy, index)) {
        Py_INCREF((PyObject *)copy->entries[index].key);
        Py_INCREF((PyObject *)copy->entries[index].value);
    }
}

/* ---- what the type slots of container_support.h are told ---- */

static Py_ssize_t bb_lru_offset; /* of the bb_lru inside the object */

static inline bb_lru *bb_lru_of(PyObject *self) {
    return (bb_lru *)((char *)self + bb_lru_offset);
}

static inline int bb_visit_lru(PyObject *self, visitproc visit, void *arg) {
    return bb_visit_entries(bb_lru_of(self), visit, arg);
}

static inline void bb_drop_lru(PyObject *self) {
    bb_lru taken;
    bb_lru_take_all(bb_lru_of(self), &taken);
    bb_drop_taken(&taken);
    bb_lru_close(bb_lru_of(self));
}

/* `clear` drops entries and callbacks. */
static inline void bb_install_lru_slots(PyTypeObject *type, Py_ssize_t lru_offset,
                                        Py_ssize_t mutex_offset, inquiry clear) {
    bb_lru_offset = lru_offset;
    bb_install_slots(type, (bb_contents){mutex_offset, bb_visit_lru, bb_drop_lru, clear});
}

#endif
