from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from bytebound._native.table cimport Table


cdef class Cache(Table):
    cdef uint64_t limit  # the whole units of maxsize
    cdef bint sized  # getsizeof() decides; else every entry is one unit
    cdef bint wraps  # the table holds a Wrapper for each value

    cdef int start(self, maxsize, getsizeof) except -1
    cdef uint64_t size_of(self, value) except? 0xFFFFFFFFFFFFFFFF
    # Whether nobody has to be told of what is evicted.
    cdef bint evicts_silently(self) except -1
    cdef int make_room(self, key, uint64_t charge) except -1
    # What cache[key] = value and del cache[key] do to the table.
    cdef int put(self, key, value, bint promote) except -1
    cdef int delete(self, key) except -1


# What a cache keeps in the place of a value when it must know more of each entry.
cdef class Wrapper:
    cdef object value


cdef object unwrap(Cache self, PyObject *value)
