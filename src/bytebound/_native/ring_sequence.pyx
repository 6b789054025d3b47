# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False, cdivision=True
"""What a ring does as a sequence: searching, copies, comparison, arithmetic, iterators."""

cimport cython
from cpython.object cimport PyObject, Py_EQ
from libc.stdint cimport int64_t, uint32_t, uint64_t

from bytebound._native.container cimport set_attributes
from bytebound._native.core cimport (
    BB_DELETED,
    BB_FULL,
    BB_OK,
    bb_refusal,
    bb_removed,
    bb_ring,
    bb_ring_at,
    bb_ring_copy,
    bb_ring_overhead_for,
    bb_ring_remove,
    bb_status,
)
from bytebound._native.ring_base cimport (
    RingBase,
    adjust,
    bb_drop_items,
    bb_item_at,
    bb_part,
    bb_share_items,
    whole,
)
from bytebound._native.support cimport (
    PyObject_RichCompareBool,
    bb_lock,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)

from types import GenericAlias


cdef extern from "Python.h":
    object PyObject_RichCompare(object left, object right, int operation)
    int Py_ReprEnter(object) except -1
    void Py_ReprLeave(object)
    int PySlice_Unpack(
        object part, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t *step
    ) except -1


cdef bb_part part_of(part) except *:
    cdef bb_part unpacked
    PySlice_Unpack(part, &unpacked.start, &unpacked.stop, &unpacked.step)
    return unpacked


cdef uint64_t fix(RingBase self, bb_part *part) noexcept:
    """Make a part's indices those of the ring as it is; the version for which they hold."""
    cdef uint64_t version
    bb_lock(&self.mutex)
    adjust(part, self.ring.count)
    version = self.ring.version
    bb_unlock(&self.mutex)
    return version


