from bytebound._native.container cimport BoundedContainer
from bytebound._native.core cimport bool as c_bool


cdef class MappedView


cdef class MappedRing(BoundedContainer):
    # Of the native ring: set by the __cinit__ of the subclass.
    cdef const c_bool *is_closed

    # The exception for a ring that cannot be used, now that it was found to be so.
    cdef object unusable(self)
    # What the native ring does, under the lock: give back what can be given back; check its
    # invariants; end a view.
    cdef void close_core(self) noexcept
    cdef bint check_core(self, const char **reason) noexcept
    cdef void look_away(self, MappedView view) noexcept


# What an object that shows the ring's memory holds.
cdef class MappedView:
    cdef MappedRing ring  # None: it does not look at anything yet
    cdef const unsigned char *start
    cdef Py_ssize_t nbytes
