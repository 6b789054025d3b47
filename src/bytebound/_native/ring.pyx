# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False, cdivision=True
"""A deque whose bound is in bytes, in items, or in both."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT32_MAX, uint64_t

from bytebound._native.budget cimport make_room
from bytebound._native.container cimport set_attributes
from bytebound._native.core cimport (
    BB_DELETED,
    BB_FULL,
    BB_ITEMS,
    BB_LEFT,
    BB_OK,
    BB_OVER_BUDGET,
    BB_REPLACED,
    BB_RIGHT,
    BB_TOO_LARGE,
    BB_UNLIMITED,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_end,
    bb_refusal,
    bb_removed,
    bb_ring,
    bb_ring_append,
    bb_ring_copy,
    bb_ring_could_fit,
    bb_ring_init,
    bb_ring_insert,
    bb_ring_overhead_for,
    bb_ring_remove,
    bb_ring_remove_many,
    bb_ring_replace,
    bb_ring_reverse,
    bb_ring_rotate,
    bb_ring_splice,
    bb_ring_take_all,
    bb_status,
)
from bytebound._native.measuring cimport SIZE_BY_CALL, SIZE_DEEP
from bytebound._native.ring_base cimport (
    adjust,
    bb_container_traverse_locked,
    bb_drop_items,
    bb_install_ring_slots,
    bb_part,
    bb_share_items,
    charge_of,
    locate,
    whole,
)
from bytebound._native.ring_sequence cimport RingSequence, as_index, part_of
from bytebound._native.sizing cimport register_container
from bytebound._native.support cimport (
    bb_lock,
    bb_publish,
    bb_python_allocator,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)

from collections.abc import MutableSequence

from bytebound._native.units import MAX_SIZE as _MAX_SIZE


# The hot paths are functions, not methods, so that the C compiler can inline them.

cdef int add(RingBuffer self, bb_end end, PyObject *item) except -1:
    """Measure an item and append it at one end."""
    return add_measured(self, end, item, charge_of(self, item))


cdef int add_measured(RingBuffer self, bb_end end, PyObject *item, uint64_t charge) except -1:
    cdef bb_batch batch
    cdef bb_refusal refusal
    cdef bb_status status
    bb_batch_init(&batch)
    incref(item)
    while True:
        bb_lock(&self.mutex)
        status = bb_ring_append(&self.ring, end, item, charge, &batch, &refusal)
        bb_unlock(&self.mutex)
        if status == BB_OK:
            break
        bb_batch_free(&batch, &self.ring.allocator)
        if status != BB_OVER_BUDGET:
            return refuse(self, item, charge, status, &refusal)
        try:
            make_room(self, self.budget, &refusal, charge + bb_ring_overhead_for(1))
        except BaseException:
            decref(item)
            raise
    if batch.count == 1 and self.on_evict is None:
        decref(<PyObject *> batch.items[0].value)
    elif batch.count != 0:
        self.drop_batch(&batch)
    return 0


cdef int refuse(
    RingBuffer self, PyObject *item, uint64_t charge, bb_status status, const bb_refusal *refusal
) except -1:
    """Let go of an item that was not appended, and say why; one that leaves at once is no error."""
    if status == BB_FULL:
        self.notify(item, BB_ITEMS)
    decref(item)
    if status == BB_TOO_LARGE:
        raise self.too_large(charge)
    if status != BB_FULL:
        raise self.error_of(status, refusal)
    return 0


cdef object take(RingBuffer self, bb_end end):
    """Take the item at one end out."""
    cdef bb_removed removed
    bb_lock(&self.mutex)
    if self.ring.count == 0:
        bb_unlock(&self.mutex)
        raise IndexError(f"pop from an empty {type(self).__name__}")
    bb_ring_remove(
        &self.ring, 0 if end == BB_LEFT else self.ring.count - 1, BB_DELETED, &removed
    )
    bb_unlock(&self.mutex)
    if self.on_evict is not None:
        self.notify(<PyObject *> removed.value, BB_DELETED)
    return bb_steal(<PyObject *> removed.value)


cdef bint forwards(bb_part *part, Py_ssize_t count) noexcept:
    """Make a part of so many items go from left to right; whether it did already."""
    if part.step > 0:
        return True
    part.start = part.start + (count - 1) * part.step if count != 0 else 0
    part.step = -part.step
    return False


@cython.collection_type("sequence")
@cython.no_gc_clear
cdef class RingBuffer(RingSequence):
    """RingBuffer(iterable=(), max_items=None, max_bytes=None, *, sizer="deep", on_evict=None, \
budget=None, name=None)
--

    A deque that keeps the latest items, within a bound of items, of bytes, or of both.

    Appending past a bound first evicts items from the other end and then keeps the new
    one, so ``nbytes <= max_bytes`` and ``len(ring) <= max_items`` hold at every instant that
    anybody can look, inside callbacks too. What counts is what items measure and every byte of
    the ring's own slots.

    Parameters
    ----------
    iterable : iterable, optional
        Items to begin with, appended one after the other.
    max_items : int, optional
        The bound on items; with 0 nothing is ever kept.
    max_bytes : int or str, optional
        The bound, in bytes or as text such as ``"64MiB"`` (binary) or ``"64MB"`` (decimal). At
        least one of the two bounds is needed.
    sizer : {"deep", "shallow"} or callable, default "deep"
        ``"deep"`` measures everything reachable from an item that is data, parts that it
        holds twice once; ``"shallow"`` the object alone; a callable ``(item) -> int``
        whatever it returns, in bytes. What several items share is charged for each of
        them: the ``"shared"`` of `LRUCache` is not offered.
    on_evict : callable, optional
        ``on_evict(item, reason)`` is called once for each item that leaves, when the ring is
        consistent again and no lock is held, so it may use the ring. Reasons: ``"size"``,
        ``"items"``, ``"budget"`` (a bound), ``"trimmed"``, ``"replaced"`` (by another object at the
        same index), ``"deleted"``, ``"cleared"``. An exception in it goes to
        `sys.unraisablehook`; what caused the call stands. A ring that dies calls nothing.
    budget : Budget, optional
        A bound that it shares with other containers. Where it has no room, what was used longest
        ago leaves; when an item of a ring entered is known to about a quarter of the ring's
        length. What is inserted, assigned or appended at the left has this ring's own items leave.
    name : str, optional
        What representations call it.

    Raises
    ------
    TypeError, ValueError
        For a bound, sizer or callback that is none, or without any bound.
    EntryTooLargeError
        For an item that could not be kept were it alone; so from `append`, `extend`, `insert` and
        assignment. The ring is then as it was.
    BudgetExceededError
        Likewise, if a budget has no room though everything that may leave would.

    Notes
    -----
    Everything that `collections.deque` has, with these differences: slices can be read (a ring
    of the same settings), assigned and deleted; `insert` and the assignment of a slice evict
    nothing and raise IndexError in a ring that is full, as deque's `insert` does; assigning
    a larger item may evict others, from the left; `maxlen` is another name of `max_items`; the ring
    never compares equal to a deque.

    Access by index is O(1) anywhere, `append` and `pop` at either end O(1), amortised, beside
    measuring; `insert`, ``del`` and `remove` move the items on the nearer side, `rotate` as many
    as it has steps at the most. An item costs 16 bytes of slot beside itself; slots that a burst
    has taken are given back after it.

    Iteration raises RuntimeError once an item has entered, left or moved; assigning an item
    is allowed meanwhile. Safe to use from several threads, with and without the GIL: each single
    operation happens whole. Items are measured and compared outside the lock.

    What is not data (functions, classes, modules, frames; see `sizeof`) counts nothing. Sizes
    are those at the time an item enters; see `remeasure` and `audit` for items that change
    afterwards.

    Examples
    --------
    >>> from bytebound import RingBuffer
    >>> history = RingBuffer(max_items=1000, max_bytes="64MiB")
    >>> history.append({"role": "user", "text": "hello"})
    >>> history[-1]["text"]
    'hello'
    >>> RingBuffer(range(10), max_items=3)
    RingBuffer([7, 8, 9], max_items=3)
    """

    def __init__(
        self, iterable=(), max_items=None, max_bytes=None, *, sizer="deep", on_evict=None,
        budget=None, name=None,
    ):
        self.configure(max_items, max_bytes, sizer, on_evict, budget, name)
        self.append_all(iterable)

    # ---- at the ends ----

    def append(self, item, /):
        """Add an item at the right end; evicts from the left as the bounds need."""
        add(self, BB_RIGHT, <PyObject *> item)

    def appendleft(self, item, /):
        """Add an item at the left end; evicts from the right as the bounds need."""
        add(self, BB_LEFT, <PyObject *> item)

    def extend(self, iterable, /):
        """Append each item at the right end; what was appended before an error stays."""
        self.append_all(iterable)

    cdef int append_measured(self, PyObject *item, uint64_t charge) except -1:
        return add_measured(self, BB_RIGHT, item, charge)

    cdef int append_all(self, iterable) except -1:
        for item in self.listed(whole()) if iterable is self else iterable:
            add(self, BB_RIGHT, <PyObject *> item)
        return 0

    def extendleft(self, iterable, /):
        """Append each item at the left end, so that they end up in reverse order."""
        for item in self.listed(whole()) if iterable is self else iterable:
            add(self, BB_LEFT, <PyObject *> item)

    def pop(self):
        """Take the rightmost item out and return it; IndexError if there is none."""
        return take(self, BB_RIGHT)

    def popleft(self):
        """Take the leftmost item out and return it; IndexError if there is none."""
        return take(self, BB_LEFT)

    def head(self, n):
        """A list of the first `n` items, fewer if there are fewer.

        Examples
        --------
        >>> ring = RingBuffer("abcde", max_items=5)
        >>> ring.head(2), ring.tail(2)
        (['a', 'b'], ['d', 'e'])
        """
        return self.listed(bb_part(0, counted(n), 1))

    def tail(self, n):
        """A list of the last `n` items, fewer if there are fewer, oldest first."""
        cdef Py_ssize_t count = counted(n)
        return self.listed(bb_part(-count, whole().stop, 1)) if count != 0 else []

    # ---- by index ----

    def __len__(self):
        return self.ring.count

    def __getitem__(self, index):
        cdef PyObject *item
        cdef Py_ssize_t wanted
        if isinstance(index, slice):
            return self.sliced(part_of(index))
        wanted = as_index(index)
        bb_lock(&self.mutex)
        item = self.borrow(wanted)
        incref(item)
        bb_unlock(&self.mutex)
        return bb_steal(item)

    def __setitem__(self, index, item):
        cdef bb_batch batch
        cdef bb_refusal refusal
        cdef bb_status status
        cdef uint64_t charge
        cdef Py_ssize_t wanted
        cdef void *old
        if isinstance(index, slice):
            splice(self, part_of(index), self.listed(whole()) if item is self else list(item))
            return
        wanted = as_index(index)
        charge = charge_of(self, <PyObject *> item)
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        self.borrow(wanted)
        incref(<PyObject *> item)
        status = bb_ring_replace(
            &self.ring, locate(self, wanted), <PyObject *> item, charge, &batch, &refusal, &old
        )
        bb_unlock(&self.mutex)
        if status != BB_OK:
            bb_batch_free(&batch, &self.ring.allocator)
            refuse(self, <PyObject *> item, charge, status, &refusal)
        self.drop_batch(&batch)
        if old != <PyObject *> item:
            self.notify(<PyObject *> old, BB_REPLACED)
        decref(<PyObject *> old)

    def __delitem__(self, index):
        cdef bb_batch batch
        cdef bb_status status = BB_OK
        cdef bb_part part
        cdef Py_ssize_t wanted, count
        bb_batch_init(&batch)
        if isinstance(index, slice):
            part = part_of(index)
            bb_lock(&self.mutex)
            count = adjust(&part, self.ring.count)
            forwards(&part, count)
            status = bb_ring_remove_many(
                &self.ring, part.start, part.step, count, BB_DELETED, &batch
            )
        else:
            wanted = as_index(index)
            bb_lock(&self.mutex)
            self.borrow(wanted)
            bb_ring_remove(&self.ring, locate(self, wanted), BB_DELETED, &batch.items[0])
            batch.count = 1
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        if status != BB_OK:
            raise self.error_of(status, NULL)

    def insert(self, index, item, /):
        """Put an item before an index, as list's `insert` does. Evicts nothing.

        Raises
        ------
        IndexError
            If the ring is full.
        EntryTooLargeError
            If the item could not be kept were it alone.
        """
        cdef bb_refusal refusal
        cdef bb_status status
        cdef bb_part part = bb_part(as_index(index), whole().stop, 1)
        cdef uint64_t charge = charge_of(self, <PyObject *> item)
        bb_lock(&self.mutex)
        adjust(&part, self.ring.count)
        incref(<PyObject *> item)
        status = bb_ring_insert(&self.ring, part.start, <PyObject *> item, charge, &refusal)
        bb_unlock(&self.mutex)
        if status == BB_FULL:
            decref(<PyObject *> item)
            raise self.full(charge, &refusal)
        if status != BB_OK:
            refuse(self, <PyObject *> item, charge, status, &refusal)

    def rotate(self, n=1, /):
        """Move every item `n` places to the right, round the end; to the left if negative."""
        cdef Py_ssize_t steps = n
        bb_lock(&self.mutex)
        bb_ring_rotate(&self.ring, steps)
        bb_unlock(&self.mutex)

    def reverse(self):
        """Reverse the order of the items."""
        bb_lock(&self.mutex)
        bb_ring_reverse(&self.ring)
        bb_unlock(&self.mutex)

    def clear(self):
        """Drop every item and give the native memory back."""
        cdef bb_ring taken
        bb_lock(&self.mutex)
        bb_ring_take_all(&self.ring, &taken)
        bb_unlock(&self.mutex)
        self.drop_cleared(&taken, self.on_evict)

    # ---- pickling ----

    def __reduce__(self):
        settings = (
            self.max_items, self.max_bytes, self.sizer, self.on_evict, self.budget, self.name
        )
        iterates = type(self).__iter__ is RingBuffer.__iter__
        items = self.listed(whole()) if iterates else list(self)
        return _new, (type(self),), (settings, items, self.__getstate__())

    def __setstate__(self, state):
        cdef bb_refusal refusal
        cdef bb_status status
        cdef RingBuffer staged
        settings, items, attributes = state
        max_items, max_bytes, sizer, on_evict, budget, name = settings
        set_attributes(self, attributes)
        # Filled first without a bound: growing step by step under it could leave no room for the
        # last items, though all of them fit.
        staged = RingBuffer(items, max_bytes=_MAX_SIZE, sizer=sizer)
        self.configure(max_items, max_bytes, sizer, None, budget, name)
        status = bb_ring_copy(&staged.ring, 0, 1, staged.ring.count, &self.ring, &refusal)
        if status == BB_OK:
            bb_share_items(&self.ring)
        else:
            self.append_all(items)
        self.on_evict = on_evict
        self.reset_stats()


cdef Py_ssize_t counted(n) except -1:
    cdef Py_ssize_t count = n
    if count < 0:
        raise ValueError(f"a number of items must not be negative, and {n} is")
    return count


cdef int splice(RingBuffer self, bb_part part, list items) except -1:
    """Put items in the place of others."""
    cdef bb_ring fresh
    cdef bb_batch batch
    cdef bb_refusal refusal
    cdef bb_status status
    cdef uint64_t charge
    cdef Py_ssize_t count
    bb_ring_init(&fresh, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, NULL)
    bb_batch_init(&batch)
    try:
        for item in items:
            charge = charge_of(self, <PyObject *> item)
            if not bb_ring_could_fit(&self.ring, charge):
                raise self.too_large(charge)
            status = bb_ring_append(
                &fresh, BB_RIGHT, <PyObject *> item, charge, &batch, &refusal
            )
            if status != BB_OK:
                raise self.error_of(status, &refusal)
            incref(<PyObject *> item)
        bb_lock(&self.mutex)
        count = adjust(&part, self.ring.count)
        if part.step != 1 and count != fresh.count:
            bb_unlock(&self.mutex)
            raise ValueError(
                f"attempt to assign sequence of size {fresh.count} to extended slice of size "
                f"{count}"
            )
        if not forwards(&part, count):
            bb_ring_reverse(&fresh)
        status = bb_ring_splice(
            &self.ring, part.start, part.step, count, &fresh, &batch, &refusal
        )
        if status == BB_OK:
            bb_share_items(&fresh)
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        if status == BB_FULL:
            raise self.full(fresh.payload, &refusal)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
    finally:
        bb_drop_items(&fresh)
    return 0


def _new(cls):
    return cls.__new__(cls)


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a ring; the collector holds a reference to it."""
    cdef RingBuffer ring = <RingBuffer> self
    cdef bb_ring taken
    bb_lock(&ring.mutex)
    bb_ring_take_all(&ring.ring, &taken)
    bb_unlock(&ring.mutex)
    ring.on_evict = None
    if ring.sizing == SIZE_BY_CALL:
        ring.sizer = "deep"
        ring.sizing = SIZE_DEEP
    bb_drop_items(&taken)
    return 0


cdef install_slots():
    cdef RingBuffer probe = RingBuffer.__new__(RingBuffer)
    bb_install_ring_slots(
        <PyTypeObject *> RingBuffer, <char *> &probe.ring - <char *> <PyObject *> probe,
        <char *> &probe.mutex - <char *> <PyObject *> probe, clear_references,
    )
    register_container(RingBuffer, bb_container_traverse_locked)


install_slots()
MutableSequence.register(RingBuffer)
bb_publish(<PyTypeObject *> RingBuffer, "bytebound.RingBuffer")
