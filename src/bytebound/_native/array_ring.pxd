from libc.stdint cimport int64_t, uint64_t

from bytebound._native.core cimport bb_array_ring
from bytebound._native.mapped_ring cimport MappedRing


# The kinds of numbers that need no NumPy to be written.
cdef enum Number:
    NUMBER_OTHER
    NUMBER_FLOAT64
    NUMBER_FLOAT32
    NUMBER_INTEGER


cdef class ArrayRing(MappedRing):
    cdef bb_array_ring ring
    cdef Number number
    cdef int64_t least, most  # of an integer
    cdef object scalar  # the type of NumPy's own numbers of this dtype, or None
    cdef object written  # by `written_bytes`, or None if there is no padding
    cdef readonly object dtype
    cdef readonly tuple shape

    cdef int expect_numbers(self) except -1
    cdef bint append_number(self, row) except -1
    cdef bint append_array(self, row) except -1
    cdef object as_rows(self, rows)
    cdef object without_padding(self, array)
    cdef int write(self, array, bint one) except -1
    cdef uint64_t as_count(self, n) except? 0xFFFFFFFFFFFFFFFF
    cdef object copy_of(self, uint64_t most)
