from libc.stdint cimport uint64_t

from bytebound._native.core cimport bb_byte_ring, bb_record_view, bb_refusal, bb_status
from bytebound._native.mapped_ring cimport MappedRing


cdef class ByteRing(MappedRing):
    cdef bb_byte_ring ring
    cdef readonly size_t capacity
    cdef readonly str on_pinned

    cdef int refuse(self, bb_status status, const bb_refusal *refusal, Py_ssize_t length) except -1
    cdef bytes copy_of(self, uint64_t seq)
    cdef bint locate(self, Py_ssize_t index, uint64_t *seq) except -1
    cdef bytes at(self, Py_ssize_t index)
    cdef list between(self, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step)
    cdef object pop_into(self, void *data, Py_ssize_t size)
    cdef object view_of(self, uint64_t seq)


cdef class _RecordView:
    cdef ByteRing ring
    cdef bb_record_view view
    cdef bint looks


cdef class _ByteRingIterator:
    cdef ByteRing ring
    cdef uint64_t first, last, following
