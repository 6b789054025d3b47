# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What tasks of event loops do at a queue."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from bytebound._native.core cimport (
    BB_CALLED,
    BB_CONSUMER,
    BB_EMPTY,
    BB_FULL,
    BB_JOINER,
    BB_OK,
    BB_OVER_BUDGET,
    BB_PRODUCER,
    BB_SHUT,
    BB_WAITING,
    bb_queue_put,
    bb_queue_take,
    bb_refusal,
    bb_status,
)
from bytebound._native.queue_base cimport charge_of, get_now, put_now
from bytebound._native.queue_turns cimport Task, settle
from bytebound._native.support cimport bb_lock, bb_steal, decref, incref

from bytebound._native.errors import ShutDown


@cython.no_gc_clear
cdef class QueueTasks(QueueBase):
    """The side of a queue that tasks use."""

    async def aput(self, item):
        """As `put`, in a task of an event loop; cancelled, it has put nothing."""
        cdef uint64_t charge = charge_of(self, <PyObject *> item)
        cdef Task task
        if put_now(self, <PyObject *> item, charge):
            return
        task = Task(self)
        try:
            while not self.put_or_line_up(task, <PyObject *> item, charge):
                await task.expect()
        finally:
            task.give_up()

    async def aget(self):
        """As `get`, in a task of an event loop; cancelled, it has taken nothing."""
        cdef PyObject *item = get_now(self)
        cdef Task task
        if item != NULL:
            return bb_steal(item)
        self.check_ready()
        task = Task(self)
        try:
            while item == NULL:
                item = self.get_or_line_up(task)
                if item == NULL:
                    await task.expect()
        finally:
            task.give_up()
        return bb_steal(item)

    async def ajoin(self):
        """As `join`, in a task of an event loop."""
        cdef Task task
        if self.queue.unfinished == 0:
            return
        task = Task(self)
        try:
            while not self.join_or_line_up(task):
                await task.expect()
        finally:
            task.give_up()

    cdef int put_or_line_up(self, Task task, PyObject *item, uint64_t charge) except -1:
        cdef bint came_back
        cdef bb_refusal refusal
        cdef bb_status status
        incref(item)
        bb_lock(&self.mutex)
        came_back = task.sleeper.waiter.turn == BB_CALLED
        status = BB_FULL
        if task.sleeper.waiter.turn != BB_WAITING:
            status = bb_queue_put(&self.queue, &task.sleeper.waiter, item, charge, &refusal)
            if status == BB_FULL:
                self.line_up(&task.sleeper, BB_PRODUCER, charge, came_back)
        settle(self)
        if status == BB_OK:
            return 1
        decref(item)
        if status == BB_FULL:
            return 0
        if status == BB_OVER_BUDGET and self.was_made_room(charge, &refusal):
            return self.put_or_line_up(task, item, charge)
        raise self.error_for(status, charge, &refusal)

    cdef PyObject *get_or_line_up(self, Task task) except? NULL:
        cdef bint came_back
        cdef bb_status status = BB_EMPTY
        cdef void *item = NULL
        bb_lock(&self.mutex)
        came_back = task.sleeper.waiter.turn == BB_CALLED
        if task.sleeper.waiter.turn != BB_WAITING:
            status = bb_queue_take(&self.queue, &task.sleeper.waiter, &item)
            if status == BB_EMPTY:
                self.line_up(&task.sleeper, BB_CONSUMER, 0, came_back)
        settle(self)
        if status == BB_SHUT:
            raise ShutDown
        return <PyObject *> item

    cdef bint join_or_line_up(self, Task task) except -1:
        cdef bint done
        bb_lock(&self.mutex)
        done = task.sleeper.waiter.turn == BB_CALLED or self.queue.unfinished == 0
        if not done and task.sleeper.waiter.turn != BB_WAITING:
            self.line_up(&task.sleeper, BB_JOINER, 0, False)
        settle(self)
        return done

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.aget()
        except ShutDown:
            raise StopAsyncIteration from None
