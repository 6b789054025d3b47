from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport bb_found


cdef extern from "measuring_support.h":
    int bb_collect_part(void *found, const void *identity, Py_ssize_t nbytes) noexcept


# How a container measures what it is given.
cdef enum Sizing:
    SIZE_DEEP
    SIZE_SHALLOW
    SIZE_SHARED
    SIZE_BY_CALL


# What the argument `sizer` of a container means, whose items may share parts or not; raises for
# one that is none.
cdef Sizing sizing_of(sizer, bint can_share=*) except *

# A bound in bytes: BB_UNLIMITED for None.
cdef uint64_t limit_of(max_bytes) except 0xFFFFFFFFFFFFFFFE

# A bound on items: UINT32_MAX for None.
cdef uint32_t checked_items(max_items, int least=*) except? 0

# A size that was given, in bytes.
cdef uint64_t checked_size(size, str what) except? 0xFFFFFFFFFFFFFFFF

# What `count` objects that enter together measure; above `limit` maybe only that they do. A
# `sizer` that is called gets them as its arguments. May run Python code, so no lock is held.
cdef uint64_t measure_together(
    Sizing sizing, sizer, PyObject *const *objects, Py_ssize_t count, uint64_t limit
) except? 0xFFFFFFFFFFFFFFFF

# The same, finding what they are made of, or enough of it to pass the limit.
cdef int collect_parts(
    PyObject *const *objects, Py_ssize_t count, uint64_t limit, bb_found *found
) except -1

# The error for `what` ("an entry") of `size` bytes that needs `overhead` bytes of structure too.
cdef object entry_too_large(
    str what, Sizing sizing, uint64_t size, bint given, uint64_t overhead, uint64_t limit
)
