# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What a bounded queue does besides passing items on: bounds, drops, figures."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport UINT32_MAX, uint32_t, uint64_t
from libc.string cimport memset

from bytebound._native.budget cimport Budget, make_room
from bytebound._native.container cimport REASONS, check_callback, report_departure
from bytebound._native.core cimport (
    BB_BUDGET,
    BB_CLEARED,
    BB_CONSUMER,
    BB_DELETED,
    BB_FULL,
    BB_ITEMS,
    BB_OK,
    BB_OVER_BUDGET,
    BB_PRODUCER,
    BB_SHUT,
    BB_SIZE,
    BB_TOO_LARGE,
    BB_TRIMMED,
    BB_UNLIMITED,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_budget_read,
    bb_budget_reset_peak,
    bb_budget_totals,
    bb_queue_done,
    bb_queue_init,
    bb_queue_limit,
    bb_queue_push,
    bb_queue_shut,
    bb_queue_take_all,
    bb_queue_trim,
    bb_queue_validate,
    bb_queue_watch,
    bb_ring,
    bb_ring_counters,
    bb_ring_least,
    bb_ring_overhead,
    bb_ring_overhead_for,
    bb_status,
)
from bytebound._native.measuring cimport (
    checked_items,
    entry_too_large,
    limit_of,
    sizing_of,
)
from bytebound._native.queue_turns cimport bb_drop_items, bb_item_at, settle
from bytebound._native.support cimport (
    bb_lock,
    bb_python_allocator,
    bb_unlock,
    decref,
    incref,
)

from collections import namedtuple
from queue import Full
from types import GenericAlias

from bytebound._native.errors import BudgetExceededError, ShutDown
from bytebound._native.units import parse_size


cdef dict OVERFLOWS = {
    "block": OVERFLOW_BLOCK,
    "raise": OVERFLOW_RAISE,
    "drop_oldest": OVERFLOW_DROP_OLDEST,
    "drop_newest": OVERFLOW_DROP_NEWEST,
}
# The reasons for which an item can be dropped.
cdef tuple DROPS = (BB_SIZE, BB_ITEMS, BB_BUDGET, BB_TRIMMED, BB_CLEARED)


class QueueStats(namedtuple("QueueStats", (
    "puts", "gets", "drops", "waiting_producers", "waiting_consumers", "unfinished", "items",
    "max_items", "nbytes", "payload_nbytes", "overhead_nbytes", "peak_nbytes", "max_bytes",
))):
    """What a queue has done and what it holds; sizes in bytes.

    Attributes
    ----------
    puts, gets : int
        Items that entered, and that were taken.
    drops : dict of str to int
        Items that were dropped, by reason; also those that never entered.
    waiting_producers, waiting_consumers : int
        Threads and tasks that wait now.
    unfinished : int
        Items that were put and not reported by `task_done`.
    items, max_items : int, int or None
        Items now, and the bound on them.
    nbytes, payload_nbytes, overhead_nbytes, peak_nbytes, max_bytes : int
        As the attributes of the queue.
    """

    __slots__ = ()


QueueStats.__module__ = "bytebound"


cdef double checked_share(share, str what) except -1:
    cdef double value = share
    if not 0 <= value <= 1:
        raise ValueError(f"{what} must be a share from 0 to 1, not {share!r}")
    return value


cdef bint exceeds_a_bound(Budget level, uint64_t least) except -1:
    """Whether some level above would have no room though it were empty."""
    while level is not None:
        if least > bb_budget_read(&level.core).limit:
            return True
        level = level.parent
    return False


