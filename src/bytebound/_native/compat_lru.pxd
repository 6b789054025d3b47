from libc.stdint cimport uint64_t

from bytebound._native.core cimport bb_batch
from bytebound._native.table cimport Table


cdef class LRU(Table):
    cdef object callback
    cdef uint64_t hits
    cdef uint64_t misses

    cdef object look_up(self, key)
    cdef int put(self, key, value) except -1
    cdef int report(self, bb_batch *batch) except -1
