# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""Who waits at a queue, threads and tasks, and how they are woken."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport UINT32_MAX, int64_t, uint64_t

from bytebound._native.core cimport (
    BB_CALLED,
    BB_SERVED,
    BB_WAITING,
    bb_queue,
    bb_queue_call,
    bb_queue_crossed,
    bb_queue_forget,
    bb_queue_init,
    bb_queue_leave,
    bb_queue_wait,
    bb_queue_withdraw,
    bb_side,
)
from bytebound._native.support cimport (
    bb_lock,
    bb_notify,
    bb_python_allocator,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)

import os


# How often this process is the child of a fork, where the waiters of its parent are not.
cdef uint64_t FORKS = 0


def _count_fork():
    global FORKS
    FORKS += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


@cython.no_gc_clear
cdef class QueueTurns(EvictingContainer):
    """The lines of those who wait at a queue."""

    def __cinit__(self, *args, **kwargs):
        bb_queue_init(&self.queue, bb_python_allocator(), 0, UINT32_MAX, NULL)
        self.own = &self.queue.ring.budget
        self.forks = FORKS

    cdef bint forget_parent(self) noexcept:
        """In a forked process: strike out the waiters, which are not here. Under the lock."""
        if self.forks == FORKS:
            return False
        bb_queue_forget(&self.queue)
        self.forks = FORKS
        return True

    cdef void call_due(self) noexcept:
        """Call whoever is due, and tell of high or low water. Left without the lock."""
        cdef bb_sleeper *sleeper
        cdef PyObject *first = NULL
        cdef PyObject **end = &first
        cdef bint crossed
        self.forget_parent()
        while True:
            sleeper = <bb_sleeper *> bb_queue_call(&self.queue)
            if sleeper == NULL:
                break
            if sleeper.gate != NULL:
                PyThread_release_lock(sleeper.gate)
            else:
                end[0] = sleeper.task
                sleeper.next = NULL
                end = &sleeper.next
        crossed = (
            self.queue.water.watched and not self.announcing and bb_queue_crossed(&self.queue)
        )
        self.announcing = self.announcing or crossed
        bb_unlock(&self.mutex)
        wake_all(first)
        if crossed:
            self.announce()

    cdef void announce(self) noexcept:
        """Call back for high and low water, one after the other, until nothing has changed.

        Whoever sees the first change tells of all that happen meanwhile, so that the last call
        tells how it is.
        """
        cdef PyObject *itself = <PyObject *> self
        cdef bint crossed = True
        cdef bint above
        while crossed:
            bb_lock(&self.mutex)
            above = self.queue.water.above
            bb_unlock(&self.mutex)
            callback = self.high_water if above else self.low_water
            if callback is not None:
                bb_notify(<PyObject *> callback, &itself, 1)
            bb_lock(&self.mutex)
            crossed = self.announcing = bb_queue_crossed(&self.queue)
            bb_unlock(&self.mutex)

    cdef void line_up(
        self, bb_sleeper *sleeper, bb_side side, uint64_t charge, bint came_back
    ) noexcept:
        self.forget_parent()
        sleeper.forks = FORKS
        bb_queue_wait(&self.queue, &sleeper.waiter, side, charge, came_back)
        if sleeper.task != NULL:
            incref(sleeper.task)

    cdef void step_out(self, bb_sleeper *sleeper) noexcept:
        """Leave wherever it is, without looking who is due now."""
        cdef bint in_line = sleeper.waiter.turn == BB_WAITING
        if sleeper.forks == FORKS:
            bb_queue_leave(&self.queue, &sleeper.waiter)
            if in_line and sleeper.task != NULL:
                decref(sleeper.task)  # not the last one: whoever calls has one

    cdef int sleep(
        self, bb_sleeper *sleeper, bb_side side, uint64_t charge, bint came_back, int64_t deadline
    ) except -1:
        """Wait in line: 1 when called or served, 0 when time is up.

        Left without the lock on error. An item that was put and taken is the waiter's no more then.
        """
        bb_gate_shut(sleeper.gate)
        self.line_up(sleeper, side, charge, came_back)
        bb_unlock(&self.mutex)
        try:
            bb_gate_pass(sleeper.gate, deadline)
        except BaseException:
            bb_lock(&self.mutex)
            if sleeper.waiter.turn == BB_SERVED and sleeper.forks == FORKS:
                if not bb_queue_withdraw(&self.queue, &sleeper.waiter):
                    sleeper.waiter.item = NULL
            self.step_out(sleeper)
            settle(self)
            raise
        bb_lock(&self.mutex)
        if sleeper.waiter.turn == BB_WAITING:
            settle(self)  # a budget above may have room again, of which nobody tells us
            bb_lock(&self.mutex)
        if sleeper.waiter.turn != BB_WAITING:
            return 1
        self.step_out(sleeper)
        return 0


