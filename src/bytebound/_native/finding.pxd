from cpython.object cimport PyObject
from libc.stdint cimport uint32_t

from bytebound._native.core cimport bb_lru
from bytebound._native.support cimport bb_mutex


cdef extern from "lru_support.h":
    const uint32_t BB_ASK
    uint32_t bb_find(const bb_lru *self, PyObject *key, Py_hash_t hash_value)


# How often an operation starts over because Python code that it called changed the cache.
cdef enum:
    MAX_RESTARTS = 1000


# As find_in, for keys that only Python code can compare: it may change the structure.
cdef uint32_t find_by_asking(
    const bb_lru *lru, bb_mutex *mutex, PyObject *key, Py_hash_t hash_value
) except? 0xFFFFFFFF


cdef inline uint32_t find_in(
    const bb_lru *lru, bb_mutex *mutex, PyObject *key, Py_hash_t hash_value
) except? 0xFFFFFFFF:
    """The index of a key, or 0. Called and left with the lock held; left without it, on error."""
    cdef uint32_t index = bb_find(lru, key, hash_value)
    if index == BB_ASK:
        return find_by_asking(lru, mutex, key, hash_value)
    return index
