from bytebound._native.core cimport bb_lru
from bytebound._native.support cimport bb_mutex


cdef class SizeTracker:
    # The objects tracked: the key is the object, its address the hash, and the value an int, how
    # often it was added. What they are made of is shared among them.
    cdef bb_lru lru
    cdef bb_mutex mutex
    cdef readonly object name
    cdef object __weakref__
