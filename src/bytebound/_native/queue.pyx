# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""A queue between threads and tasks whose bound is in bytes."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from bytebound._native.core cimport (
    BB_CONSUMER,
    BB_FULL,
    BB_JOINER,
    BB_OK,
    BB_OVER_BUDGET,
    BB_PRODUCER,
    BB_SERVED,
    bb_queue,
    bb_queue_close,
    bb_queue_is_full,
    bb_queue_leave,
    bb_queue_put,
    bb_queue_take,
    bb_queue_take_all,
    bb_refusal,
    bb_ring,
    bb_ring_count_within,
    bb_status,
)
from bytebound._native.measuring cimport SIZE_BY_CALL, SIZE_DEEP, checked_items, limit_of
from bytebound._native.queue_base cimport charge_of, get_now, put_now
from bytebound._native.queue_turns cimport (
    BB_FOREVER,
    PyThread_allocate_lock,
    PyThread_free_lock,
    bb_deadline_in,
    bb_drop_items,
    bb_sleeper,
    settle,
    visit_queue,
)
from bytebound._native.sizing cimport register_container, visitproc
from bytebound._native.support cimport (
    bb_lock,
    bb_publish,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)

from queue import Empty, Full

from bytebound._native.errors import ShutDown


cdef extern from "Python.h":
    PyObject *PyList_New(Py_ssize_t size) except NULL
    void PyList_SET_ITEM(PyObject *list, Py_ssize_t index, PyObject *item)
    int PyList_SetSlice(PyObject *list, Py_ssize_t low, Py_ssize_t high, PyObject *items) except -1


cdef extern from "container_support.h":
    ctypedef int (*inquiry)(PyObject *)
    ctypedef struct bb_contents:
        Py_ssize_t mutex_offset
        int (*visit)(PyObject *self, visitproc visit, void *argument) noexcept
        void (*drop)(PyObject *self) noexcept
        inquiry clear

    int bb_container_traverse_locked(PyObject *self, visitproc visit, void *argument) noexcept
    void bb_install_slots(PyTypeObject *type, bb_contents contents)


# A deadline that is over.
cdef enum:
    AT_ONCE = 0


cdef int64_t deadline_of(timeout) except? -1:
    cdef double seconds
    if timeout is None:
        return BB_FOREVER
    if isinstance(timeout, bool):
        raise TypeError("timeout must be a number of seconds or None, not bool: there is no block=")
    seconds = timeout
    if not seconds >= 0:
        raise ValueError("'timeout' must be a non-negative number")
    return bb_deadline_in(seconds) if seconds > 0 else AT_ONCE


