from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport bb_batch, bb_found, bb_lru, bb_reason
from bytebound._native.finding cimport find_in
from bytebound._native.mapping cimport BoundedMapping
from bytebound._native.measuring cimport SIZE_BY_CALL, Sizing
from bytebound._native.sizing cimport bb_root_nbytes, visitproc


cdef extern from "lru_support.h":
    ctypedef int (*inquiry)(PyObject *)

    void bb_drop_taken(bb_lru *taken)
    void bb_share_entries(const bb_lru *copy)
    int bb_container_traverse_locked(PyObject *self, visitproc visit, void *argument) noexcept
    void bb_install_lru_slots(
        PyTypeObject *type, Py_ssize_t lru_offset, Py_ssize_t mutex_offset, inquiry clear
    )


cdef class LRUBase(BoundedMapping):
    cdef bb_lru lru
    cdef Sizing sizing
    cdef readonly object sizer
    cdef readonly object on_evict

    cdef int configure(
        self, max_bytes, max_items, sizer, on_evict, budget, bint charge_overhead, name
    ) except -1
    cdef uint64_t measure(self, PyObject *key, PyObject *value) except? 0xFFFFFFFFFFFFFFFF
    cdef int collect(self, PyObject *key, PyObject *value, bb_found *found) except -1
    cdef int drop_batch(self, bb_batch *batch) except -1
    cdef int notify(self, PyObject *key, PyObject *value, bb_reason reason) except -1
    cdef object pair_at(self, uint32_t index)
    cdef object remeasure_with(self, key, bb_found *found)
    cdef object recharge_at(self, uint32_t index, uint64_t charge, bb_found *found, bint demand)
    cdef list entries(self, uint64_t *payload)
    cdef uint64_t structure_nbytes(self, size_t parts) noexcept
    cdef uint64_t least_nbytes(self, uint64_t charge, const bb_found *found) noexcept
    cdef object too_large(self, uint64_t charge, size_t parts=*)


cdef inline uint32_t find(LRUBase self, PyObject *key, Py_hash_t hash_value) except? 0xFFFFFFFF:
    """The index of a key, or 0. Called and left with the lock held; left without it, on error."""
    return find_in(&self.lru, &self.mutex, key, hash_value)


cdef inline uint64_t charge_of(
    LRUBase self, PyObject *key, PyObject *value
) except? 0xFFFFFFFFFFFFFFFF:
    """What an entry is to be charged. May run Python code, so no lock is held."""
    cdef Py_ssize_t key_size, value_size
    if self.sizing != SIZE_BY_CALL:
        key_size = bb_root_nbytes(key)
        value_size = bb_root_nbytes(value)
        if key_size >= 0 and value_size >= 0 and key != value:
            return key_size + value_size
    return self.measure(key, value)