@cython.no_gc_clear
cdef class RingSequence(RingBase):
    """The part of a deque that is not about its ends or its indices."""

    __hash__ = None

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    cdef int append_measured(self, PyObject *item, uint64_t charge) except -1:
        raise NotImplementedError

    cdef int append_all(self, iterable) except -1:
        raise NotImplementedError

    # ---- parts ----

    cdef list listed(self, bb_part part):
        cdef bb_ring copy
        cdef uint32_t i
        self.snapshot(part, &copy)
        try:
            # Made at its full length, it would crash 3.13 without GIL where memory fails.
            result = []
            for i in range(copy.count):
                result.append(<object> bb_item_at(&copy, i))
        finally:
            bb_drop_items(&copy)
        return result

    cdef RingSequence sliced(self, bb_part part):
        cdef RingSequence other
        cdef bb_part adjusted
        cdef bb_refusal refusal
        cdef bb_status status = BB_FULL
        cdef Py_ssize_t count
        while status == BB_FULL:  # the bounds grew since they were read
            other = self._like()
            adjusted = part
            bb_lock(&self.mutex)
            count = adjust(&adjusted, self.ring.count)
            status = bb_ring_copy(
                &self.ring, adjusted.start, adjusted.step, count, &other.ring, &refusal
            )
            if status == BB_OK:
                bb_share_items(&other.ring)
            bb_unlock(&self.mutex)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        return other

    def _like(self):
        """An empty ring of the same class and settings."""
        self.check_ready()
        cdef RingSequence other = type(self).__new__(type(self))
        other.configure(
            self.max_items, self.max_bytes, self.sizer, self.on_evict, self.budget, self.name
        )
        set_attributes(other, self.__getstate__())
        return other

    def copy(self):
        """A ring of the same class, settings, contents and order, with slots of its own.

        Items are shared, counters start at zero. In a budget the copy is charged like any other
        container.

        Raises
        ------
        BudgetExceededError
            If the budget has no room for a second one.
        """
        return self.sliced(whole())

    def __copy__(self):
        return self.sliced(whole())

    # ---- by value ----

    cdef int64_t search(
        self, value, Py_ssize_t start, Py_ssize_t stop, uint64_t version, changed
    ) except -2:
        cdef PyObject *item
        cdef bint equal
        while True:
            bb_lock(&self.mutex)
            if version != self.ring.version:
                bb_unlock(&self.mutex)
                raise changed(f"{type(self).__name__} changed while its items were compared")
            if start >= stop:
                bb_unlock(&self.mutex)
                return -1
            item = bb_item_at(&self.ring, start)
            incref(item)
            bb_unlock(&self.mutex)
            try:
                equal = PyObject_RichCompareBool(item, <PyObject *> value, Py_EQ)
            finally:
                decref(item)
            if equal:
                return start
            start += 1

    def __contains__(self, value):
        cdef bb_part part = whole()
        cdef uint64_t version = fix(self, &part)
        return self.search(value, 0, part.stop, version, RuntimeError) >= 0

    def index(self, value, start=0, stop=9223372036854775807, /):
        """The first index at which an item equals `value`, as list's `index`; else ValueError."""
        cdef bb_part part = part_of(slice(start, stop))
        cdef uint64_t version = fix(self, &part)
        cdef int64_t at = self.search(value, part.start, part.stop, version, RuntimeError)
        if at < 0:
            raise ValueError(f"{value!r} is not in {type(self).__name__}")
        return at

    def count(self, value, /):
        """How many items equal `value`."""
        cdef bb_part part = whole()
        cdef uint64_t version = fix(self, &part)
        cdef int64_t at = self.search(value, 0, part.stop, version, RuntimeError)
        cdef Py_ssize_t found = 0
        while at >= 0:
            found += 1
            at = self.search(value, at + 1, part.stop, version, RuntimeError)
        return found

    def remove(self, value, /):
        """Take the first item that equals `value` out.

        Raises
        ------
        ValueError
            If there is none.
        IndexError
            If the ring changed meanwhile, as deque raises.
        """
        cdef bb_removed removed
        cdef bb_part part = whole()
        cdef uint64_t version = fix(self, &part)
        cdef int64_t at = self.search(value, 0, part.stop, version, IndexError)
        if at < 0:
            raise ValueError(f"{value!r} is not in {type(self).__name__}")
        bb_lock(&self.mutex)
        if version != self.ring.version:
            bb_unlock(&self.mutex)
            raise IndexError(f"{type(self).__name__} changed while its items were compared")
        bb_ring_remove(&self.ring, at, BB_DELETED, &removed)
        bb_unlock(&self.mutex)
        self.notify(<PyObject *> removed.value, BB_DELETED)
        decref(<PyObject *> removed.value)

    # ---- as a whole ----

    def __iter__(self):
        return RingIterator(self)

    def __reversed__(self):
        return RingReverseIterator(self)

    def __richcmp__(self, other, int operation):
        if not isinstance(other, RingSequence):
            return NotImplemented
        return PyObject_RichCompare(
            (<RingSequence> self).listed(whole()), (<RingSequence> other).listed(whole()), operation
        )

    def __add__(self, other):
        if not isinstance(self, RingSequence) or not isinstance(other, RingSequence):
            return NotImplemented
        joined = (<RingSequence> self).sliced(whole())
        (<RingSequence> joined).append_all((<RingSequence> other).listed(whole()))
        return joined

    def __iadd__(self, other):
        self.append_all(other)
        return self

    def __mul__(self, times):
        cdef RingSequence repeated
        if not hasattr(times, "__index__"):
            return NotImplemented
        repeated = self.sliced(whole())
        repeated.repeat(as_index(times))
        return repeated

    def __rmul__(self, times):
        return self * times

    def __imul__(self, times):
        if not hasattr(times, "__index__"):
            return NotImplemented
        self.repeat(as_index(times))
        return self

    cdef int repeat(self, Py_ssize_t times) except -1:
        cdef bb_ring copy
        cdef uint64_t most
        cdef uint32_t i
        if times <= 0:
            self.clear()
            return 0
        self.snapshot(whole(), &copy)
        try:
            # More than the bounds can hold would only enter and leave again.
            most = min(self.ring.max_count, self.ring.budget.limit // bb_ring_overhead_for(1))
            if copy.count != 0:
                times = min(<uint64_t> times, most // copy.count + 2)
            for _ in range(times - 1):
                for i in range(copy.count):
                    self.append_measured(
                        bb_item_at(&copy, i), bb_ring_at(&copy, i).charge
                    )
        finally:
            bb_drop_items(&copy)
        return 0

    def __repr__(self):
        if Py_ReprEnter(self):
            return "[...]"
        try:
            settings = ""
            for name, value in (
                ("max_items", self.max_items),
                ("max_bytes", self.max_bytes),
                ("name", self.name),
            ):
                if value is not None:
                    settings += f", {name}={value!r}"
            return f"{type(self).__name__}({self.listed(whole())!r}{settings})"
        finally:
            Py_ReprLeave(self)


@cython.no_gc_clear
cdef class RingWalk:
    """Walks a ring by index, and notices when it changes."""

    def __cinit__(self, RingBase ring not None, Py_ssize_t visited=0):
        self.ring = ring
        bb_lock(&ring.mutex)
        self.version = ring.ring.version
        self.visited = min(max(visited, 0), ring.ring.count)
        bb_unlock(&ring.mutex)

    def __iter__(self):
        return self

    cdef object following(self, bint reverse):
        cdef RingBase ring = self.ring
        cdef PyObject *item
        bb_lock(&ring.mutex)
        if self.finished or (
            self.visited >= ring.ring.count and self.version == ring.ring.version
        ):
            self.finished = True
            bb_unlock(&ring.mutex)
            raise StopIteration
        if self.version != ring.ring.version:
            bb_unlock(&ring.mutex)
            raise RuntimeError(f"{type(ring).__name__} changed during iteration")
        item = bb_item_at(
            &ring.ring, ring.ring.count - 1 - self.visited if reverse else self.visited
        )
        incref(item)
        self.visited += 1
        bb_unlock(&ring.mutex)
        return bb_steal(item)

    def __length_hint__(self):
        return max(0, <int64_t> self.ring.ring.count - <int64_t> self.visited)

    def __reduce__(self):
        return type(self), (self.ring, self.visited)


@cython.final
@cython.no_gc_clear
cdef class RingIterator(RingWalk):
    """Walks a ring from left to right; see `RingBuffer` for what it allows meanwhile."""

    def __next__(self):
        return self.following(False)


@cython.final
@cython.no_gc_clear
cdef class RingReverseIterator(RingWalk):
    """Walks a ring from right to left; see `RingBuffer` for what it allows meanwhile."""

    def __next__(self):
        return self.following(True)
