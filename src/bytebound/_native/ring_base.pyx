# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What a byte-bounded ring does besides serving items: bounds, measuring, records, copies."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport UINT32_MAX, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from bytebound._native.container cimport (
    REASONS,
    check_callback,
    report_departure,
)
from bytebound._native.core cimport (
    BB_BUDGET,
    BB_CLEARED,
    BB_OK,
    BB_OVER_BUDGET,
    BB_REPLACED,
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
    bb_reason,
    bb_refusal,
    bb_ring,
    bb_ring_at,
    bb_ring_copy,
    bb_ring_counters,
    bb_ring_init,
    bb_ring_limit,
    bb_ring_nominee,
    bb_ring_overhead,
    bb_ring_overhead_for,
    bb_ring_reclaim,
    bb_ring_remove,
    bb_ring_replace,
    bb_ring_take_all,
    bb_ring_trim,
    bb_ring_validate,
    bb_status,
)
from bytebound._native.measuring cimport (
    checked_items,
    entry_too_large,
    limit_of,
    measure_together,
    sizing_of,
)
from bytebound._native.support cimport (
    bb_lock,
    bb_python_allocator,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)

from collections import namedtuple

from bytebound._native.container import Audit
from bytebound._native.units import parse_size


class RingStats(namedtuple("RingStats", (
    "inserts", "replacements", "evictions", "items", "max_items",
    "nbytes", "payload_nbytes", "overhead_nbytes", "peak_nbytes", "max_bytes",
))):
    """What a ring has done and what it holds; sizes in bytes.

    Attributes
    ----------
    inserts, replacements : int
        Items that entered, and items put in the place of another.
    evictions : dict of str to int
        Items that left, by reason.
    items, max_items : int, int or None
        Items now, and the bound on them.
    nbytes, payload_nbytes, overhead_nbytes, peak_nbytes, max_bytes : int, the last or None
        As the attributes of the ring.
    """

    __slots__ = ()


RingStats.__module__ = "bytebound"


cdef bb_part whole() noexcept:
    return bb_part(0, 0x7FFFFFFFFFFFFFFF, 1)


cdef uint32_t count_of(max_items) except? 0:
    return checked_items(max_items, 0)


cdef str UNBOUNDED = "a ring needs a bound: max_items, max_bytes or both"


