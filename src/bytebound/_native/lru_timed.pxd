from bytebound._native.lru_state cimport LRUState


cdef class LRUTimed(LRUState):
    pass
