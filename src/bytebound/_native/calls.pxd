from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from bytebound._native.lru cimport LRUCache


cdef extern from "calls_support.h":
    ctypedef PyObject *(*vectorcallfunc)(
        PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names
    )

    ctypedef struct bb_key_rules:
        bint typed
        PyObject *mark
        PyObject *masked
        PyObject *ignored


# A function and what it returned.
cdef class CachedCall:
    cdef vectorcallfunc vectorcall  # what a call runs
    cdef object function
    cdef LRUCache table  # None: there is no such one
    cdef bb_key_rules rules
    cdef uint64_t hits
    cdef uint64_t misses
    cdef dict __dict__
    cdef object __weakref__


cdef class LRUCachedCall(CachedCall):
    cdef object maxsize
    cdef object max_bytes


cdef class MemoizedCall(CachedCall):
    cdef readonly object cache
    cdef object flights
    cdef object miss
    cdef object hit  # makes an awaitable of a value, or None
    cdef object key
    cdef object settings
    cdef object owner  # tells the keys of one function from another's in a cache that they share
    cdef dict tokens  # of the instances whose method this is, by id
    cdef bytes masked
    cdef frozenset ignored
    cdef bint is_method
    cdef Py_ssize_t deaths  # of instances, since the cache was swept

    cdef PyObject *key_of(
        self, PyObject *const *args, size_t nargsf, PyObject *names
    ) except NULL
    cdef object token_of(self, instance)
    cdef object key_for(self, tuple args, dict kwargs)
    cdef int refuse_key(self, key, tuple call) except -1
    cdef int sweep(self) except -1
    cdef int drop_keys(self, bint dead) except -1