@cython.no_gc_clear
cdef class RingBase(EvictingContainer):
    """The state of a ring and everything about it that is not deque's."""

    def __cinit__(self, *args, **kwargs):
        bb_ring_init(&self.ring, bb_python_allocator(), 0, UINT32_MAX, NULL)
        self.own = &self.ring.budget
        self.yields_until = &self.ring.yields_until

    cdef int configure(self, max_items, max_bytes, sizer, on_evict, budget, name) except -1:
        cdef uint64_t limit = limit_of(max_bytes)
        cdef uint32_t max_count = count_of(max_items)
        cdef Sizing sizing = sizing_of(sizer, False)
        if limit == BB_UNLIMITED and max_count == UINT32_MAX:
            raise ValueError(UNBOUNDED)
        check_callback(on_evict, "on_evict")
        if self.ready and sizer == self.sizer and (on_evict, budget, name) == (
            self.on_evict, self.budget, self.name
        ):
            return self.start_over(limit, max_count)
        self.join_budget(budget, name)
        self.sizing = sizing
        self.sizer = sizer
        self.on_evict = on_evict
        bb_ring_init(
            &self.ring, bb_python_allocator(), limit, max_count,
            &self.budget.core if budget is not None else NULL,
        )
        if budget is not None:
            self.ring.yields_until = 0  # who leaves for it is not ours to decide
        self.enlist()
        return 0

    # ---- giving back for others ----

    cdef bint offer(self, uint64_t *use, uint64_t *releasable) noexcept:
        return bb_ring_nominee(&self.ring, use, releasable)

    cdef uint64_t give(
        self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    ) noexcept:
        return bb_ring_reclaim(&self.ring, need, until, spare, batch)

    cdef bint trim_some(self, uint64_t target, bb_batch *batch) noexcept:
        return bb_ring_trim(&self.ring, target, BB_TRIMMED, batch)

    cdef int start_over(self, uint64_t limit, uint32_t max_count) except -1:
        """Give an initialised ring other bounds and no items, as deque's ``__init__`` does.

        What is called or charged stays the same: another thread may be using it.
        """
        cdef bb_ring taken
        cdef bb_batch none
        bb_batch_init(&none)
        bb_lock(&self.mutex)
        bb_ring_take_all(&self.ring, &taken)
        bb_ring_limit(&self.ring, limit, max_count, &none)
        bb_unlock(&self.mutex)
        return self.drop_cleared(&taken, self.on_evict)

    # ---- measuring ----

    cdef uint64_t measure(self, PyObject *item) except? 0xFFFFFFFFFFFFFFFF:
        """charge_of, for what takes a call."""
        return measure_together(self.sizing, self.sizer, &item, 1, self.ring.budget.limit)

    # ---- what the hot paths leave to us ----

    cdef int drop_batch(self, bb_batch *batch) except -1:
        """Call back for what was evicted and let go of it. Called without the lock."""
        cdef uint32_t i
        for i in range(batch.count):
            self.notify(<PyObject *> batch.items[i].value, batch.items[i].reason)
            decref(<PyObject *> batch.items[i].value)
        bb_batch_free(batch, &self.ring.allocator)
        return 0

    cdef int drop_cleared(self, bb_ring *taken, callback) except -1:
        """The same for everything that was in a ring."""
        cdef uint32_t i
        if callback is not None:
            for i in range(taken.count):
                report_departure(callback, bb_item_at(taken, i), BB_CLEARED)
        bb_drop_items(taken)
        return 0

    cdef int notify(self, PyObject *item, bb_reason reason) except -1:
        if self.on_evict is not None:
            report_departure(self.on_evict, item, reason)
        return 0

    cdef object too_large(self, uint64_t charge):
        self.check_ready()
        return entry_too_large(
            "an item", self.sizing, charge, False, bb_ring_overhead_for(1),
            self.ring.budget.limit,
        )

    cdef object full(self, uint64_t charge, const bb_refusal *refusal):
        """The exception for BB_FULL of an operation that evicts nothing."""
        if refusal.level == NULL:
            return IndexError(
                f"{type(self).__name__} is full: it holds max_items={self.max_items} at most"
            )
        return IndexError(
            f"{type(self).__name__} is full: {refusal.total} of max_bytes={refusal.limit} are in "
            f"use, and {refusal.requested} more are needed"
        )

    # ---- bounds ----

    @property
    def max_bytes(self):
        """int or None: The bound, in bytes."""
        cdef uint64_t limit = self.totals().limit
        return None if limit == BB_UNLIMITED else limit

    @property
    def max_items(self):
        """int or None: The bound on items."""
        return None if self.ring.max_count == UINT32_MAX else self.ring.max_count

    @property
    def maxlen(self):
        """int or None: `max_items`, as deque calls it."""
        return self.max_items

    @property
    def payload_nbytes(self):
        """int: Bytes that the items measured."""
        return self.ring.payload

    @property
    def overhead_nbytes(self):
        """int: Bytes of the ring's own slots."""
        return bb_ring_overhead(&self.ring)

    def resize(self, max_items=..., max_bytes=...):
        """Change the bounds; evicts at once what no longer fits, from the left.

        Parameters
        ----------
        max_items : int or None, optional
            The new bound on items, None for no such bound; unchanged if left out.
        max_bytes : int, str or None, optional
            The new bound in bytes, likewise.

        Raises
        ------
        TypeError, ValueError
            For a bound that is none, or if none would be left.

        Notes
        -----
        Both bounds hold before the first callback. O(items that leave).

        Examples
        --------
        >>> ring = RingBuffer("abcde", max_bytes="1MiB")
        >>> ring.resize(max_items=2)
        >>> list(ring)
        ['d', 'e']
        """
        cdef bb_batch batch
        cdef bb_status status
        cdef uint64_t limit = 0 if max_bytes is ... else limit_of(max_bytes)
        cdef uint32_t max_count = 0 if max_items is ... else count_of(max_items)
        self.check_ready()
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        if max_bytes is ...:
            limit = self.ring.budget.limit
        if max_items is ...:
            max_count = self.ring.max_count
        if limit == BB_UNLIMITED and max_count == UINT32_MAX:
            bb_unlock(&self.mutex)
            raise ValueError(UNBOUNDED)
        status = bb_ring_limit(&self.ring, limit, max_count, &batch)
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        if status != BB_OK:
            raise self.error_of(status, NULL)

    def trim(self, target_bytes):
        """Evict items from the left until `nbytes` is at most a target.

        Parameters
        ----------
        target_bytes : int or str

        Returns
        -------
        int
            Bytes given back.

        Notes
        -----
        Needs no memory itself. What callbacks or other threads append meanwhile may stay: no
        more items leave than were there at the start, but for a few.
        """
        return self.trim_to(parse_size(target_bytes, "target_bytes"), self.ring.count)

    # ---- measuring again ----

    def remeasure(self, index):
        """Measure an item anew, because it has changed, and charge what it is now.

        An item that has outgrown the bound leaves with reason ``"size"``, one for which a
        budget has no room with ``"budget"``.

        Returns
        -------
        int
            What `item_nbytes` is now, 0 if the item had to leave.

        Raises
        ------
        IndexError
            If there is no such item.
        """
        cdef Py_ssize_t wanted = index
        cdef PyObject *found
        cdef uint64_t charge, charged
        cdef int64_t at
        for _ in range(MAX_RESTARTS):
            bb_lock(&self.mutex)
            found = self.borrow(wanted)
            incref(found)
            bb_unlock(&self.mutex)
            item = bb_steal(found)
            charge = charge_of(self, <PyObject *> item)
            bb_lock(&self.mutex)
            at = locate(self, wanted)
            if at >= 0 and bb_item_at(&self.ring, at) == <PyObject *> item:
                self.recharge(at, charge, &charged)
                return charged
            bb_unlock(&self.mutex)
        raise RuntimeError(f"the item changed each of {MAX_RESTARTS} times it was measured")

    cdef int recharge(self, uint32_t index, uint64_t charge, uint64_t *charged) except -1:
        """Called with the lock held, left without."""
        cdef bb_batch batch
        cdef bb_refusal refusal
        cdef bb_status status
        cdef void *item = bb_ring_at(&self.ring, index).item
        bb_batch_init(&batch)
        charged[0] = charge
        status = bb_ring_replace(&self.ring, index, item, charge, &batch, &refusal, &item)
        if status == BB_TOO_LARGE or status == BB_OVER_BUDGET:
            bb_batch_free(&batch, &self.ring.allocator)
            bb_ring_remove(
                &self.ring, index, BB_SIZE if status == BB_TOO_LARGE else BB_BUDGET,
                &batch.items[0],
            )
            batch.count = 1
            charged[0] = 0
            status = BB_OK
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        return 0

    def item_nbytes(self, index):
        """Bytes that an item is charged, beside its slot; IndexError if there is none."""
        cdef Py_ssize_t wanted = index
        cdef uint64_t charge
        bb_lock(&self.mutex)
        self.borrow(wanted)
        charge = bb_ring_at(&self.ring, locate(self, wanted)).charge
        bb_unlock(&self.mutex)
        return charge

    cdef PyObject *borrow(self, Py_ssize_t index) except NULL:
        """The item at an index. Called and left with the lock held; left without it, on error."""
        cdef int64_t at = locate(self, index)
        if at < 0:
            bb_unlock(&self.mutex)
            raise IndexError(f"{type(self).__name__} index out of range")
        return bb_item_at(&self.ring, at)

    def audit(self):
        """Measure every item anew, and change nothing.

        Returns
        -------
        Audit
            ``(charged, measured, drift)`` in bytes.

        Notes
        -----
        O(what is measured). Items are taken at one instant and measured after it.
        """
        cdef bb_ring copy
        cdef uint64_t charged
        cdef uint32_t i
        measured = 0
        self.snapshot(whole(), &copy)
        try:
            charged = copy.payload
            for i in range(copy.count):
                measured += charge_of(self, bb_item_at(&copy, i))
        finally:
            bb_drop_items(&copy)
        return Audit(charged, measured, measured - charged)

    def stats(self):
        """What the ring has done and holds, at one instant.

        Returns
        -------
        RingStats
        """
        cdef bb_ring_counters counters
        cdef bb_budget_totals totals
        cdef uint64_t payload, overhead
        cdef uint32_t count, max_count
        bb_lock(&self.mutex)
        counters = self.ring.counters
        totals = bb_budget_read(&self.ring.budget)
        payload = self.ring.payload
        overhead = bb_ring_overhead(&self.ring)
        count = self.ring.count
        max_count = self.ring.max_count
        bb_unlock(&self.mutex)
        return RingStats(
            inserts=counters.inserts,
            replacements=counters.left[<int> BB_REPLACED],
            evictions={reason: counters.left[i] for i, reason in enumerate(REASONS)},
            items=count,
            max_items=None if max_count == UINT32_MAX else max_count,
            nbytes=totals.total,
            payload_nbytes=payload,
            overhead_nbytes=overhead,
            peak_nbytes=totals.peak,
            max_bytes=None if totals.limit == BB_UNLIMITED else totals.limit,
        )

    def reset_stats(self):
        """Set every counter to zero and `peak_nbytes` to what is charged now."""
        cdef bb_ring_counters none
        memset(&none, 0, sizeof(none))
        bb_lock(&self.mutex)
        self.ring.counters = none
        bb_budget_reset_peak(&self.ring.budget)
        bb_unlock(&self.mutex)

    # ---- copying ----

    cdef int snapshot(self, bb_part part, bb_ring *copy) except -1:
        cdef bb_refusal refusal
        cdef bb_status status
        cdef Py_ssize_t count
        bb_ring_init(copy, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, NULL)
        bb_lock(&self.mutex)
        count = adjust(&part, self.ring.count)
        status = bb_ring_copy(&self.ring, part.start, part.step, count, copy, &refusal)
        if status == BB_OK:
            bb_share_items(copy)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        return 0

    def __sizeof__(self):
        return object.__sizeof__(self) + bb_ring_overhead(&self.ring)

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        valid = bb_ring_validate(&self.ring, &reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())