@cython.no_gc_clear
cdef class BoundedQueue(QueueTasks):
    """BoundedQueue(max_bytes=None, max_items=None, *, sizer="deep", overflow="block", \
on_drop=None, budget=None, name=None, high_water=None, low_water=None, high=0.8, low=0.5)
--

    A queue between producers and consumers, threads and tasks, within a bound of bytes.

    Parameters
    ----------
    max_bytes : int or str, optional
        The bound, in bytes or as text such as ``"64MiB"``: what the items measure and the
        queue's own slots together.
    max_items : int, optional
        A bound on items besides.
    sizer : {"deep", "shallow"} or callable, default "deep"
        ``"deep"`` measures everything reachable from an item that is data; ``"shallow"`` the item
        alone; a callable ``(item) -> int`` whatever it returns, in bytes.
    overflow : {"block", "raise", "drop_oldest", "drop_newest"}, default "block"
        What happens when there is no room for an item: its producer waits, gets `queue.Full`, the
        oldest items leave, or the item itself does not enter.
    on_drop : callable, optional
        ``on_drop(item, reason)`` is called once for each item that leaves without being taken,
        or never enters, when the queue is consistent again and no lock is held. Reasons:
        ``"size"``, ``"items"``, ``"budget"`` (a bound), ``"trimmed"``, ``"cleared"``.
    budget : Budget, optional
        A bound that it shares with other containers.
    name : str, optional
        What representations call it.
    high_water, low_water : callable, optional
        ``high_water(queue)`` is called when the content rises to the share `high` of a bound,
        ``low_water(queue)`` when it has fallen to `low` of all bounds since. Always in turn, one
        after the other, and without any lock. An exception in any callback goes to
        `sys.unraisablehook`; what caused the call stands.
    high, low : float, default 0.8 and 0.5
        Shares of the bounds.

    Raises
    ------
    TypeError, ValueError
        For an argument that is none of these; also if nothing bounds the queue.

    Notes
    -----
    An item that could never fit raises `EntryTooLargeError`, or `BudgetExceededError` if it is a
    budget above whose bound is too small, whatever `overflow` says.

    Everything may be mixed on one queue: threads, tasks, several event loops. Producers are
    served first come first served: while one waits, nobody overtakes it, so small items do not
    starve a large one. Only a task whose loop is long in running it may be overtaken, into what
    room there is beside its own. Whoever waits is called when it can be served, and comes
    by itself; if it has been cancelled or its time is up, the call goes to the next. So a put that
    raises has put nothing, and a get that raises has taken nothing. (A thread's item enters when it
    is its turn, awake or not. What a signal handler raises then takes it out again, unless
    somebody has got it already.) An item is charged
    until it is taken. Consumers are called in turn too, but one that need not
    wait may come first. Nothing polls. Ctrl-C interrupts a wait.

    A `budget` above without room counts as no room while the leaving of items in the queue would
    make some; else `BudgetExceededError` is raised, because nothing here could wake the producer.
    What other members give back is noticed when an item leaves, and when time is up.

    ``len(queue)`` is `qsize`; an empty queue is false. ``for item in queue`` and ``async for``
    take items until the queue is shut down and empty. A queue cannot be pickled or copied. After
    a fork, the child has the items but not the waiters.

    Putting and getting are O(1) beside measuring, amortised; an item costs 16 bytes of slots, and
    up to as much again where the queue has been longer. Safe to use from several threads, with and
    without the GIL.

    Examples
    --------
    >>> from bytebound import BoundedQueue
    >>> queue = BoundedQueue("16MiB")
    >>> queue.put({"page": "<html>"})
    >>> queue.get()
    {'page': '<html>'}
    >>> queue.nbytes <= queue.max_bytes
    True

    >>> import asyncio
    >>> async def main():
    ...     queue = BoundedQueue("1kB", max_items=2)
    ...     async def produce():
    ...         for number in range(5):
    ...             await queue.aput(number)
    ...         queue.shutdown()
    ...     producer = asyncio.create_task(produce())
    ...     print([item async for item in queue])
    ...     await producer
    >>> asyncio.run(main())
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self, max_bytes=None, max_items=None, *, sizer="deep", overflow="block", on_drop=None,
        budget=None, name=None, high_water=None, low_water=None, high=0.8, low=0.5,
    ):
        self.configure(
            max_bytes, max_items, sizer, overflow, on_drop, budget, name, high_water, low_water,
            high, low,
        )

    # ---- waiting ----

    cdef int put_waiting(self, PyObject *item, uint64_t charge, int64_t deadline) except -1:
        cdef bb_sleeper sleeper
        cdef bb_refusal refusal
        cdef bb_status status
        cdef bint came_back = False
        cdef bint made_room, on_time
        if deadline == AT_ONCE:
            raise Full
        open_sleeper(&sleeper)
        sleeper.waiter.item = item
        incref(item)
        try:
            bb_lock(&self.mutex)
            while True:
                status = bb_queue_put(&self.queue, &sleeper.waiter, item, charge, &refusal)
                if status == BB_OVER_BUDGET:
                    settle(self)
                    made_room = self.was_made_room(charge, &refusal)
                    bb_lock(&self.mutex)
                    if made_room:
                        continue
                if status != BB_FULL:
                    break
                on_time = self.sleep(&sleeper, BB_PRODUCER, charge, came_back, deadline)
                if sleeper.waiter.turn == BB_SERVED:
                    bb_queue_leave(&self.queue, &sleeper.waiter)
                    status = BB_OK
                if status == BB_OK or not on_time:
                    break
                came_back = True
        except BaseException:
            if sleeper.waiter.item != NULL:
                decref(item)
            raise
        finally:
            PyThread_free_lock(sleeper.gate)
        settle(self)
        if status != BB_OK:
            decref(item)
            raise self.error_for(status, charge, &refusal)
        return 0

    cdef uint32_t wait_for_items(
        self, uint32_t max_count, uint64_t max_charge, int64_t deadline
    ) except 0:
        """Wait until there are items: how many of the oldest are within these bounds.

        Left with the lock held; without, on error.
        """
        cdef bb_sleeper sleeper
        cdef uint32_t count
        cdef bint came_back = False
        cdef bint on_time = deadline != AT_ONCE
        bb_lock(&self.mutex)
        count = bb_ring_count_within(&self.queue.ring, max_count, max_charge)
        if count != 0:
            return count
        bb_unlock(&self.mutex)
        self.check_ready()
        open_sleeper(&sleeper)
        try:
            bb_lock(&self.mutex)
            while True:
                count = bb_ring_count_within(&self.queue.ring, max_count, max_charge)
                if count != 0:
                    return count
                if self.queue.is_shut or not on_time:
                    break
                on_time = self.sleep(&sleeper, BB_CONSUMER, 0, came_back, deadline)
                came_back = True
                bb_queue_leave(&self.queue, &sleeper.waiter)
        finally:
            PyThread_free_lock(sleeper.gate)
        settle(self)
        raise ShutDown() if self.queue.is_shut else Empty()

    # ---- threads ----

    def put(self, item, timeout=None):
        """Put an item at the end, waiting for room with ``overflow="block"``.

        Parameters
        ----------
        item : object
        timeout : float, optional
            The longest time to wait, in seconds; None for ever.

        Raises
        ------
        queue.Full
            If there was no room in time, or with ``overflow="raise"``.
        EntryTooLargeError
            If the item could never fit.
        BudgetExceededError
            If a budget above has no room, and nothing in the queue could make some.
        ShutDown
            If the queue is shut down, or is while waiting.

        Notes
        -----
        Whatever is raised, the item is not in the queue.
        """
        cdef int64_t deadline = deadline_of(timeout)
        cdef uint64_t charge = charge_of(self, <PyObject *> item)
        if not put_now(self, <PyObject *> item, charge):
            self.put_waiting(<PyObject *> item, charge, deadline)

    def put_nowait(self, item):
        """Put an item without waiting; raises `queue.Full` where `put` would wait."""
        if not put_now(self, <PyObject *> item, charge_of(self, <PyObject *> item)):
            raise Full

    def get(self, timeout=None):
        """Take the oldest item, waiting for one.

        Parameters
        ----------
        timeout : float, optional
            The longest time to wait, in seconds; None for ever.

        Raises
        ------
        queue.Empty
            If there was none in time.
        ShutDown
            If the queue is empty and shut down.
        """
        cdef int64_t deadline = deadline_of(timeout)
        cdef PyObject *item = get_now(self)
        cdef void *taken
        if item == NULL:
            self.wait_for_items(1, 0, deadline)
            bb_queue_take(&self.queue, NULL, &taken)
            settle(self)
            item = <PyObject *> taken
        return bb_steal(item)

    def get_nowait(self):
        """Take the oldest item without waiting; raises `queue.Empty` if there is none."""
        cdef PyObject *item = get_now(self)
        if item == NULL:
            raise Empty
        return bb_steal(item)

    def get_many(self, max_items=None, max_bytes=None, timeout=None):
        """Take several of the oldest items at once, waiting until there is one.

        Parameters
        ----------
        max_items : int, optional
            How many at most.
        max_bytes : int or str, optional
            How many bytes at most they may be charged in all, but for the first: one item is
            taken in any case.
        timeout : float, optional
            The longest time to wait for the first, in seconds; None for ever.

        Returns
        -------
        list
            What is there, the oldest first; never empty.

        Raises
        ------
        queue.Empty, ShutDown
            As `get`.

        Examples
        --------
        >>> queue = BoundedQueue("1MiB")
        >>> for number in range(5):
        ...     queue.put(number)
        >>> queue.get_many(3), queue.get_many()
        ([0, 1, 2], [3, 4])
        """
        cdef int64_t deadline = deadline_of(timeout)
        cdef uint32_t most = checked_items(max_items)
        cdef uint64_t limit = limit_of(max_bytes)
        cdef uint32_t size = 0, count, at
        cdef PyObject *batch = NULL
        cdef object result = None
        cdef void *item
        while True:
            count = self.wait_for_items(most, limit, deadline)
            if size != 0 and count <= size + size // 8:
                break
            # The list is made without the lock, for what is there now; it may be less or more then.
            bb_unlock(&self.mutex)
            size = count
            result = bb_steal(PyList_New(size))
            batch = <PyObject *> result
        count = min(count, size)
        for at in range(count):
            bb_queue_take(&self.queue, NULL, &item)
            PyList_SET_ITEM(batch, at, <PyObject *> item)
        settle(self)
        if count < size:
            PyList_SetSlice(batch, count, size, NULL)
        return result

    def join(self):
        """Wait until every item that was put has been reported by `task_done` or dropped."""
        cdef bb_sleeper sleeper
        open_sleeper(&sleeper)
        try:
            bb_lock(&self.mutex)
            if self.queue.unfinished != 0:
                self.sleep(&sleeper, BB_JOINER, 0, False, BB_FOREVER)
                bb_queue_leave(&self.queue, &sleeper.waiter)
            settle(self)
        finally:
            PyThread_free_lock(sleeper.gate)

    # ---- iterating ----

    def __iter__(self):
        while True:
            try:
                item = self.get()
            except ShutDown:
                return
            yield item
            item = None  # not to be kept alive while the next one is waited for

    # ---- looking ----

    def qsize(self):
        """How many items are in the queue."""
        return self.queue.ring.count

    def __len__(self):
        return self.queue.ring.count

    def empty(self):
        """Whether there is no item to get."""
        return self.queue.ring.count == 0

    def full(self):
        """Whether a producer would have to wait, however small its item is."""
        cdef bint full
        bb_lock(&self.mutex)
        self.forget_parent()
        full = bb_queue_is_full(&self.queue)
        bb_unlock(&self.mutex)
        return full


cdef int open_sleeper(bb_sleeper *sleeper) except -1:
    memset(sleeper, 0, sizeof(bb_sleeper))
    sleeper.gate = PyThread_allocate_lock()
    if sleeper.gate == NULL:
        raise MemoryError("no lock to wait at")
    return 0


cdef void drop_contents(PyObject *self) noexcept:
    """Of a queue that is dying: it must not be referred to any more, only pointed at."""
    cdef bb_queue *queue = &(<BoundedQueue> self).queue
    cdef bb_ring taken
    bb_queue_take_all(queue, &taken)
    bb_drop_items(&taken)
    bb_queue_close(queue)


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a queue; the collector holds a reference to it."""
    cdef BoundedQueue queue = <BoundedQueue> self
    cdef bb_ring taken
    bb_lock(&queue.mutex)
    bb_queue_take_all(&queue.queue, &taken)
    bb_unlock(&queue.mutex)
    queue.on_drop = queue.high_water = queue.low_water = None
    if queue.sizing == SIZE_BY_CALL:
        queue.sizer = "deep"
        queue.sizing = SIZE_DEEP
    bb_drop_items(&taken)
    return 0


cdef install_slots():
    cdef BoundedQueue probe = BoundedQueue.__new__(BoundedQueue)
    cdef bb_contents contents
    contents.mutex_offset = <char *> &probe.mutex - <char *> <PyObject *> probe
    contents.visit = visit_queue
    contents.drop = drop_contents
    contents.clear = clear_references
    bb_install_slots(<PyTypeObject *> BoundedQueue, contents)
    register_container(BoundedQueue, bb_container_traverse_locked)


install_slots()
bb_publish(<PyTypeObject *> BoundedQueue, "bytebound.BoundedQueue")
