from cpython.object cimport PyObject

from bytebound._native.compat_cache cimport Cache, Wrapper


# A value, when it expires, and its place among the links in the order of writing. The neighbours
# are borrowed: a link is in the chain exactly while it is in the table.
cdef class Link(Wrapper):
    cdef object key
    cdef object expires
    cdef void *older
    cdef void *newer


# Calls a timer, and while it is entered tells the time at which it was.
cdef class Timer:
    cdef object function
    cdef object frozen
    cdef Py_ssize_t nesting

    cdef object tell(self)


cdef class TTLCache(Cache):
    cdef Timer clock
    cdef object lifetime
    cdef void *first
    cdef void *last
    cdef void *iterators  # those that walk the chain; they hold the cache

    cdef Link find_link(self, key, bint promote)
    cdef object read_now(self, key)
    cdef int expire_at(self, time) except -1
    cdef list expired_at(self, time)
    cdef bint take_link(self, Link link) except -1


cdef class TTLIterator:
    cdef TTLCache cache
    cdef void *position  # the link to visit next
    cdef void *end       # the last to visit: what is written meanwhile comes after it
    cdef void *next