@cython.no_gc_clear
cdef class QueueBase(QueueTurns):
    """The state of a queue and everything about it that is not putting or getting."""

    cdef int configure(
        self, max_bytes, max_items, sizer, overflow, on_drop, budget, name, high_water, low_water,
        high, low
    ) except -1:
        cdef uint64_t limit = limit_of(max_bytes)
        cdef uint32_t max_count = checked_items(max_items)
        cdef Sizing sizing = sizing_of(sizer, False)
        cdef double high_share = checked_share(high, "high")
        cdef double low_share = checked_share(low, "low")
        if max_bytes is None and max_items is None and budget is None:
            raise ValueError("a BoundedQueue needs a bound: max_bytes, max_items or a budget")
        if not isinstance(overflow, str) or overflow not in OVERFLOWS:
            raise ValueError(f"overflow must be one of {', '.join(OVERFLOWS)}, not {overflow!r}")
        if low_share >= high_share:
            raise ValueError(f"low must be below high, and is {low!r} of {high!r}")
        check_callback(on_drop, "on_drop")
        check_callback(high_water, "high_water")
        check_callback(low_water, "low_water")
        self.join_budget(budget, name)
        self.sizing = sizing
        self.sizer = sizer
        self.overflowing = OVERFLOWS[overflow]
        self.on_drop = on_drop
        self.high_water = high_water
        self.low_water = low_water
        self.high = high_share
        self.low = low_share
        bb_queue_init(
            &self.queue, bb_python_allocator(), limit, max_count,
            &self.budget.core if budget is not None else NULL,
        )
        if high_water is not None or low_water is not None:
            bb_queue_watch(&self.queue, high_share, low_share)
        self.enlist()
        return 0

    # ---- no room ----

    cdef int push(self, PyObject *item, uint64_t charge) except -1:
        """Put an item in the place of the oldest."""
        cdef bb_refusal refusal
        cdef bb_status status
        cdef bb_batch batch
        bb_batch_init(&batch)
        incref(item)
        bb_lock(&self.mutex)
        status = bb_queue_push(&self.queue, item, charge, &batch, &refusal)
        settle(self)
        if status == BB_OK:
            self.drop_batch(&batch)
            return 1
        decref(item)
        self.drop_batch(&batch)
        return self.refuse(status, item, charge, &refusal)

    cdef int refuse(
        self, bb_status status, PyObject *item, uint64_t charge, bb_refusal *refusal
    ) except -1:
        """0 for an item that may wait, 1 for one that is dropped, else an error."""
        cdef bb_reason reason = BB_BUDGET
        cdef bint forgot
        if status == BB_FULL:
            bb_lock(&self.mutex)
            forgot = self.forget_parent()
            bb_unlock(&self.mutex)
            if forgot:
                return put_now(self, item, charge)
        if status != BB_SHUT and self.was_made_room(charge, refusal):
            return put_now(self, item, charge)
        if (
            self.overflowing == OVERFLOW_DROP_NEWEST
            and (status == BB_FULL or status == BB_OVER_BUDGET)
            and not exceeds_a_bound(self.budget, charge + bb_ring_overhead_for(1))
        ):
            if refusal.level == NULL:
                reason = BB_ITEMS
            elif refusal.level == self.own:
                reason = BB_SIZE
            bb_lock(&self.mutex)
            self.refused[<int> reason] += 1
            bb_unlock(&self.mutex)
            self.report_drop(item, reason)
            return 1
        if status == BB_FULL:
            if self.overflowing == OVERFLOW_RAISE:
                raise Full
            return 0
        raise self.error_for(status, charge, refusal)

    cdef bint was_made_room(self, uint64_t charge, const bb_refusal *refusal) except -1:
        """Have others give back what a budget above lacks, if it is one that refused."""
        if self.budget is None or refusal.level == NULL or refusal.level == self.own:
            return False
        try:
            make_room(self, self.budget, refusal, charge + bb_ring_overhead_for(1))
        except BudgetExceededError:
            return False
        return True

    cdef object error_for(self, bb_status status, uint64_t charge, const bb_refusal *refusal):
        if status == BB_TOO_LARGE:
            return self.too_large(charge)
        if status == BB_SHUT:
            return ShutDown()
        if status == BB_FULL:
            return Full()
        return self.error_of(status, refusal)

    # ---- dropping ----

    cdef int drop_batch(self, bb_batch *batch) except -1:
        """Tell of what was dropped and let go of it. Called without the lock."""
        cdef uint32_t i
        for i in range(batch.count):
            self.report_drop(<PyObject *> batch.items[i].value, batch.items[i].reason)
            decref(<PyObject *> batch.items[i].value)
        bb_batch_free(batch, &self.queue.ring.allocator)
        return 0

    cdef int drop_all(self, bb_ring *taken) noexcept:
        cdef uint32_t i
        if self.on_drop is not None:
            for i in range(taken.count):
                self.report_drop(bb_item_at(taken, i), BB_CLEARED)
        bb_drop_items(taken)
        return 0

    cdef int report_drop(self, PyObject *item, bb_reason reason) noexcept:
        if self.on_drop is not None:
            report_departure(self.on_drop, item, reason)
        return 0

    cdef object too_large(self, uint64_t charge):
        self.check_ready()
        return entry_too_large(
            "an item", self.sizing, charge, False, bb_ring_overhead_for(1),
            self.queue.ring.budget.limit,
        )

    # ---- ending ----

    def task_done(self):
        """Report that an item taken before is dealt with; `join` waits for all of them.

        Items that are dropped count as done.

        Raises
        ------
        ValueError
            If it is called more often than items were put.
        """
        cdef bint done
        bb_lock(&self.mutex)
        done = bb_queue_done(&self.queue)
        settle(self)
        if not done:
            raise ValueError("task_done() called too many times")

    def shutdown(self, immediate=False):
        """Take no more items, and wake everybody who waits.

        Putting raises `ShutDown` from now on, also for those who wait for room; getting does
        once the queue is empty.

        Parameters
        ----------
        immediate : bool
            Whether to drop what is in the queue, with reason ``"cleared"``.
        """
        cdef bint empties = immediate
        cdef bb_ring taken
        bb_lock(&self.mutex)
        bb_queue_shut(&self.queue)
        if empties:
            bb_queue_take_all(&self.queue, &taken)
        settle(self)
        if empties:
            self.drop_all(&taken)

    def clear(self):
        """Drop every item, with reason ``"cleared"``, and give the native memory back."""
        cdef bb_ring taken
        bb_lock(&self.mutex)
        bb_queue_take_all(&self.queue, &taken)
        settle(self)
        self.drop_all(&taken)

    # ---- bounds ----

    @property
    def max_bytes(self):
        """int or None: The bound, in bytes."""
        cdef uint64_t limit = self.totals().limit
        return None if limit == BB_UNLIMITED else limit

    @property
    def max_items(self):
        """int or None: The bound on items."""
        cdef uint32_t max_count = self.queue.ring.max_count
        return None if max_count == UINT32_MAX else max_count

    @property
    def overflow(self):
        """str: What happens to an item for which there is no room."""
        return list(OVERFLOWS)[<int> self.overflowing]

    @property
    def payload_nbytes(self):
        """int: Bytes that the items in the queue measured."""
        return self.queue.ring.payload

    @property
    def overhead_nbytes(self):
        """int: Bytes of the queue's own slots."""
        cdef uint64_t overhead
        bb_lock(&self.mutex)
        overhead = bb_ring_overhead(&self.queue.ring)
        bb_unlock(&self.mutex)
        return overhead

    @property
    def is_shutdown(self):
        """bool: Whether `shutdown` was called."""
        return self.queue.is_shut

    def resize(self, max_bytes=..., max_items=...):
        """Change the bounds; producers for which there is room now are woken.

        Parameters
        ----------
        max_bytes : int, str or None, optional
            The new bound in bytes; unchanged if left out.
        max_items : int or None, optional
            The new bound on items; unchanged if left out.

        Raises
        ------
        TypeError, ValueError
            For a bound that is none; also if more is in the queue than the new bounds
            allow, unless ``overflow="drop_oldest"``: then the oldest items are dropped.

        Notes
        -----
        A producer that waits with an item that can never fit any more gets
        `EntryTooLargeError`.
        """
        cdef bb_batch batch
        cdef bb_status status = BB_OK
        cdef uint64_t limit = 0 if max_bytes is ... else limit_of(max_bytes)
        cdef uint32_t max_count = 0 if max_items is ... else checked_items(max_items)
        cdef uint64_t least
        cdef uint32_t count
        cdef bint refused
        self.check_ready()
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        if max_bytes is ...:
            limit = self.queue.ring.budget.limit
        if max_items is ...:
            max_count = self.queue.ring.max_count
        least = bb_ring_least(&self.queue.ring)
        count = self.queue.ring.count
        refused = self.overflowing != OVERFLOW_DROP_OLDEST and (least > limit or count > max_count)
        if not refused:
            status = bb_queue_limit(&self.queue, limit, max_count, &batch)
            if self.queue.water.watched:
                bb_queue_watch(&self.queue, self.high, self.low)
        settle(self)
        self.drop_batch(&batch)
        if refused:
            raise ValueError(
                f"{count} items of {least} bytes are in the queue, and it would lose some: take "
                "them first"
            )
        if status != BB_OK:
            raise self.error_of(status, NULL)

    def trim(self, target_bytes):
        """Give memory back until `nbytes` is at most a target, as far as items need not be lost.

        Items are dropped only with ``overflow="drop_oldest"``, the oldest first and with reason
        ``"trimmed"``; else nothing but spare slots is given back.

        Parameters
        ----------
        target_bytes : int or str

        Returns
        -------
        int
            Bytes given back.
        """
        return self.trim_to(parse_size(target_bytes, "target_bytes"), self.queue.ring.count)

    cdef bint trim_some(self, uint64_t target, bb_batch *batch) noexcept:
        cdef uint64_t least = target
        if self.overflowing != OVERFLOW_DROP_OLDEST:
            least = max(target, bb_ring_least(&self.queue.ring))
        return bb_queue_trim(&self.queue, least, batch)

    cdef void unlock(self) noexcept:
        settle(self)

    # ---- figures ----

    def stats(self):
        """What the queue has done and holds, at one instant.

        Returns
        -------
        QueueStats
        """
        cdef bb_ring_counters counters
        cdef bb_budget_totals totals
        cdef uint64_t refused[3]
        cdef uint64_t payload, overhead, unfinished
        cdef uint32_t count, producers, consumers
        bb_lock(&self.mutex)
        self.forget_parent()
        counters = self.queue.ring.counters
        totals = bb_budget_read(self.own)
        refused = self.refused
        payload = self.queue.ring.payload
        overhead = bb_ring_overhead(&self.queue.ring)
        unfinished = self.queue.unfinished
        count = self.queue.ring.count
        producers = self.queue.lines[<int> BB_PRODUCER].count
        consumers = self.queue.lines[<int> BB_CONSUMER].count
        bb_unlock(&self.mutex)
        return QueueStats(
            puts=counters.inserts,
            gets=counters.left[<int> BB_DELETED],
            drops={
                REASONS[i]: counters.left[<int> i] + (refused[<int> i] if i < 3 else 0)
                for i in DROPS
            },
            waiting_producers=producers,
            waiting_consumers=consumers,
            unfinished=unfinished,
            items=count,
            max_items=self.max_items,
            nbytes=totals.total,
            payload_nbytes=payload,
            overhead_nbytes=overhead,
            peak_nbytes=totals.peak,
            max_bytes=None if totals.limit == BB_UNLIMITED else totals.limit,
        )

    def reset_stats(self):
        """Set the counters of puts, gets and drops to zero and `peak_nbytes` to what is charged."""
        cdef bb_ring_counters none
        memset(&none, 0, sizeof(none))
        bb_lock(&self.mutex)
        self.queue.ring.counters = none
        memset(self.refused, 0, sizeof(self.refused))
        bb_budget_reset_peak(self.own)
        bb_unlock(&self.mutex)

    def __sizeof__(self):
        return object.__sizeof__(self) + bb_ring_overhead(&self.queue.ring)

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        bound = "" if self.max_bytes is None else f" of {self.max_bytes:,}"
        shut = ", shut down" if self.queue.is_shut else ""
        return (
            f"<{type(self).__name__}{name}: {self.queue.ring.count:,} items, "
            f"{self.nbytes:,}{bound} bytes{shut}>"
        )

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __reduce__(self):
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied: threads and tasks of one "
            "process wait at it"
        )

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        self.forget_parent()
        valid = bb_queue_validate(&self.queue, &reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())
