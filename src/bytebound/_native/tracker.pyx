# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""A running exact total over a changing set of objects."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT32_MAX, int64_t, uint32_t, uint64_t

from bytebound._native.budget cimport make_room
from bytebound._native.core cimport (
    BB_DELETED,
    BB_LRU_CHARGE_MAX,
    BB_OK,
    BB_OVER_BUDGET,
    BB_TOO_LARGE,
    BB_UNLIMITED,
    bb_batch,
    bb_batch_init,
    bb_found,
    bb_found_free,
    bb_found_init,
    bb_lru,
    bb_lru_copy,
    bb_lru_first,
    bb_lru_init,
    bb_lru_insert_shared,
    bb_lru_newer,
    bb_lru_next,
    bb_lru_oldest,
    bb_lru_probe,
    bb_lru_releasable,
    bb_lru_remove,
    bb_lru_share,
    bb_lru_take_all,
    bb_lru_validate,
    bb_refusal,
    bb_removed,
    bb_status,
    bb_status_text,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.lru_base cimport (
    bb_container_traverse_locked,
    bb_drop_taken,
    bb_install_lru_slots,
    bb_share_entries,
)
from bytebound._native.measuring cimport bb_collect_part
from bytebound._native.sizing cimport measure, measure_each, register_container
from bytebound._native.support cimport (
    PySequence_Fast_ITEMS,
    bb_lock,
    bb_publish,
    bb_python_allocator,
    bb_unlock,
    decref,
    incref,
)

import reprlib

from bytebound._native.container import Audit


cdef extern from "Python.h":
    PyObject *PyLong_FromSize_t(size_t number) except NULL
    size_t PyLong_AsSize_t(PyObject *number)


cdef uint32_t find(SizeTracker self, PyObject *tracked) noexcept:
    """The index of an object, or 0. Called with the lock held."""
    cdef bb_lru_probe probe
    cdef uint32_t index = bb_lru_first(&self.lru, <uint64_t> <size_t> tracked, &probe)
    while index != 0 and self.lru.entries[index].key != tracked:
        index = bb_lru_next(&self.lru, &probe)
    return index


cdef int recount(SizeTracker self, uint32_t index, size_t times) except -1:
    """Set how often an object was added. Called with the lock held, left without."""
    cdef PyObject *before = <PyObject *> self.lru.entries[index].value
    try:
        self.lru.entries[index].value = PyLong_FromSize_t(times)
    finally:
        bb_unlock(&self.mutex)
    decref(before)
    return 0


cdef size_t times_added(SizeTracker self, uint32_t index) noexcept:
    return PyLong_AsSize_t(<PyObject *> self.lru.entries[index].value)


cdef int64_t insert(SizeTracker self, PyObject *tracked, bb_found *found) except? -1:
    """Track an object that was measured; what its parts added to the total."""
    cdef PyObject *once = PyLong_FromSize_t(1)
    cdef bb_refusal refusal
    cdef bb_status status
    cdef int64_t charged = 0
    try:
        for _ in range(MAX_RESTARTS):
            status = try_to_insert(self, tracked, once, found, &charged, &refusal)
            if status == BB_OK:
                return charged
            if status != BB_OVER_BUDGET:
                break
            make_room(self, self.budget, &refusal, refusal.requested)
        raise self.error_of(status, &refusal)
    finally:
        decref(once)


cdef bb_status try_to_insert(
    SizeTracker self, PyObject *tracked, PyObject *once, bb_found *found, int64_t *charged,
    bb_refusal *refusal,
) except? BB_TOO_LARGE:
    cdef bb_batch batch
    cdef bb_status status
    cdef uint64_t before
    cdef uint32_t index
    bb_batch_init(&batch)
    bb_lock(&self.mutex)
    index = find(self, tracked)
    if index != 0:  # it was added while it was measured
        recount(self, index, times_added(self, index) + 1)
        return BB_OK
    before = self.lru.payload
    if found.nbytes > BB_LRU_CHARGE_MAX - before:
        bb_unlock(&self.mutex)
        raise OverflowError(f"the sizes add up to more than {BB_LRU_CHARGE_MAX} bytes")
    status = bb_lru_insert_shared(
        &self.lru, tracked, once, <uint64_t> <size_t> tracked, 0, found, &batch, refusal
    )
    if status == BB_OK:
        charged[0] = <int64_t> (self.lru.payload - before)
        incref(tracked)
        incref(once)
    bb_unlock(&self.mutex)
    return status


cdef object release(SizeTracker self, PyObject *tracked):
    """Take back one of the times an object was added: bytes released, None if it was not."""
    cdef bb_removed removed
    cdef uint32_t index
    cdef size_t times
    cdef object released
    bb_lock(&self.mutex)
    index = find(self, tracked)
    if index == 0:
        bb_unlock(&self.mutex)
        return None
    times = times_added(self, index)
    if times > 1:
        recount(self, index, times - 1)
        return 0
    try:
        released = bb_lru_releasable(&self.lru, index)  # an int, which may fail: so first
    except MemoryError:
        bb_unlock(&self.mutex)
        raise
    bb_lru_remove(&self.lru, index, BB_DELETED, &removed)
    bb_unlock(&self.mutex)
    decref(<PyObject *> removed.key)
    decref(<PyObject *> removed.value)
    return released


@cython.final
@cython.no_gc_clear
cdef class SizeTracker(BoundedContainer):
    """SizeTracker(*, budget=None, name=None)
--

    A running exact total over a changing set of objects, shared parts counted once.

    `nbytes` is what `sizeof` would say of all the objects together, and is kept up to date at
    the cost of measuring the one that comes or goes.

    Parameters
    ----------
    budget : Budget, optional
        Charged with what is tracked and with the tracker's own tables. Others under it
        make room; a tracker has nothing that it could give back itself.
    name : str, optional
        What representations and reports call it.

    Notes
    -----
    Objects are told apart by identity, not by equality, and kept alive while they are tracked.
    What they refer to is not: parts are known by their address. So an object that changes
    while it is tracked makes the total drift, but never corrupts it: what was charged is
    what removal releases, and `audit` shows the drift. A part that several objects
    hold is charged what it measured last (a `MemoryBlock`: the most that was told of it), and
    stays charged until the last of them is removed.

    `add` and `remove` cost O(parts of the object), amortised, beside measuring. A part (an
    object that takes memory) costs 30 to 48 bytes of table and 8 for each tracked object that holds
    it, a tracked object about 66 more: see `overhead_nbytes`. While an object is added, up to 28
    bytes more are held for each of its parts.

    Safe to use from several threads, with and without the GIL. Measuring happens outside the lock,
    so a ``__sizeof__`` may use the tracker.

    Examples
    --------
    >>> from bytebound import SizeTracker
    >>> tracker = SizeTracker()
    >>> snapshot = bytes(41_000)
    >>> first, second = [snapshot, 1.5], [snapshot, 2.5]
    >>> tracker.add(first) > 41_000
    True
    >>> tracker.add(second) < 200
    True
    >>> tracker.remove(first) < 200
    True
    >>> tracker.remove(second) > 41_000
    True
    >>> tracker.nbytes
    0
    """

    def __cinit__(self, *others, budget=None, name=None, **unknown):
        if others or unknown:
            raise TypeError("SizeTracker() takes no arguments but budget= and name=")
        self.own = &self.lru.budget
        self.join_budget(budget, name)
        bb_lru_init(
            &self.lru, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, True,
            &self.budget.core if budget is not None else NULL,
        )
        bb_lru_share(&self.lru)
        self.lru.yields_until = 0  # what is tracked does not leave for others
        self.enlist()

    def add(self, obj, /):
        """Track an object.

        Parameters
        ----------
        obj : object

        Returns
        -------
        int
            Bytes newly charged: of its parts that no other tracked object has, 0 if it is tracked
            already. Where a part that is shared has changed since it was charged, the difference is
            included, so that the result may even be negative.

        Raises
        ------
        MemoryError, OverflowError
            If there is no memory for it, or the total would be above 2**62 - 1.
        BudgetExceededError
            If the budget has no room for it, whatever others give back.
        Exception
            Whatever a ``__sizeof__`` or a registered sizer raises. Nothing has changed.

        Notes
        -----
        An object that is tracked already is counted, not measured again: it takes as many removals
        as it was added times.
        """
        cdef bb_found found
        cdef PyObject *tracked = <PyObject *> obj
        cdef int64_t charged
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = find(self, tracked)
        if index != 0:
            recount(self, index, times_added(self, index) + 1)
            return 0
        bb_unlock(&self.mutex)
        bb_found_init(&found, bb_python_allocator())
        try:
            measure_each(&tracked, 1, -1, bb_collect_part, &found)
            charged = insert(self, tracked, &found)
        finally:
            bb_found_free(&found)
        try:
            return charged
        except MemoryError:  # for the int
            release(self, tracked)
            raise

    def remove(self, obj, /):
        """Stop tracking an object, or take back one of the times that it was added.

        Returns
        -------
        int
            Bytes released: what was charged for its parts that no other tracked object has,
            0 if it was added more than once.

        Raises
        ------
        LookupError
            If the object is not tracked. One that is equal does not count.

        Examples
        --------
        >>> SizeTracker().remove("text")
        Traceback (most recent call last):
            ...
        LookupError: this object is not tracked: 'text'
        """
        released = release(self, <PyObject *> obj)
        if released is None:
            raise LookupError(f"this object is not tracked: {reprlib.repr(obj)}")
        return released

    def clear(self):
        """Stop tracking everything, and give the native memory back."""
        cdef bb_lru taken
        bb_lock(&self.mutex)
        bb_lru_take_all(&self.lru, &taken)
        bb_unlock(&self.mutex)
        bb_drop_taken(&taken)

    def __len__(self):
        return self.lru.count

    def __contains__(self, obj):
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = find(self, <PyObject *> obj)
        bb_unlock(&self.mutex)
        return index != 0

    @property
    def nbytes(self):
        """int: Bytes of all that is tracked, shared parts once, as they were when charged."""
        return self.lru.payload

    @property
    def overhead_nbytes(self):
        """int: Bytes of the tracker's own tables; not part of `nbytes`."""
        return self.lru.overhead

    @property
    def charged_nbytes(self):
        """int: What a budget above is charged: `nbytes` and `overhead_nbytes`."""
        return self.totals().total

    @property
    def peak_nbytes(self):
        """int: The most `charged_nbytes` has been."""
        return self.totals().peak

    @property
    def max_bytes(self):
        """None: A tracker counts; a budget above it bounds."""
        return None

    def audit(self):
        """Measure everything anew as one graph, and change nothing.

        Returns
        -------
        Audit
            ``(charged, measured, drift)`` in bytes.

        Notes
        -----
        O(what is measured). The objects are taken at one instant and measured after it. The first
        30 instances of a class may show a few bytes of drift though nothing changed: their size
        is certain only when all are measured together.
        """
        cdef bb_lru copy
        cdef bb_refusal refusal
        cdef bb_status status
        cdef uint64_t charged
        cdef uint32_t index
        cdef tuple objects
        bb_lru_init(&copy, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, False, NULL)
        bb_lock(&self.mutex)
        charged = self.lru.payload
        status = bb_lru_copy(&self.lru, &copy, &refusal)
        if status == BB_OK:
            bb_share_entries(&copy)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            raise MemoryError(bb_status_text(status).decode())
        tracked = []
        try:
            index = bb_lru_oldest(&copy)
            while index != 0:
                tracked.append(<object> <PyObject *> copy.entries[index].key)
                index = bb_lru_newer(&copy, index)
        finally:
            bb_drop_taken(&copy)
        objects = tuple(tracked)
        measured = measure(PySequence_Fast_ITEMS(objects), len(objects), True, -1)
        return Audit(charged, measured, measured - charged)

    def __reduce__(self):
        raise TypeError(
            "a SizeTracker cannot be copied or pickled: it tracks the live objects of one process"
        )

    def __sizeof__(self):
        return object.__sizeof__(self) + self.lru.overhead

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        return f"<SizeTracker{name}: {len(self):,} objects, {self.nbytes:,} bytes>"

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        valid = bb_lru_validate(&self.lru, &reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a tracker; the collector holds a reference to it."""
    cdef SizeTracker tracker = <SizeTracker> self
    cdef bb_lru taken
    bb_lock(&tracker.mutex)
    bb_lru_take_all(&tracker.lru, &taken)
    bb_unlock(&tracker.mutex)
    bb_drop_taken(&taken)
    return 0


cdef install_slots():
    cdef SizeTracker probe = SizeTracker.__new__(SizeTracker)
    bb_install_lru_slots(
        <PyTypeObject *> SizeTracker, <char *> &probe.lru - <char *> <PyObject *> probe,
        <char *> &probe.mutex - <char *> <PyObject *> probe, clear_references,
    )
    register_container(SizeTracker, bb_container_traverse_locked)


install_slots()
bb_publish(<PyTypeObject *> SizeTracker, "bytebound.SizeTracker")
