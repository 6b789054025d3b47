# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""cachetools' Cache, FIFOCache and LRUCache; bytebound.compat.cachetools is where they are used."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport UINT32_MAX, int64_t, uint64_t

from bytebound._native.core cimport (
    BB_LRU_CHARGE_MAX,
    bb_batch,
    bb_budget_read,
    bb_removed,
)
from bytebound._native.support cimport bb_publish, bb_steal, decref
from bytebound._native.table cimport TableIterator, attributes_of, bb_adopt_slots, table_read

import math
from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView
from types import GenericAlias


cdef extern from *:
    """
    /* A new reference to what an instance itself has under a name, or NULL. */
    static PyObject *bb_own_attribute(PyObject *instance, PyObject *name) {
        PyObject **attributes = _PyObject_GetDictPtr(instance);
        PyObject *found = NULL;
        if (attributes != NULL && *attributes != NULL) {
    #ifdef Py_GIL_DISABLED
            PyDict_GetItemRef(*attributes, name, &found);
    #else
            found = Py_XNewRef(PyDict_GetItemWithError(*attributes, name));
    #endif
        }
        return found;
    }
    """
    PyObject *bb_own_attribute(object instance, object name) except? NULL


cdef object NOTHING = object()


cdef class Wrapper:
    pass


cdef object unwrap(Cache self, PyObject *value):
    """What an entry is to users, for a new reference to what is in the table."""
    kept = bb_steal(value)
    if self.wraps:
        return (<Wrapper> kept).value
    return kept


cdef uint64_t whole_units(size, uint64_t limit) except? 0xFFFFFFFFFFFFFFFF:
    """A size that getsizeof() gave, checked."""
    cdef int overflow = 0
    cdef int64_t quick
    if type(size) is int:
        quick = PyLong_AsLongLongAndOverflow(size, &overflow)
        if not overflow and 0 <= quick and <uint64_t> quick <= limit:
            return quick
    if size > limit:
        raise ValueError("value too large")
    if size < 0:
        raise ValueError("value size must be non-negative")
    if int(size) != size:
        raise TypeError(f"getsizeof() must give whole numbers, not {size!r}")
    return int(size)


cdef object getsizeof_of(Cache self):
    """What measures values: of this instance, or of its class."""
    cdef PyObject *own = bb_own_attribute(self, "getsizeof")
    return bb_steal(own) if own != NULL else self.getsizeof


