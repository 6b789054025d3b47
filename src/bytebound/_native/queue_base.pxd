from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from bytebound._native.core cimport (
    BB_OK,
    BB_SHUT,
    bb_batch,
    bb_queue_put,
    bb_queue_take,
    bb_reason,
    bb_refusal,
    bb_ring,
    bb_status,
)
from bytebound._native.measuring cimport SIZE_BY_CALL, Sizing, measure_together
from bytebound._native.queue_turns cimport QueueTurns, settle
from bytebound._native.sizing cimport bb_root_nbytes
from bytebound._native.support cimport bb_lock, bb_unlock, decref, incref


cdef enum Overflow:
    OVERFLOW_BLOCK
    OVERFLOW_RAISE
    OVERFLOW_DROP_OLDEST
    OVERFLOW_DROP_NEWEST


cdef class QueueBase(QueueTurns):
    cdef Sizing sizing
    cdef Overflow overflowing
    cdef uint64_t refused[3]
    cdef readonly object sizer
    cdef readonly object on_drop
    cdef readonly double high
    cdef readonly double low

    cdef int configure(
        self, max_bytes, max_items, sizer, overflow, on_drop, budget, name, high_water, low_water,
        high, low
    ) except -1
    cdef int push(self, PyObject *item, uint64_t charge) except -1
    cdef int refuse(
        self, bb_status status, PyObject *item, uint64_t charge, bb_refusal *refusal
    ) except -1
    # The exception for a status other than BB_OK.
    cdef bint was_made_room(self, uint64_t charge, const bb_refusal *refusal) except -1
    cdef object error_for(self, bb_status status, uint64_t charge, const bb_refusal *refusal)
    cdef int drop_all(self, bb_ring *taken) noexcept
    cdef int report_drop(self, PyObject *item, bb_reason reason) noexcept
    cdef object too_large(self, uint64_t charge)


# The hot paths are functions, not methods, so that the C compiler can inline them.

cdef inline uint64_t charge_of(QueueBase self, PyObject *item) except? 0xFFFFFFFFFFFFFFFF:
    """What an item is to be charged. May run Python code, so no lock is held."""
    cdef Py_ssize_t size
    if self.sizing != SIZE_BY_CALL:
        size = bb_root_nbytes(item)
        if size >= 0:
            return size
    return measure_together(self.sizing, self.sizer, &item, 1, self.queue.ring.budget.limit)


cdef inline int put_now(QueueBase self, PyObject *item, uint64_t charge) except -1:
    """1 if the item is in, or dropped as it is to be; 0 if it has to wait for room."""
    cdef bb_refusal refusal
    cdef bb_status status
    if self.overflowing == OVERFLOW_DROP_OLDEST:
        return self.push(item, charge)
    incref(item)
    bb_lock(&self.mutex)
    status = bb_queue_put(&self.queue, NULL, item, charge, &refusal)
    if status == BB_OK:
        settle(self)
        return 1
    bb_unlock(&self.mutex)
    decref(item)
    return self.refuse(status, item, charge, &refusal)


cdef inline PyObject *get_now(QueueBase self) except? NULL:
    """The oldest item, or NULL if there is none; an error if there will be none."""
    cdef void *item
    cdef bb_status status
    bb_lock(&self.mutex)
    status = bb_queue_take(&self.queue, NULL, &item)
    if status == BB_OK:
        settle(self)
        return <PyObject *> item
    bb_unlock(&self.mutex)
    if status == BB_SHUT:
        raise self.error_for(status, 0, NULL)
    return NULL
