# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""A least-recently-used cache of bytes, whose bound is on real memory."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.budget cimport make_room
from bytebound._native.bytes_base cimport (
    as_bytes,
    bb_append_pair,
    bb_bytes_argument,
    bb_close_bytes,
    bb_copy_value,
    bb_hash_argument,
    bb_install_bytes_slots,
    bb_open_bytes,
)
from bytebound._native.bytes_core cimport (
    bb_bytes_cache_at,
    bb_bytes_cache_find,
    bb_bytes_cache_give_back,
    bb_bytes_cache_hold,
    bb_bytes_cache_index_of,
    bb_bytes_cache_least_bytes,
    bb_bytes_cache_put,
    bb_bytes_cache_release,
    bb_bytes_pair,
    bb_bytes_record_value,
)
from bytebound._native.container cimport set_attributes
from bytebound._native.core cimport (
    BB_CHANGED,
    BB_CLEARED,
    BB_DELETED,
    BB_FULL,
    BB_OK,
    BB_OVER_BUDGET,
    BB_SIZE,
    BB_TOO_LARGE,
    bb_batch,
    bb_batch_init,
    bb_lru,
    bb_lru_clear_way,
    bb_lru_discard,
    bb_lru_newer,
    bb_lru_newest,
    bb_lru_oldest,
    bb_lru_promote,
    bb_lru_remove,
    bb_lru_renew,
    bb_lru_schedule,
    bb_lru_take_all,
    bb_reason,
    bb_refusal,
    bb_status,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.lru_base cimport bb_container_traverse_locked
from bytebound._native.lru_iterator cimport LRUIterator
from bytebound._native.lru_state cimport is_over, live_count, live_from, time_before_lock
from bytebound._native.mapping cimport WALK_ITEMS, WALK_KEYS, WALK_VALUES
from bytebound._native.sizing cimport register_container
from bytebound._native.support cimport bb_lock, bb_publish, bb_steal, bb_unlock
from bytebound._native.timing cimport Times

from time import monotonic as _monotonic


cdef extern from "Python.h":
    PyObject *PyTuple_GET_ITEM(object pair, Py_ssize_t index)


cdef object NOTHING = object()

include "bytes_paths.pxi"


@cython.collection_type("mapping")
@cython.no_gc_clear
cdef class BytesCache(BytesBase):
    """BytesCache(max_bytes, *, max_items=None, on_evict=None, budget=None, name=None, ttl=None, \
idle_ttl=None, ttl_jitter=0.0, timer=...)
--

    A mapping of bytes to bytes that keeps what was used most recently, within a bound of memory.

    Keys and values are copied into memory of the cache's own: the collector never sees them, and
    the bound covers every page of it, whether there are bytes in it or not, also the cache's
    tables. ``nbytes <= max_bytes`` holds at every instant that anybody can look.

    Parameters
    ----------
    max_bytes : int or str
        The bound, in bytes or as text such as ``"64MiB"`` (binary) or ``"64MB"`` (decimal). The
        first entry takes seven pages or more, so it should not be less than some 64 KiB.
    max_items : int, optional
        A bound on entries besides.
    on_evict : callable, optional
        ``on_evict(key, value, reason)`` is called once for each entry that leaves, with copies
        as bytes, when the cache is consistent and no lock is held, so it may use the cache, in
        which nothing takes memory that has left. (`clear` copies all entries for that.) What is
        evicted to make room is told before what it made room for is put. Reasons are those of
        `LRUCache`; ``"replaced"`` whatever the new value is. An exception in it goes to
        `sys.unraisablehook`, and so does one for want of memory for the copies; then the
        call is left out, and what caused it stands. A cache that dies calls nothing.
    budget : Budget, optional
        A bound that it shares with other containers.
    name : str, optional
        What representations call it.
    ttl, idle_ttl : float, optional
        After how many seconds an entry expires, from when it was put and from its last lookup
        on, unless `put` says otherwise.
    ttl_jitter : float, default 0.0
        By which share of it a `ttl` may be shorter, at random for each entry.
    timer : callable, default `time.monotonic`
        Tells the time, in seconds. One that goes back is held where it has been.

    Raises
    ------
    TypeError, ValueError
        For a bound, callback, time or timer that is none.

    Notes
    -----
    Keys and values are any objects with a contiguous buffer: bytes, bytearray, memoryview,
    arrays. Others raise TypeError, one that is not contiguous BufferError. Keys with the same
    bytes are the same key. What comes out is bytes, made for each lookup; `view` copies nothing.

    ``cache[key]``, `get`, `view`, `pop` and `setdefault` count as lookups, and all but `pop` make
    an entry the newest. `peek`, ``in``, iteration, views, ``==`` and `copy` do neither. Iteration
    goes from least to most recently used. Reading and overwriting while iterating is allowed; an
    entry that enters or leaves makes the iterator raise RuntimeError.

    Single-entry operations are O(bytes of key and value), amortised for those that insert or
    delete. An entry takes 16 bytes, about 54 of tables, and the rounding of its block (to 16 bytes
    up to 256, above that at most 6 %). Where entries make room for one of another size, about as
    many bytes leave as enter over time; for a single put up to three slabs of 64 KiB more, or one
    entry that is larger (what is left of a slab is moved out of it, which copies at most 64 KiB).
    Safe to use from several threads, with and without the GIL.

    What does not fit alone raises EntryTooLargeError and changes nothing. What a budget, views or
    the system refuse later changes nothing but that the oldest entries may have left; the value
    under the key leaves only if it is the last one to.

    Expiry is as in `LRUCache`. What is left out of `LRUCache`: ``sizer``, ``size``, `remeasure`,
    `audit` and `entry_nbytes`, because bytes are counted as they are and do not change;
    ``charge_overhead``, because the bound is on real memory; `pin`, because a `view` keeps the
    bytes of an entry whatever happens to it.

    Beside what is charged there are the bytes objects that are handed out, for `copy`, ``==``,
    pickling and `clear` with a callback those of all entries at once, and for each iterator 4 bytes
    an entry from the first promotion during iteration on. While all entries are copied for these,
    they count as viewed, so that what another thread puts may have no room.

    Examples
    --------
    >>> from bytebound import BytesCache
    >>> cache = BytesCache("64MiB")
    >>> cache[b"page"] = b"<html>"
    >>> cache[bytearray(b"page")]
    b'<html>'
    >>> cache.nbytes <= cache.max_bytes
    True
    """

    def __init__(
        self, max_bytes, *, max_items=None, on_evict=None, budget=None, name=None, ttl=None,
        idle_ttl=None, ttl_jitter=0.0, timer=_monotonic,
    ):
        self.begin(
            max_bytes, max_items, on_evict, budget, name, ttl, idle_ttl, ttl_jitter, timer
        )

    # ---- reading ----

    def __getitem__(self, key):
        value = read(self, <PyObject *> key, True, True, NOTHING)
        if value is not NOTHING:
            return value
        if type(self) is not BytesCache and hasattr(type(self), "__missing__"):
            return self.__missing__(key)
        raise KeyError(key)

    def get(self, key, default=None, /):
        """The value under a key as bytes, made the newest entry; `default` if there is none."""
        return read(self, <PyObject *> key, True, True, default)

    def peek(self, key, default=None, /):
        """The value under a key, or `default`; neither promotes nor counts as a lookup."""
        return read(self, <PyObject *> key, False, False, default)

    def view(self, key, /):
        """The value under a key without a copy, made the newest entry.

        Returns
        -------
        memoryview
            Read-only, of format ``"B"``.

        Raises
        ------
        KeyError
            If there is no such entry.

        Notes
        -----
        It stays as it is, whatever happens to the entry: the bytes stay charged until it dies, as
        `pinned_nbytes`, also when the entry has left, and their slab of up to 64 KiB is not
        given back. What views leave no room for raises `PinnedError`. A view keeps the cache
        alive.

        Examples
        --------
        >>> cache = BytesCache("1MiB")
        >>> cache[b"key"] = b"value"
        >>> view = cache.view(b"key")
        >>> del cache[b"key"]
        >>> bytes(view[1:3]), cache.pinned_nbytes
        (b'al', 32)
        """
        cdef CachedValue value = CachedValue.__new__(CachedValue)
        value.record = look_up(self, <PyObject *> key, True, True)
        if value.record == NULL:
            raise KeyError(key)
        value.cache = self
        return memoryview(value)

    def __contains__(self, key):
        cdef bb_bytes_record *record = look_up(self, <PyObject *> key, False, False)
        if record == NULL:
            return False
        self.let_go(record)
        return True

    def __len__(self):
        if self.timed:
            return live_count(self)
        return self.lru.count

    # ---- writing ----

    def __setitem__(self, key, value):
        store_by_default(self, key, value)

    def put(self, key, value, *, ttl=..., idle_ttl=...):
        """Put an entry if it can fit.

        Parameters
        ----------
        key, value : bytes-like
        ttl, idle_ttl : float or None, optional
            After how many seconds the entry expires, from now on and from its last lookup on; None:
            never. Left out, what the cache says. An entry that is there gets these times too.

        Returns
        -------
        bool
            False if the entry could not be kept were it alone. An older value under the key
            leaves then, with reason ``"size"``, so that no stale one is served; nothing else
            does.

        Raises
        ------
        TypeError, ValueError, BufferError
            If key or value are no bytes; if a time is not a number, negative or NaN.
        PinnedError
            If what is viewed leaves no room. Nothing has changed if what is viewed is too much for
            that by itself. If only the slabs that it lies in are, all else may have left, an older
            value under the key too.
        BudgetExceededError
            If a budget above has no room.

        Examples
        --------
        >>> cache = BytesCache("64KiB")
        >>> cache.put(b"small", b"value"), cache.put(b"large", bytes(65536))
        (True, False)
        """
        return put_or_drop(self, key, value, ttl, idle_ttl) == 1

    def setdefault(self, key, default, /):
        """The value under a key; puts `default` there first if there is none.

        Raises what ``cache[key] = default`` raises. Threads that set one key at once all get
        the same value.
        """
        value = read(self, <PyObject *> key, True, True, NOTHING)
        if value is not NOTHING:
            return value
        return put_if_absent(self, key, default, True, ..., ...)

    def get_or_put(self, key, factory, /, *, ttl=..., idle_ttl=...):
        """The value under a key; calls ``factory()`` and puts what it returns if there is none.

        Parameters
        ----------
        key : bytes-like
        factory : callable
            Called without arguments and without any lock; returns a bytes-like object. Threads that
            miss one key at once each call it, and all get the value that was put first.
        ttl, idle_ttl : optional
            As for `put`.

        Returns
        -------
        bytes
            What is there, or what the factory made: returned even if it is too large to be kept.

        Raises
        ------
        What the factory raises, with nothing put, and what `put` raises.

        Examples
        --------
        >>> cache = BytesCache("1MiB")
        >>> cache.get_or_put(b"answer", lambda: b"42")
        b'42'
        """
        value = read(self, <PyObject *> key, True, True, NOTHING)
        if value is not NOTHING:
            return value
        return put_if_absent(self, key, factory(), False, ttl, idle_ttl)

    # ---- many at once ----

    def get_many(self, keys, /):
        """The values of those keys that are there, each made the newest, as a dict of bytes.

        Parameters
        ----------
        keys : iterable of bytes-like

        Returns
        -------
        dict
            In the order of the keys, without those that are not there.

        Notes
        -----
        Each key counts as a lookup, in order. If one is no bytes, those before it were looked up.

        Examples
        --------
        >>> cache = BytesCache("1MiB")
        >>> cache.put_many({b"a": b"1", b"b": b"2"})
        2
        >>> cache.get_many([b"b", b"x", b"a"])
        {b'b': b'2', b'a': b'1'}
        """
        cdef dict found = {}
        for key in keys:
            value = read(self, <PyObject *> key, True, True, NOTHING)
            if value is not NOTHING:
                found[as_bytes(key)] = value
        return found

    def put_many(self, pairs, /, *, ttl=..., idle_ttl=...):
        """Put many entries, each as by `put`, in one call.

        Parameters
        ----------
        pairs : mapping or iterable of pairs
        ttl, idle_ttl : float or None, optional
            As for `put`.

        Returns
        -------
        int
            How many could fit. Of the others, no older value stays.

        Raises
        ------
        What `put` raises. What was put before stays, what comes after is not put.
        """
        cdef Py_ssize_t kept = 0
        if hasattr(pairs, "keys"):
            pairs = dict(pairs).items()
        for key, value in pairs:
            kept += put_or_drop(self, key, value, ttl, idle_ttl)
        return kept

    def delete_many(self, keys, /):
        """Delete those keys that are there, and say how many there were.

        Parameters
        ----------
        keys : iterable of bytes-like
            If one is no bytes, none is deleted.

        Examples
        --------
        >>> cache = BytesCache("1MiB")
        >>> cache.update({b"a": b"1", b"b": b"2"})
        >>> cache.delete_many([b"a", b"x"])
        1
        """
        cdef Py_ssize_t taken = 0
        for key in [as_bytes(key) for key in keys]:
            taken += take(self, <PyObject *> key, BB_DELETED, False, False) is not NOTHING
        return taken

    def pop_many(self, keys, /):
        """Take those keys out that are there, and return their values as a dict of bytes.

        Each key counts as a lookup. If one is no bytes, none is taken; without memory for a
        value, those before it are gone.

        Examples
        --------
        >>> cache = BytesCache("1MiB")
        >>> cache.update({b"a": b"1", b"b": b"2"})
        >>> cache.pop_many([b"b", b"x"])
        {b'b': b'2'}
        """
        cdef dict found = {}
        for key in [as_bytes(key) for key in keys]:
            value = take(self, <PyObject *> key, BB_DELETED, True, True)
            if value is not NOTHING:
                found[key] = value
        return found

    # ---- deleting ----

    def __delitem__(self, key):
        if take(self, <PyObject *> key, BB_DELETED, False, False) is NOTHING:
            raise KeyError(key)

    @cython.embedsignature(False)
    def pop(self, key, default=NOTHING, /):
        """pop($self, key, default=..., /)
--

        Take an entry out and return its value; `default` if there is none.

        Raises
        ------
        KeyError
            If there is none and no default.
        """
        value = take(self, <PyObject *> key, BB_DELETED, True, True)
        if value is not NOTHING:
            return value
        if default is NOTHING:
            raise KeyError(key)
        return default

    def popitem(self):
        """Take the least recently used entry out and return ``(key, value)``; KeyError if empty."""
        pair = take_oldest(self)
        if pair is None:
            raise KeyError("popitem(): the cache is empty")
        return pair

    def clear(self):
        """Drop every entry and give the memory back, but for what is viewed.

        With `on_evict`, all entries are copied before the first call, so that it finds the cache
        empty and all its memory free.
        """
        if self.timed:
            self.expire_until(self.exact_time())
        empty(self)

    # ---- looking without touching ----

    def oldest(self):
        """The least recently used ``(key, value)``, not promoted; KeyError if empty."""
        cdef uint64_t now = time_before_lock(self)
        bb_lock(&self.mutex)
        pair = self.pair_at(live_from(self, bb_lru_oldest(&self.lru), True, False, &now))
        if pair is None:
            raise KeyError("oldest(): the cache is empty")
        return pair

    def newest(self):
        """The most recently used ``(key, value)``, not promoted; KeyError if empty."""
        cdef uint64_t now = time_before_lock(self)
        bb_lock(&self.mutex)
        pair = self.pair_at(live_from(self, bb_lru_newest(&self.lru), False, False, &now))
        if pair is None:
            raise KeyError("newest(): the cache is empty")
        return pair

    def __iter__(self):
        return LRUIterator(self, WALK_KEYS, False)

    def __reversed__(self):
        return LRUIterator(self, WALK_KEYS, True)

    def _walk(self, kind, reverse):
        return LRUIterator(self, kind, reverse)

    # ---- copying ----

    def copy(self):
        """A cache of the same class, settings, contents and order.

        Counters start at zero; entries have the time left that they have here. In a budget the copy
        is charged like any other container.

        Raises
        ------
        BudgetExceededError
            If the budget has no room for a second one.

        Notes
        -----
        If the bound leaves no room for all, because memory is laid out otherwise, the oldest are
        missing.
        """
        cdef BytesCache other = self._like()
        other.fill(self.entries())
        return other

    cdef int fill(self, list entries) except -1:
        """Put entries of another cache, of which nobody is told."""
        callback = self.on_evict
        self.on_evict = None
        try:
            for key, value, ttl, idle in entries:
                store_for(self, key, value, True, False, ttl, idle)
        finally:
            self.on_evict = callback
        self.reset_stats()
        return 0

    def __reduce__(self):
        settings = (
            self.max_bytes, self.max_items, self.on_evict, self.budget, self.name, self.ttl,
            self.idle_ttl, self.ttl_jitter, self.timer,
        )
        return _new, (type(self),), (settings, self.entries(), self.__getstate__())

    def __setstate__(self, state):
        settings, entries, attributes = state
        max_bytes, max_items, on_evict, budget, name, ttl, idle_ttl, ttl_jitter, timer = settings
        set_attributes(self, attributes)
        self.begin(
            max_bytes, max_items, on_evict, budget, name, ttl, idle_ttl, ttl_jitter, timer
        )
        self.fill(entries)


def _new(cls):
    return cls.__new__(cls)


@cython.final
@cython.no_gc_clear
cdef class CachedValue:
    """The value of an entry of a `BytesCache` while it is viewed: what `BytesCache.view` shows."""

    def __init__(self):
        raise TypeError("a value is viewed by BytesCache.view()")

    def __dealloc__(self):
        if self.cache is not None:
            bb_lock(&self.cache.mutex)
            bb_bytes_cache_release(&self.cache.core, self.record)
            bb_unlock(&self.cache.mutex)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if self.cache is None:
            raise BufferError("a value is viewed by BytesCache.view()")
        PyBuffer_FillInfo(
            buffer, self, <void *> bb_bytes_record_value(self.record), self.record.value_size,
            True, flags,
        )

    def __reduce__(self):
        raise TypeError("a CachedValue cannot be copied or pickled: it is memory of this process")


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a cache; the collector holds a reference to it."""
    (<BytesCache> self).on_evict = None
    return 0


cdef install_slots():
    cdef BytesCache probe = BytesCache.__new__(BytesCache)
    bb_install_bytes_slots(
        <PyTypeObject *> BytesCache, <char *> &probe.core - <char *> <PyObject *> probe,
        <char *> &probe.mutex - <char *> <PyObject *> probe, clear_references,
    )
    register_container(BytesCache, bb_container_traverse_locked)


install_slots()
bb_publish(<PyTypeObject *> BytesCache, "bytebound.BytesCache")
