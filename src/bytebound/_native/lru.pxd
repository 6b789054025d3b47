from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from bytebound._native.lru_base cimport LRUBase


cdef class LRUCache(LRUBase):
    pass


# What hashes its keys itself uses these; for an LRUCache proper, not for a subclass that may
# have methods of its own.
cdef int read_hashed(
    LRUCache self, PyObject *key, Py_hash_t hash_value, bint promote, PyObject **value
) except -1
cdef int store(
    LRUCache self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
) except -1