cdef int visit_queue(PyObject *self, visitproc visit, void *argument) noexcept:
    cdef bb_queue *queue = &(<QueueTurns> self).queue
    return bb_visit_queue(queue, (<QueueTurns> self).forks == FORKS, visit, argument)


# ---- tasks ----

cdef object running_loop = None


cdef object find_running_loop():
    """The event loop that runs in this thread, or None. Imports asyncio when it is first used."""
    global running_loop
    if running_loop is None:
        from asyncio import _get_running_loop
        running_loop = _get_running_loop
    return running_loop()


cdef void wake_all(PyObject *first) noexcept:
    """Wake tasks that were called, in turn. Their references are ours."""
    cdef Task task
    while first != NULL:
        task = <Task> bb_steal(first)
        first = task.sleeper.next
        task.wake()


# The collector takes nothing away from what may have to give up a turn while it dies.
@cython.no_gc_clear
@cython.final
cdef class Task:
    def __cinit__(self, QueueTurns queue not None):
        self.sleeper.task = <PyObject *> self
        self.queue = queue
        self.loop = find_running_loop()
        if self.loop is None:
            raise RuntimeError("only a task of a running asyncio event loop can wait")

    cdef object expect(self):
        """What to wait for, in line. May end early: whoever comes looks at its turn."""
        self.future = self.loop.create_future()
        if self.sleeper.waiter.turn != BB_WAITING:  # called by a finaliser, just now
            self.resolve()
        return self.future

    cdef void wake(self) noexcept:
        """Have the task come, which was called. One that cannot be told is first in line again."""
        cdef Summons summons = None
        try:
            if find_running_loop() is self.loop:
                self.resolve()
            else:
                summons = Summons(self)
                self.loop.call_soon_threadsafe(summons)
        except BaseException:
            if summons is not None:
                summons.task = None
            if not self.loop.is_closed():
                self.line_up_again()
                raise
            self.give_up()

    cdef int resolve(self) except -1:
        if self.future is not None and not self.future.done():
            self.future.set_result(None)
        return 0

    cdef int line_up_again(self) noexcept:
        cdef QueueTurns queue = self.queue
        bb_lock(&queue.mutex)
        if self.sleeper.waiter.turn == BB_CALLED:
            queue.step_out(&self.sleeper)
            queue.line_up(
                &self.sleeper, self.sleeper.waiter.side, self.sleeper.waiter.charge, True
            )
        bb_unlock(&queue.mutex)
        return 0

    cdef int give_up(self) noexcept:
        """Leave wherever it is; whoever is next is called."""
        bb_lock(&self.queue.mutex)
        self.queue.step_out(&self.sleeper)
        settle(self.queue)
        return 0


@cython.no_gc_clear
@cython.final
cdef class Summons:
    """Tells a task of another event loop. One that the loop drops, because it is closed, passes
    the call on."""

    cdef Task task

    def __cinit__(self, Task task not None):
        self.task = task

    def __call__(self):
        task, self.task = self.task, None
        task.resolve()

    def __del__(self):
        if self.task is not None:
            self.task.give_up()
