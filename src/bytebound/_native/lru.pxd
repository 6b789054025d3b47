from bytebound._native.core cimport bb_lru_cursor
from bytebound._native.lru_base cimport LRUBase


cdef class LRUCache(LRUBase):
    pass


cdef class LRUIterator:
    cdef LRUBase cache
    cdef bb_lru_cursor cursor
    cdef int kind
    cdef bint finished
