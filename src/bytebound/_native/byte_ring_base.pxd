from libc.stdint cimport uint64_t

from bytebound._native.core cimport (
    bb_byte_ring,
    bb_byte_ring_is_usable,
    bb_record_view,
    bb_refusal,
    bb_status,
)
from bytebound._native.mapped_ring cimport MappedRing, MappedView
from bytebound._native.support cimport bb_lock, bb_unlock


cdef class ByteRingBase(MappedRing):
    cdef bb_byte_ring ring
    cdef readonly size_t capacity
    cdef readonly str on_pinned

    # Raises for a status, unless others under the budget made room to try again.
    cdef int refuse(self, bb_status status, const bb_refusal *refusal, Py_ssize_t length) except -1
    # A record, or None if it is not there (any more).
    cdef bytes copy_of(self, uint64_t seq)
    # The sequence number at an index, if there is one.
    cdef bint locate(self, Py_ssize_t index, uint64_t *seq) except -1
    # A view of a record, or None if it is not there any more.
    cdef object view_of(self, uint64_t seq)


cdef inline int enter(ByteRingBase self) except -1:
    """Take the lock of a ring that can be used."""
    bb_lock(&self.mutex)
    if not bb_byte_ring_is_usable(&self.ring):
        bb_unlock(&self.mutex)
        raise self.unusable()
    return 0


cdef class _RecordView(MappedView):
    cdef bb_record_view view


cdef class _ByteRingIterator:
    cdef ByteRingBase ring
    cdef uint64_t first, last, following