cdef class Cache(Table):
    """Cache(maxsize, getsizeof=None)
--

    A mapping bounded by the sizes of its values, and the base of the others.

    Parameters
    ----------
    maxsize : int or float
        The most that the sizes may add up to; ``math.inf`` for no bound.
    getsizeof : callable, optional
        ``getsizeof(value)`` is the size of a value, in units of the caller's. Without it, and if
        no subclass overrides the method of that name, each entry counts one.

    Raises
    ------
    ValueError
        If `maxsize` is negative or not a number; by ``cache[key] = value``, if the value is larger
        than `maxsize`.

    Notes
    -----
    Entries leave in the order in which their keys came, by `popitem`, which subclasses may
    override. Every operation is O(1) beside what it evicts. Safe to use from several threads;
    ``bytebound.compat.cachetools`` lists the differences to cachetools.

    Examples
    --------
    >>> from bytebound.compat.cachetools import Cache
    >>> cache = Cache(5, getsizeof=len)
    >>> cache.update(a="xx", b="yyy")
    >>> cache["c"] = "zzz"
    >>> dict(cache), cache.currsize
    ({'c': 'zzz'}, 3)
    """

    __hash__ = None

    def __init__(self, maxsize, getsizeof=None):
        self.start(maxsize, getsizeof)

    cdef int start(self, maxsize, getsizeof) except -1:
        if maxsize < 0:
            raise ValueError("maxsize must be non-negative")
        if maxsize != maxsize:
            raise ValueError("maxsize must be a number, not nan")
        if getsizeof is not None:
            self.getsizeof = getsizeof
        self.maxsize_given = maxsize
        self.sized = self.getsizeof is not Cache.getsizeof
        self.limit = BB_LRU_CHARGE_MAX
        if maxsize < BB_LRU_CHARGE_MAX:
            self.limit = math.floor(maxsize)
        return self.bound(self.limit, UINT32_MAX)

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    # ---- sizes ----

    @property
    def maxsize(self):
        """The bound on `currsize`, as it was given."""
        return self.maxsize_given

    @property
    def currsize(self):
        """The sizes of what is in the cache, added up."""
        return bb_budget_read(&self.lru.budget).total

    @staticmethod
    def getsizeof(value):
        """The size of a value: one, if nobody says otherwise."""
        return 1

    cdef uint64_t size_of(self, value) except? 0xFFFFFFFFFFFFFFFF:
        if self.sized:
            return whole_units(getsizeof_of(self)(value), self.limit)
        if self.limit < 1:
            raise ValueError("value too large")
        return 1

    # ---- eviction ----

    cdef bint evicts_silently(self) except -1:
        cls = type(self)
        if "popitem" in attributes_of(self):
            return False
        if is_plain(self):
            return True
        return (
            (cls.popitem is FIFOCache.popitem or cls.popitem is LRUCache.popitem)
            and deletes_silently(cls)
        )

    cdef int make_room(self, key, uint64_t charge) except -1:
        """Call popitem() until an entry fits."""
        while True:
            held = self.charge_of(key)
            if bb_budget_read(&self.lru.budget).total - max(held, 0) + charge <= self.limit:
                return 0
            self.popitem()

    def popitem(self):
        """Remove an entry and return its ``(key, value)``: the one whose key came first.

        Raises
        ------
        KeyError
            If the cache is empty.
        """
        if is_plain(self):
            return pop_oldest(self)
        return MutableMapping.popitem(self)

    # ---- one entry ----

    cdef int put(self, key, value, bint promote) except -1:
        cdef bb_batch batch
        cdef PyObject *old
        cdef uint64_t charge = self.size_of(value)
        if (
            bb_budget_read(&self.lru.budget).total + charge > self.limit
            and not self.evicts_silently()
        ):
            self.make_room(key, charge)
        self.store(<PyObject *> key, <PyObject *> value, charge, promote, &batch, &old)
        if batch.count != 0 or old != NULL:
            self.drop(&batch, old)
        return 0

    cdef int delete(self, key) except -1:
        cdef bb_removed removed
        if not self.take(<PyObject *> key, &removed):
            raise KeyError(key)
        decref(<PyObject *> removed.key)
        decref(<PyObject *> removed.value)
        return 0

    def __getitem__(self, key):
        cdef PyObject *value
        if table_read(self, <PyObject *> key, False, &value):
            return unwrap(self, value)
        return self.__missing__(key)

    def __setitem__(self, key, value):
        self.put(key, value, False)

    def __delitem__(self, key):
        self.delete(key)

    def __missing__(self, key):
        raise KeyError(key)

    def __contains__(self, key):
        cdef PyObject *value
        if table_read(self, <PyObject *> key, False, &value):
            decref(value)
            return True
        return False

    def get(self, key, default=None):
        """The value under a key, or `default`; never calls ``__missing__``."""
        cdef PyObject *value
        if is_plain(self):
            if table_read(self, <PyObject *> key, type(self) is LRUCache, &value):
                return bb_steal(value)
            return default
        return self[key] if key in self else default

    @cython.embedsignature(False)
    def pop(self, key, default=NOTHING):
        """pop($self, key, default=...)
--

        Take an entry out and return its value, or `default`; never calls ``__missing__``."""
        cdef bb_removed removed
        if is_plain(self):
            if self.take(<PyObject *> key, &removed):
                decref(<PyObject *> removed.key)
                return bb_steal(<PyObject *> removed.value)
        elif key in self:
            value = self[key]
            del self[key]
            return value
        if default is NOTHING:
            raise KeyError(key)
        return default

    def setdefault(self, key, default=None):
        """The value under a key; puts `default` there first if there is none."""
        cdef PyObject *value
        if is_plain(self):
            if table_read(self, <PyObject *> key, type(self) is LRUCache, &value):
                return bb_steal(value)
            self.put(key, default, type(self) is not Cache)
            return default
        if key in self:
            return self[key]
        self[key] = default
        return default

    # ---- all entries ----

    def __len__(self):
        return self.lru.count

    def __iter__(self):
        return TableIterator(self)

    def keys(self):
        """A view of the keys."""
        return KeysView(self)

    def values(self):
        """A view of the values, which it reads by key."""
        return ValuesView(self)

    def items(self):
        """A view of the pairs, whose values it reads by key."""
        return ItemsView(self)

    def update(self, other=(), /, **pairs):
        """Put each pair of a mapping or of an iterable of pairs, then the keyword ones."""
        MutableMapping.update(self, other, **pairs)

    def clear(self):
        """Drop every entry; calls neither `popitem` nor ``__delitem__``."""
        self.empty()

    def __eq__(self, other):
        return MutableMapping.__eq__(self, other)

    __reversed__ = None

    def __repr__(self):
        contents = {}
        for key, kept, _size in self.triples():
            contents[key] = (<Wrapper> kept).value if self.wraps else kept
        return (
            f"{type(self).__name__}({contents!r}, maxsize={self.maxsize_given!r}, "
            f"currsize={bb_budget_read(&self.lru.budget).total!r})"
        )

    # ---- pickling ----

    def __reduce__(self):
        return _new, (type(self),), (self.maxsize_given, self.triples(), attributes_of(self))

    def __setstate__(self, state):
        cdef bb_batch batch
        cdef PyObject *old
        maxsize, triples, attributes = state
        attributes_of(self).update(attributes)
        self.start(maxsize, None)
        for key, value, size in triples:
            if size < 0 or size > self.limit:
                raise ValueError(f"an entry of size {size} in a cache of {self.limit}")
            self.store(<PyObject *> key, <PyObject *> value, size, True, &batch, &old)
            self.drop(&batch, old)


