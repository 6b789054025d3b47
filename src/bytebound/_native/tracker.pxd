from bytebound._native.container cimport BoundedContainer
from bytebound._native.core cimport bb_lru


cdef class SizeTracker(BoundedContainer):
    # The objects tracked: the key is the object, its address the hash, and the value an int, how
    # often it was added. What they are made of is shared among them.
    cdef bb_lru lru
