from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport bb_refusal, bb_status
from bytebound._native.lru_state cimport LRUState


cdef class LRUPin:
    cdef LRUState cache
    cdef readonly object key
    cdef object held  # the key in the cache, while there are pins
    cdef uint64_t hash_value
    cdef uint64_t times

    cdef bb_status pin_once(
        self, Py_hash_t hash_value, PyObject **value, uint32_t *index, void **stored,
        bb_refusal *refusal,
    ) except *
