from bytebound._native.core cimport bb_lru_cursor
from bytebound._native.lru_state cimport LRUState


cdef class LRUIterator:
    cdef LRUState cache
    cdef bb_lru_cursor cursor
    cdef int kind
    cdef bint finished
