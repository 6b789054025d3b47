from libc.stdint cimport int64_t, uint64_t

from bytebound._native.container cimport BoundedContainer
from bytebound._native.core cimport bb_batch


cdef class EvictingContainer(BoundedContainer):
    # In the native structure, where entries may leave for a budget's sake: set by a __cinit__.
    cdef uint64_t *yields_until

    # ---- what each kind says; called with the lock held, but for drop_batch ----

    # When the oldest entry that may leave was used and what that releases. False: there is none.
    cdef bint offer(self, uint64_t *use, uint64_t *releasable) noexcept
    # Bytes that may not leave.
    cdef uint64_t held_back(self) noexcept
    # Some entries leave for others, as many as the batch has room for; what that released.
    cdef uint64_t give(
        self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    ) noexcept
    # Some entries leave to come down to a target; whether that is done.
    cdef bint trim_some(self, uint64_t target, bb_batch *batch) noexcept
    cdef void unlock(self) noexcept
    # Tells of what left and lets go of it.
    cdef int drop_batch(self, bb_batch *batch) except -1

    # ---- what follows from it ----

    # No more than about `most` entries leave. Returns the bytes given back.
    cdef uint64_t trim_to(self, uint64_t target, int64_t most) except? 0xFFFFFFFFFFFFFFFF
