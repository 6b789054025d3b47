/*
 * The parts of RingBuffer that Cython cannot say: how the collector and deallocation
 * reach the items.
 */
#ifndef BYTEBOUND_RING_SUPPORT_H
#define BYTEBOUND_RING_SUPPORT_H

#include "bytebound/ring.h"
#include "container_support.h"

static inline PyObject *bb_item_at(const bb_ring *self, uint32_t index) {
    return (PyObject *)bb_ring_at(self, index)->item;
}

/* Drops every item of a ring that nobody else can reach. */
static inline void bb_drop_items(bb_ring *taken) {
    for (uint32_t index = 0; index < taken->count; index++) {
        Py_DECREF(bb_item_at(taken, index));
    }
    bb_ring_discard(taken);
}

/* Takes the references that a copy of a ring holds. */
static inline void bb_share_items(const bb_ring *copy) {
    for (uint32_t index = 0; index < copy->count; index++) {
        Py_INCREF(bb_item_at(copy, index));
    }
}

static inline int bb_visit_items(const bb_ring *self, visitproc visit, void *arg) {
    for (uint32_t index = 0; index < self->count; index++) {
        Py_VISIT(bb_item_at(self, index));
    }
    return 0;
}

/* ---- what the type slots of container_support.h are told ---- */

static Py_ssize_t bb_ring_offset; /* of the bb_ring inside the object */

static inline bb_ring *bb_ring_of(PyObject *self) {
    return (bb_ring *)((char *)self + bb_ring_offset);
}

static inline int bb_visit_ring(PyObject *self, visitproc visit, void *arg) {
    return bb_visit_items(bb_ring_of(self), visit, arg);
}

static inline void bb_drop_ring(PyObject *self) {
    bb_ring taken;
    bb_ring_take_all(bb_ring_of(self), &taken);
    bb_drop_items(&taken);
    bb_ring_close(bb_ring_of(self));
}

/* `clear` drops items and callbacks. */
static inline void bb_install_ring_slots(PyTypeObject *type, Py_ssize_t ring_offset,
                                         Py_ssize_t mutex_offset, inquiry clear) {
    bb_ring_offset = ring_offset;
    bb_install_slots(type, (bb_contents){mutex_offset, bb_visit_ring, bb_drop_ring, clear});
}

#endif
