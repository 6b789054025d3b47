# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""lru-dict's LRU; bytebound.compat.lru is where it is used."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT32_MAX, uint32_t

from bytebound._native.core cimport (
    BB_OK,
    BB_UNLIMITED,
    bb_batch_init,
    bb_lru_limit,
    bb_removed,
    bb_status,
)
from bytebound._native.support cimport (
    bb_count,
    bb_lock,
    bb_notify,
    bb_publish,
    bb_steal,
    bb_unlock,
    decref,
)
from bytebound._native.table cimport attributes_of, bb_guard_slots, table_read

from collections.abc import Mapping
from operator import index as to_index
from types import GenericAlias


cdef object NOTHING = object()


cdef uint32_t checked_size(size) except 0:
    size = to_index(size)
    if size <= 0:
        raise ValueError("Size should be a positive number")
    return min(size, UINT32_MAX)  # no memory holds so many


cdef int check_callback(callback) except -1:
    if callback is not None and not callable(callback):
        raise TypeError("parameter must be callable")
    return 0


cdef class LRU(Table):
    """LRU(size, callback=None)
--

    A table of at most `size` entries, from which the least recently used leaves.

    Parameters
    ----------
    size : int
        The most entries.
    callback : callable, optional
        ``callback(key, value)`` is called for each entry that leaves because there is no room.

    Raises
    ------
    ValueError
        If `size` is not positive.

    Notes
    -----
    Lists go from most to least recently used. Every operation on one entry is O(1). Safe to use
    from several threads; ``bytebound.compat.lru`` lists the differences to lru-dict.

    Examples
    --------
    >>> from bytebound.compat.lru import LRU
    >>> recent = LRU(2)
    >>> recent.update(a=1, b=2, c=3)
    >>> recent["b"], recent.items()
    (2, [('b', 2), ('c', 3)])
    """

    __hash__ = None

    def __init__(self, size, callback=None):
        cdef uint32_t count = checked_size(size)
        check_callback(callback)
        self.bound(BB_UNLIMITED, count)
        self.maxsize_given = count
        self.callback = callback
        self.hits = self.misses = 0

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    # ---- one entry ----

    cdef object look_up(self, key):
        """The value under a key, made the first, or NOTHING; counts."""
        cdef PyObject *value
        if table_read(self, <PyObject *> key, True, &value):
            bb_count(&self.hits)
            return bb_steal(value)
        bb_count(&self.misses)
        return NOTHING

    cdef int put(self, key, value) except -1:
        cdef bb_batch batch
        cdef PyObject *old
        if self.maxsize_given is None:
            raise RuntimeError(f"{type(self).__name__} was not initialised: call its __init__")
        self.store(<PyObject *> key, <PyObject *> value, 0, True, &batch, &old)
        if batch.count != 0:
            self.report(&batch)
        if batch.count != 0 or old != NULL:
            self.drop(&batch, old)
        return 0

    cdef int report(self, bb_batch *batch) except -1:
        """Call back for what was evicted."""
        cdef PyObject *arguments[2]
        cdef uint32_t i
        with cython.critical_section(self):
            callback = self.callback
        if callback is not None:
            for i in range(batch.count):
                arguments[0] = <PyObject *> batch.items[i].key
                arguments[1] = <PyObject *> batch.items[i].value
                bb_notify(<PyObject *> callback, arguments, 2)
        return 0

    def __getitem__(self, key):
        value = self.look_up(key)
        if value is NOTHING:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        self.put(key, value)

    def __delitem__(self, key):
        cdef bb_removed removed
        if not self.take(<PyObject *> key, &removed):
            raise KeyError(key)
        decref(<PyObject *> removed.key)
        decref(<PyObject *> removed.value)

    def __contains__(self, key):
        cdef PyObject *value
        if table_read(self, <PyObject *> key, False, &value):
            decref(value)
            return True
        return False

    def has_key(self, key, /):
        """Whether there is an entry; does not make it the first."""
        return key in self

    def get(self, key, default=None):
        """The value under a key, made the first, or `default`."""
        value = self.look_up(key)
        return default if value is NOTHING else value

    def setdefault(self, key, default=None, /):
        """The value under a key; puts `default` there first if there is none."""
        value = self.look_up(key)
        if value is NOTHING:
            self.put(key, default)
            return default
        return value

    @cython.embedsignature(False)
    def pop(self, key, default=NOTHING):
        """pop($self, key, default=...)
--

        Take an entry out and return its value, or `default`; counts as a lookup."""
        cdef bb_removed removed
        if self.take(<PyObject *> key, &removed):
            bb_count(&self.hits)
            decref(<PyObject *> removed.key)
            return bb_steal(<PyObject *> removed.value)
        bb_count(&self.misses)
        if default is NOTHING:
            raise KeyError(key)
        return default

    def popitem(self, least_recent=True):
        """Take the least or the most recently used entry out; return ``(key, value)``."""
        cdef bb_removed removed
        if not self.take_end(not least_recent, &removed):
            raise KeyError("popitem(): LRU dict is empty")
        return bb_steal(<PyObject *> removed.key), bb_steal(<PyObject *> removed.value)

    def peek_first_item(self):
        """The most recently used ``(key, value)``, or None; changes nothing."""
        return self.peek_end(True)

    def peek_last_item(self):
        """The least recently used ``(key, value)``, or None; changes nothing."""
        return self.peek_end(False)

    # ---- all entries ----

    def __len__(self):
        return self.lru.count

    def keys(self):
        """A list of the keys."""
        return [key for key, _value, _charge in reversed(self.triples())]

    def values(self):
        """A list of the values."""
        return [value for _key, value, _charge in reversed(self.triples())]

    def items(self):
        """A list of the pairs."""
        pairs = []
        for key, value, _charge in reversed(self.triples()):
            pairs.append((key, value))
        return pairs

    def update(self, other=(), /, **pairs):
        """Put each pair of a mapping or of an iterable of pairs, then the keyword ones."""
        if isinstance(other, Mapping) or hasattr(other, "keys"):
            for key in other.keys():
                self.put(key, other[key])
        else:
            for key, value in other:
                self.put(key, value)
        for key, value in pairs.items():
            self.put(key, value)

    def clear(self):
        """Drop every entry and set the counters to zero; does not call back."""
        self.empty()
        self.hits = self.misses = 0

    def __repr__(self):
        return repr({key: value for key, value, _charge in self.triples()})

    # ---- settings ----

    def get_size(self):
        """The most entries."""
        return self.maxsize_given

    def set_size(self, size, /):
        """Change the most entries; those that there is no more room for leave at once."""
        cdef bb_batch batch
        cdef bb_status status
        cdef uint32_t count = checked_size(size)
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        status = bb_lru_limit(&self.lru, BB_UNLIMITED, count, &batch)
        bb_unlock(&self.mutex)
        if status == BB_OK:
            self.maxsize_given = count
        self.report(&batch)
        self.drop(&batch, NULL)
        if status != BB_OK:
            self.refuse(status)

    def set_callback(self, callback, /):
        """Change who is called for entries that leave; None for nobody."""
        check_callback(callback)
        with cython.critical_section(self):
            self.callback = callback

    def get_stats(self):
        """``(hits, misses)`` of lookups since the last `clear`."""
        return self.hits, self.misses

    # ---- pickling ----

    def __reduce__(self):
        pairs = self.items()[::-1]
        return type(self), (self.maxsize_given, self.callback), (pairs, attributes_of(self))

    def __setstate__(self, state):
        pairs, attributes = state
        attributes_of(self).update(attributes)
        for key, value in pairs:
            self.put(key, value)


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a table; the collector holds a reference to it."""
    cdef LRU table = <LRU> self
    table.callback = None
    table.empty()
    attributes_of(table).clear()
    return 0


bb_guard_slots(<PyTypeObject *> LRU, clear_references)
bb_publish(<PyTypeObject *> LRU, "bytebound.compat.lru.LRU")
