from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from bytebound._native.ring_base cimport RingBase, bb_part


cdef class RingSequence(RingBase):
    # Given by the subclass, which has the hot paths: at the right end.
    cdef int append_measured(self, PyObject *item, uint64_t charge) except -1
    cdef int append_all(self, iterable) except -1
    # A list of a part.
    cdef list listed(self, bb_part part)
    # A ring of the same class and settings that holds a part.
    cdef RingSequence sliced(self, bb_part part)
    # Where a value is from `start` on, in a ring of that version; -1 if nowhere. Raises `changed`
    # if the ring is of another one by the time that is known.
    cdef int64_t search(
        self, value, Py_ssize_t start, Py_ssize_t stop, uint64_t version, changed
    ) except -2
    cdef int repeat(self, Py_ssize_t times) except -1


cdef bb_part part_of(part) except *


cdef extern from "Python.h":
    Py_ssize_t PyNumber_AsSsize_t(object, PyObject *error) except? -1
    PyObject *PyExc_IndexError


cdef inline Py_ssize_t as_index(index) except? -1:
    return PyNumber_AsSsize_t(index, PyExc_IndexError)


cdef class RingWalk:
    cdef RingBase ring
    cdef uint64_t version
    cdef uint32_t visited
    cdef bint finished

    cdef object following(self, bint reverse)


cdef class RingIterator(RingWalk):
    pass


cdef class RingReverseIterator(RingWalk):
    pass