def _new(cls):
    return cls.__new__(cls)


cdef bint is_plain(Cache self):
    """Whether nobody can have overridden a method."""
    cdef PyTypeObject *cls = (<PyObject *> self).ob_type
    return (
        cls == <PyTypeObject *> LRUCache or cls == <PyTypeObject *> FIFOCache
        or cls == <PyTypeObject *> Cache
    )


cdef bint deletes_silently(cls) except -1:
    """Whether ``del cache[key]`` is no subclass's own."""
    delete = cls.__delitem__
    return (
        delete is LRUCache.__delitem__ or delete is FIFOCache.__delitem__
        or delete is Cache.__delitem__
    )


cdef object pop_oldest(Cache self):
    """Take the oldest entry out; by ``del`` where a subclass wants to know of it."""
    cdef bb_removed removed
    if not is_plain(self) and not deletes_silently(type(self)):
        pair = self.peek_end(False)
        if pair is None:
            raise KeyError(f"{type(self).__name__} is empty") from None
        key, _value = pair
        del self[key]
        return pair
    if not self.take_end(False, &removed):
        raise KeyError(f"{type(self).__name__} is empty") from None
    return bb_steal(<PyObject *> removed.key), bb_steal(<PyObject *> removed.value)


cdef class FIFOCache(Cache):
    """FIFOCache(maxsize, getsizeof=None)
--

    A `Cache` whose entries leave in the order in which they were last written.

    Examples
    --------
    >>> from bytebound.compat.cachetools import FIFOCache
    >>> cache = FIFOCache(2)
    >>> cache.update(a=1, b=2)
    >>> cache["a"], cache.popitem()
    (1, ('a', 1))
    """

    def __setitem__(self, key, value):
        self.put(key, value, True)

    def popitem(self):
        """Remove the entry that was written first and return its ``(key, value)``."""
        return pop_oldest(self)


cdef class LRUCache(Cache):
    """LRUCache(maxsize, getsizeof=None)
--

    A `Cache` whose entries leave in the order in which they were last used.

    Examples
    --------
    >>> from bytebound.compat.cachetools import LRUCache
    >>> cache = LRUCache(2)
    >>> cache.update(a=1, b=2)
    >>> cache["a"], cache.popitem()
    (1, ('b', 2))
    """

    def __getitem__(self, key):
        cdef PyObject *value
        if table_read(self, <PyObject *> key, True, &value):
            return bb_steal(value)
        return self.__missing__(key)

    def __setitem__(self, key, value):
        self.put(key, value, True)

    def popitem(self):
        """Remove the least recently used entry and return its ``(key, value)``."""
        return pop_oldest(self)


for cls in (Cache, FIFOCache, LRUCache):
    bb_adopt_slots(<PyTypeObject *> cls, <PyTypeObject *> Table)
del cls
MutableMapping.register(Cache)
bb_publish(<PyTypeObject *> Cache, "bytebound.compat.cachetools.Cache")
bb_publish(<PyTypeObject *> FIFOCache, "bytebound.compat.cachetools.FIFOCache")
bb_publish(<PyTypeObject *> LRUCache, "bytebound.compat.cachetools.LRUCache")
