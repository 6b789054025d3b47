cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport bb_lru_cursor, bb_reason
from bytebound._native.lru_base cimport LRUBase


cdef class LRUCache(LRUBase):
    @cython.final
    cdef int read(self, PyObject *key, bint promote, PyObject **value) except -1
    @cython.final
    cdef int store(
        self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
    ) except -1
    @cython.final
    cdef int store_at(
        self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
        uint64_t charge
    ) except -1
    @cython.final
    cdef int take(
        self, PyObject *key, bb_reason reason, bint lookup, PyObject **value
    ) except -1


cdef class LRUIterator:
    cdef LRUBase cache
    cdef bb_lru_cursor cursor
    cdef int kind
    cdef bint finished
