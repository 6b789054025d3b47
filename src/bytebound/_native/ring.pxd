from libc.stdint cimport int64_t, uint32_t, uint64_t

from bytebound._native.ring_base cimport RingBase


cdef class RingBuffer(RingBase):
    # Where a value is from `start` on, in a ring of that version; -1 if nowhere. Raises `changed`
    # if the ring is of another one by the time that is known.
    cdef int64_t search(
        self, value, Py_ssize_t start, Py_ssize_t stop, uint64_t version, changed
    ) except -2
    cdef int repeat(self, Py_ssize_t times) except -1


cdef class RingWalk:
    cdef RingBuffer ring
    cdef uint64_t version
    cdef uint32_t visited
    cdef bint finished

    cdef object following(self, bint reverse)


cdef class RingIterator(RingWalk):
    pass


cdef class RingReverseIterator(RingWalk):
    pass
