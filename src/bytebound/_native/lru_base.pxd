from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport bb_found, bb_lru
from bytebound._native.lru_timed cimport LRUTimed
from bytebound._native.sizing cimport visitproc


cdef extern from "lru_support.h":
    ctypedef int (*inquiry)(PyObject *)

    void bb_drop_taken(bb_lru *taken)
    void bb_share_entries(const bb_lru *copy)
    int bb_container_traverse_locked(PyObject *self, visitproc visit, void *argument) noexcept
    void bb_install_lru_slots(
        PyTypeObject *type, Py_ssize_t lru_offset, Py_ssize_t mutex_offset, inquiry clear
    )


cdef class LRUBase(LRUTimed):
    cdef object remeasure_with(self, key, bb_found *found)
    cdef object recharge_at(self, uint32_t index, uint64_t charge, bb_found *found, bint demand)
    cdef list entries(self, bint pinned, uint64_t *payload)
