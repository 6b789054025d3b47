# cython: language_level=3, binding=False
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""Looking a key up where only Python code can say which one it is."""

from cpython.object cimport Py_EQ
from libc.stdint cimport uint64_t

from bytebound._native.core cimport bb_lru_first, bb_lru_next, bb_lru_probe
from bytebound._native.support cimport (
    PyObject_RichCompareBool,
    bb_lock,
    bb_unlock,
    decref,
    incref,
)


cdef uint32_t find_by_asking(
    const bb_lru *lru, bb_mutex *mutex, PyObject *key, Py_hash_t hash_value
) except? 0xFFFFFFFF:
    cdef bb_lru_probe probe
    cdef PyObject *stored
    cdef uint64_t version
    cdef uint32_t index
    cdef bint equal, there
    for _ in range(MAX_RESTARTS):
        version = lru.version
        index = bb_lru_first(lru, hash_value, &probe)
        while index != 0:
            if lru.entries[index].hash != <uint64_t> hash_value:
                index = bb_lru_next(lru, &probe)
                continue
            stored = <PyObject *> lru.entries[index].key
            incref(stored)
            bb_unlock(mutex)
            try:
                equal = PyObject_RichCompareBool(stored, key, Py_EQ)
            except BaseException:
                decref(stored)
                raise
            bb_lock(mutex)
            there = index <= lru.used and <PyObject *> lru.entries[index].key == stored
            if not there:
                # the last reference may be ours, and dropping it may run Python code
                bb_unlock(mutex)
                decref(stored)
                bb_lock(mutex)
                break
            decref(stored)
            if equal:
                return index
            if version != lru.version:
                break
            index = bb_lru_next(lru, &probe)
        else:
            return 0
    bb_unlock(mutex)
    raise RuntimeError(
        f"the cache changed each of {MAX_RESTARTS} times that a key was compared with the "
        f"keys in it: {<object> key!r}"
    )
