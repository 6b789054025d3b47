from libc.stdint cimport uint64_t

from bytebound._native.container cimport BoundedContainer
from bytebound._native.core cimport bb_pool, bb_pool_totals, bb_refusal, bb_status
from bytebound._native.support cimport bb_mutex


cdef class PoolBase(BoundedContainer):
    cdef bb_pool pool
    cdef bint is_closed
    cdef bint is_initialised

    cdef bb_pool_totals read(self)
    # The error for a block of `size` bytes that was not to be had.
    cdef object no_room(self, uint64_t size, bb_status status, const bb_refusal *refusal)
    cdef int check_open(self) except -1


cdef class Block:
    cdef PoolBase pool
    cdef void *data  # NULL: released
    cdef uint64_t size
    cdef Py_ssize_t exports
    cdef bb_mutex mutex
    cdef object __weakref__


# Memory of the pool for whoever frees it, having others leave if a budget above is full.
cdef void *take_memory(
    PoolBase pool, uint64_t size, uint64_t alignment, bint zero
) except NULL
