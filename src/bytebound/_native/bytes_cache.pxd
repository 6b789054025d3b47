from bytebound._native.bytes_base cimport BytesBase
from bytebound._native.bytes_core cimport bb_bytes_record


cdef class BytesCache(BytesBase):
    cdef int fill(self, list entries) except -1


cdef class CachedValue:
    cdef BytesCache cache
    cdef bb_bytes_record *record
