from bytebound._native.container cimport BoundedContainer
from bytebound._native.core cimport bool as c_bool


cdef class MappedRing(BoundedContainer):
    # Of the native ring: set by the __cinit__ of the subclass.
    cdef const c_bool *is_closed

    # The exception for a ring that cannot be used, now that it was found to be so.
    cdef object unusable(self)
