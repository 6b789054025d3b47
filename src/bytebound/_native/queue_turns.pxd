cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from bytebound._native.core cimport bb_queue, bb_ring, bb_side, bb_waiter
from bytebound._native.evicting cimport EvictingContainer
from bytebound._native.sizing cimport visitproc
from bytebound._native.support cimport bb_unlock


cdef extern from "queue_support.h":
    ctypedef void *bb_gate
    ctypedef struct bb_sleeper:
        bb_waiter waiter
        bb_gate gate
        PyObject *task
        PyObject *next
        uint64_t forks

    const int64_t BB_FOREVER
    int64_t bb_deadline_in(double seconds)
    bb_gate PyThread_allocate_lock()
    void PyThread_free_lock(bb_gate gate)
    void PyThread_release_lock(bb_gate gate)
    void bb_gate_shut(bb_gate gate)
    int bb_gate_pass(bb_gate gate, int64_t deadline) except -1
    int bb_visit_queue(const bb_queue *self, bint lines, visitproc visit, void *argument) noexcept
    PyObject *bb_item_at(const bb_ring *self, uint32_t index)
    void bb_drop_items(bb_ring *taken)


cdef class QueueTurns(EvictingContainer):
    cdef bb_queue queue
    cdef bint announcing
    cdef uint64_t forks
    cdef readonly object high_water
    cdef readonly object low_water

    # All of these are called with the lock held.
    cdef bint forget_parent(self) noexcept
    cdef void call_due(self) noexcept
    cdef void line_up(
        self, bb_sleeper *sleeper, bb_side side, uint64_t charge, bint came_back
    ) noexcept
    cdef void step_out(self, bb_sleeper *sleeper) noexcept
    cdef int sleep(
        self, bb_sleeper *sleeper, bb_side side, uint64_t charge, bint came_back, int64_t deadline
    ) except -1
    # This one without it.
    cdef void announce(self) noexcept


# A task of an event loop that waits.
@cython.final
cdef class Task:
    cdef bb_sleeper sleeper
    cdef QueueTurns queue
    cdef object loop
    cdef object future

    cdef object expect(self)
    cdef void wake(self) noexcept
    cdef int resolve(self) except -1
    cdef int line_up_again(self) noexcept
    cdef int give_up(self) noexcept


cdef int visit_queue(PyObject *self, visitproc visit, void *argument) noexcept


cdef inline void settle(QueueTurns self) noexcept:
    """End a change: call whoever is due by it. Called with the lock held, left without."""
    if self.queue.waiting == 0 and not self.queue.water.watched:
        bb_unlock(&self.mutex)
    else:
        self.call_due()
