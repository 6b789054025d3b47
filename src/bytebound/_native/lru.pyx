# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""A least-recently-used cache whose bound is in bytes."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT32_MAX, uint32_t, uint64_t
from libc.string cimport memset

from bytebound._native.container cimport set_attributes
from bytebound._native.core cimport (
    BB_CLEARED,
    BB_DELETED,
    BB_LRU_GIVEN,
    BB_OK,
    BB_OVER_BUDGET,
    BB_PINNED,
    BB_REPLACED,
    BB_SIZE,
    BB_TOO_LARGE,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_batch_push,
    bb_batch_reserve,
    bb_found,
    bb_found_free,
    bb_found_init,
    bb_lru,
    bb_lru_clear_way,
    bb_lru_copy,
    bb_lru_index_of,
    bb_lru_insert,
    bb_lru_insert_shared,
    bb_lru_is_pinned,
    bb_lru_newer,
    bb_lru_newest,
    bb_lru_oldest,
    bb_lru_prefetch,
    bb_lru_prefetch_slot,
    bb_lru_promote,
    bb_lru_remove,
    bb_lru_renew,
    bb_lru_replace,
    bb_lru_replace_shared,
    bb_lru_schedule,
    bb_lru_take_all,
    bb_reason,
    bb_refusal,
    bb_removed,
    bb_status,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.lru_base cimport (
    LRUBase,
    bb_container_traverse_locked,
    bb_drop_taken,
    bb_install_lru_slots,
    bb_share_entries,
)
from bytebound._native.lru_iterator cimport LRUIterator
from bytebound._native.lru_pin cimport LRUPin
from bytebound._native.lru_state cimport (
    charge_of,
    find,
    is_over,
    live_count,
    live_from,
    time_before_lock,
)
from bytebound._native.mapping cimport WALK_KEYS
from bytebound._native.measuring cimport SIZE_BY_CALL, SIZE_DEEP, SIZE_SHARED, checked_size
from bytebound._native.sizing cimport register_container
from bytebound._native.support cimport (
    bb_hash,
    bb_lock,
    bb_publish,
    bb_python_allocator,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)
from bytebound._native.timing cimport Times

from time import monotonic as _monotonic

from bytebound._native.errors import PinnedError as _PinnedError
from bytebound._native.units import MAX_SIZE as _MAX_SIZE


cdef extern from "Python.h":
    PyObject *PyTuple_New(Py_ssize_t size) except NULL
    void PyTuple_SET_ITEM(PyObject *pair, Py_ssize_t index, PyObject *item)


cdef object NOTHING = object()

include "lru_paths.pxi"
include "lru_bulk.pxi"


@cython.collection_type("mapping")
@cython.no_gc_clear
cdef class LRUCache(LRUBase):
    """LRUCache(max_bytes, *, max_items=None, sizer="deep", on_evict=None, budget=None, \
charge_overhead=True, name=None, ttl=None, idle_ttl=None, ttl_jitter=0.0, timer=...)
--

    A mapping that keeps what was used most recently, within a bound of bytes.

    Whatever would pass the bound is preceded by evicting the entries that were used longest
    ago, so ``nbytes <= max_bytes`` holds at every instant that anybody can look, inside
    callbacks too. What counts is what keys and values measure and every byte of the cache's
    own tables.

    Parameters
    ----------
    max_bytes : int or str
        The bound, in bytes or as text such as ``"64MiB"`` (binary) or ``"64MB"`` (decimal).
    max_items : int, optional
        A bound on entries besides.
    sizer : {"deep", "shallow", "shared"} or callable, default "deep"
        ``"deep"`` measures everything reachable from key and value that is data, shared
        parts once; ``"shallow"`` the two objects alone; a callable ``(key, value) -> int``
        whatever it returns, in bytes. ``"shared"`` is ``"deep"`` over all entries: what several
        hold is charged once, until the last of them leaves; each object that an entry is made of
        costs 8 bytes of the cache's own tables, and 30 to 48 more once.
    on_evict : callable, optional
        ``on_evict(key, value, reason)`` is called once for each entry that leaves, when the
        cache is consistent again and no lock is held, so it may use the cache. Reasons:
        ``"size"``, ``"items"``, ``"budget"`` (a bound), ``"trimmed"``, ``"expired"``,
        ``"replaced"`` (by another object under the same key), ``"deleted"``, ``"cleared"``. An
        exception in it, KeyboardInterrupt too, goes to `sys.unraisablehook`; what caused the
        call stands. A cache that dies calls nothing.
    budget : Budget, optional
        A bound that it shares with other containers.
    charge_overhead : bool, default True
        Whether the bound covers the cache's own tables.
    name : str, optional
        What representations call it.
    ttl : float, optional
        For how many seconds an entry lives after it was put, unless `put` says otherwise.
    idle_ttl : float, optional
        After how many seconds an entry expires that nobody looked up, unless `put` says otherwise.
    ttl_jitter : float, default 0.0
        By which share of it a `ttl` may be shorter, at random for each entry, so that what was put
        together does not expire together.
    timer : callable, default `time.monotonic`
        Tells the time, in seconds. One that goes back is held where it has been.

    Raises
    ------
    TypeError, ValueError
        For a bound, sizer, callback, time or timer that is none.

    Notes
    -----
    ``cache[key]``, `get`, `pop` and `setdefault` make an entry the newest and count as
    lookups; so do ``dict(cache)``, ``**cache`` and ``match``, which read by key. `peek`,
    ``in``, iteration, views, ``==`` and `copy` do neither. Iteration goes from least to most
    recently used. Reading and overwriting while iterating is allowed; an entry that enters or
    leaves makes the iterator raise RuntimeError.

    All single-entry operations are O(1) beside measuring, amortised for those that insert or
    delete. An entry costs about 54 bytes beside its key and value. Safe to
    use from several threads, with and without the GIL. Keys are compared outside the
    lock; a lookup whose comparisons keep changing the cache raises RuntimeError.

    Beside what is charged, an operation that evicts several entries takes up to 80 bytes for each
    until their callbacks have run, and an iterator 4 bytes an entry from the first promotion
    during iteration on.

    What is not data (functions, classes, modules, frames; see `sizeof`) counts nothing, and
    neither does what only it holds: say what such a value costs with ``put(size=)``. Sizes are
    those at the time of putting; see `remeasure` and `audit` for values that
    change afterwards.

    What has expired is never returned, counted, iterated or copied. Its memory stays charged, and
    the callback waits, until it is looked up, until `expire`, or until some write: each takes out
    four of what has expired, and more rather than evict what has not. So no operation costs more
    for there being many entries. Putting starts an entry's time anew; looking it up, the time of
    `idle_ttl`. Entries that leave so do not disturb iterators. The first entry that is given a time
    makes the table larger by 16 bytes an entry (32 for `idle_ttl`) and 1 KiB for good.

    What is pinned (see `pin`) does not leave, and does not expire meanwhile. What would need it to
    leave raises `PinnedError`, and evictions pass over it: O(pinned entries that are older than
    what leaves).

    With ``sizer="shared"``, each part (an object that takes memory) costs about 30 bytes of
    table and 8 for each entry that holds it, also charged, and every operation that an entry
    enters or leaves by is O(its parts). An entry that could not be kept alone is refused,
    whoever holds its parts already. A part is charged what it measured last. Parts are known
    by address and not kept alive: what a value lets go of while it is in the cache stays
    charged until the entry leaves or is measured again. Sizes given with ``put(size=)`` are
    charged beside and share nothing.

    Examples
    --------
    >>> from bytebound import LRUCache
    >>> cache = LRUCache("64MiB")
    >>> cache["greeting"] = {"text": "hello", "words": [1, 2, 3]}
    >>> cache["greeting"]["text"]
    'hello'
    >>> cache.nbytes <= cache.max_bytes
    True
    """

    def __init__(
        self, max_bytes, *, max_items=None, sizer="deep", on_evict=None, budget=None,
        charge_overhead=True, name=None, ttl=None, idle_ttl=None, ttl_jitter=0.0,
        timer=_monotonic,
    ):
        self.configure(
            max_bytes, max_items, sizer, on_evict, budget, charge_overhead, name, ttl, idle_ttl,
            ttl_jitter, timer,
        )

    # ---- reading ----

    def __getitem__(self, key):
        cdef PyObject *value
        if read(self, <PyObject *> key, True, &value):
            return bb_steal(value)
        if type(self) is not LRUCache and hasattr(type(self), "__missing__"):
            return self.__missing__(key)
        raise KeyError(key)

    def get(self, key, default=None, /):
        """The value under a key, made the newest entry; `default` if there is none."""
        cdef PyObject *value
        if read(self, <PyObject *> key, True, &value):
            return bb_steal(value)
        return default

    def peek(self, key, default=None, /):
        """The value under a key, or `default`; neither promotes nor counts as a lookup."""
        cdef PyObject *value
        if read(self, <PyObject *> key, False, &value):
            return bb_steal(value)
        return default

    def __contains__(self, key):
        cdef PyObject *value
        if read(self, <PyObject *> key, False, &value):
            decref(value)
            return True
        return False

    def __len__(self):
        if self.timed:
            return live_count(self)
        return self.lru.count

    # ---- writing ----

    def __setitem__(self, key, value):
        cdef Py_hash_t hash_value
        cdef uint64_t charge
        cdef Times times
        if self.sizing == SIZE_SHARED:
            if self.timed:
                self.default_times(&times)
            store_shared(self, key, value, True, True, &times if self.timed else NULL)
            return
        hash_value = bb_hash(<PyObject *> key)
        charge = charge_of(self, <PyObject *> key, <PyObject *> value)
        if not store(self, <PyObject *> key, <PyObject *> value, hash_value, charge):
            raise self.too_large(charge)

    def put(self, key, value, *, size=None, ttl=..., idle_ttl=...):
        """Put an entry if it can fit.

        Parameters
        ----------
        key, value : object
        size : int, optional
            What to charge for key and value, in bytes, instead of measuring them.
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
        TypeError, ValueError, OverflowError
            If `size` is not an int, negative, or above 2**62 - 1; if a time is not a number,
            negative or NaN.
        PinnedError
            If the entry is pinned and `value` another one, or if what is pinned leaves no room.
        BudgetExceededError
            If a budget above has no room; nothing has changed.

        Examples
        --------
        >>> cache = LRUCache("1kB")
        >>> cache.put("small", "value"), cache.put("large", bytes(2000))
        (True, False)
        """
        cdef Times times
        if not self.timed and ttl is ... and idle_ttl is ...:
            return put_or_drop(self, key, value, size, NULL) == 1
        self.given_times(ttl, idle_ttl, &times)
        return put_or_drop(self, key, value, size, &times) == 1

    def setdefault(self, key, default=None, /):
        """The value under a key; puts `default` there first if there is none.

        Raises what ``cache[key] = default`` raises. Threads that set one key at once all get
        the same value.
        """
        cdef PyObject *value
        if read(self, <PyObject *> key, True, &value):
            return bb_steal(value)
        return put_if_absent(self, key, default, None, True, ..., ...)

    def get_or_put(self, key, factory, /, *, size=None, ttl=..., idle_ttl=...):
        """The value under a key; calls ``factory()`` and puts what it returns if there is none.

        Parameters
        ----------
        key : object
        factory : callable
            Called without arguments and without any lock. Threads that miss one key at once each
            call it, and all get the value that was put first.
        size, ttl, idle_ttl : optional
            As for `put`.

        Returns
        -------
        object
            What is there, or what the factory made: returned even if it is too large to be kept.

        Raises
        ------
        What the factory raises, with nothing put, and what `put` raises.

        Examples
        --------
        >>> cache = LRUCache("1MiB")
        >>> cache.get_or_put("answer", lambda: 42)
        42
        >>> cache.get_or_put("answer", lambda: 43)
        42
        """
        cdef PyObject *value
        if read(self, <PyObject *> key, True, &value):
            return bb_steal(value)
        return put_if_absent(self, key, factory(), size, False, ttl, idle_ttl)

    # ---- many at once ----

    def get_many(self, keys, /):
        """The values of those keys that are there, each made the newest, as a dict.

        Parameters
        ----------
        keys : iterable

        Returns
        -------
        dict
            By the keys that were given, in their order, without those that are not there.

        Notes
        -----
        Each key counts as a lookup, in order. The timer is read once, at the start.
        O(keys), in one call. If a key cannot be hashed or compared, those before it were looked up.

        Examples
        --------
        >>> cache = LRUCache("1MiB")
        >>> cache.put_many({"a": 1, "b": 2})
        2
        >>> cache.get_many(["b", "x", "a"])
        {'b': 2, 'a': 1}
        """
        return look_up_many(self, keys)

    def put_many(self, pairs, /, *, ttl=..., idle_ttl=...):
        """Put many entries, each as by `put`, in one call.

        Parameters
        ----------
        pairs : mapping or iterable of pairs
        ttl, idle_ttl : float or None, optional
            As for `put`, from the start of the call on.

        Returns
        -------
        int
            How many could fit. Of the others, no older value stays.

        Raises
        ------
        What `put` raises. What was put before stays, what comes after is not put.
        """
        return put_each(self, pairs, ttl, idle_ttl)

    def delete_many(self, keys, /):
        """Delete those keys that are there: all of them, or none if this raises.

        Parameters
        ----------
        keys : iterable

        Returns
        -------
        int
            How many there were.

        Raises
        ------
        PinnedError
            If one of them is pinned.

        Examples
        --------
        >>> cache = LRUCache("1MiB")
        >>> cache.update(a=1, b=2, c=3)
        >>> cache.delete_many(["a", "c", "x"])
        2
        """
        return take_many(self, keys, None)

    def pop_many(self, keys, /):
        """Take those keys out that are there, and return their values as a dict.

        Each key counts as a lookup. Takes all of them, or none if this raises, as `delete_many`.

        Examples
        --------
        >>> cache = LRUCache("1MiB")
        >>> cache.update(a=1, b=2, c=3)
        >>> cache.pop_many(["c", "x"])
        {'c': 3}
        """
        cdef dict found = {}
        take_many(self, keys, found)
        return found

    # ---- pinning ----

    def pin(self, key, /):
        """Keep an entry from leaving while a ``with`` block runs.

        Parameters
        ----------
        key : object

        Returns
        -------
        LRUPin
            A context manager that looks the key up and gives its value; KeyError if there is none.
            It may be entered more than once, also by several threads.

        Raises
        ------
        PinnedError, EntryTooLargeError, BudgetExceededError
            From entering, if there is no room for the memory that the pin takes, 16 bytes and more.

        Notes
        -----
        An entry may be pinned any number of times, and stays until the last pin ends: bounds,
        budgets, `trim` and its own expiry pass it over. To delete it, to clear the cache, to put
        another value or to lower a bound below what is pinned raises `PinnedError` and changes
        nothing. Putting the same value and `remeasure` are allowed.

        O(1). `stats` tells what is pinned. A pin keeps its cache alive; copies have no pins.

        Examples
        --------
        >>> cache = LRUCache("1MiB", max_items=2)
        >>> cache.update(a=[1], b=[2])
        >>> with cache.pin("a") as value:
        ...     cache["c"] = [3]
        ...     cache["d"] = [4]
        ...     value
        [1]
        >>> list(cache)
        ['a', 'd']
        """
        return LRUPin(self, key)

    # ---- deleting ----

    def __delitem__(self, key):
        cdef PyObject *value
        if not take(self, <PyObject *> key, BB_DELETED, False, &value):
            raise KeyError(key)
        decref(value)

    @cython.embedsignature(False)
    def pop(self, key, default=NOTHING, /):
        """pop($self, key, default=..., /)
--

        Take an entry out and return its value; `default` if there is none.

        Raises
        ------
        KeyError
            If there is none and no default.
        PinnedError
            If it is pinned.
        """
        cdef PyObject *value
        if take(self, <PyObject *> key, BB_DELETED, True, &value):
            return bb_steal(value)
        if default is NOTHING:
            raise KeyError(key)
        return default

    def popitem(self):
        """Take the least recently used entry out that is not pinned, and return ``(key, value)``.

        Raises
        ------
        KeyError
            If the cache is empty.
        PinnedError
            If everything is pinned.
        """
        cdef bb_removed removed
        cdef uint64_t now = time_before_lock(self)
        cdef uint32_t index
        cdef bint pinned
        cdef PyObject *pair = PyTuple_New(2)  # first, so that no entry is lost if it fails
        bb_lock(&self.mutex)
        index = live_from(self, bb_lru_oldest(&self.lru), True, True, &now)
        if index == 0:
            pinned = self.lru.pins.count != 0
            bb_unlock(&self.mutex)
            decref(pair)
            if pinned:
                raise _PinnedError("popitem(): every entry is pinned")
            raise KeyError("popitem(): the cache is empty")
        bb_lru_remove(&self.lru, index, BB_DELETED, &removed)
        bb_unlock(&self.mutex)
        PyTuple_SET_ITEM(pair, 0, <PyObject *> removed.key)
        PyTuple_SET_ITEM(pair, 1, <PyObject *> removed.value)
        self.notify(<PyObject *> removed.key, <PyObject *> removed.value, BB_DELETED)
        return bb_steal(pair)

    def clear(self):
        """Drop every entry and give the native memory back; PinnedError if one is pinned."""
        cdef bb_lru taken
        cdef uint32_t index
        if self.timed:
            self.expire_until(self.exact_time())
        bb_lock(&self.mutex)
        if self.lru.pins.count != 0:
            bb_unlock(&self.mutex)
            raise _PinnedError(
                f"the cache cannot be cleared: {self.lru.pins.count} of its entries are pinned"
            )
        bb_lru_take_all(&self.lru, &taken)
        bb_unlock(&self.mutex)
        if self.on_evict is not None:
            index = bb_lru_oldest(&taken)
            while index != 0:
                self.notify(
                    <PyObject *> taken.entries[index].key,
                    <PyObject *> taken.entries[index].value, BB_CLEARED,
                )
                index = bb_lru_newer(&taken, index)
        bb_drop_taken(&taken)

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

    # ---- pickling ----

    def __reduce__(self):
        cdef uint64_t payload
        settings = (
            self.max_bytes, self.max_items, self.sizer, self.on_evict, self.budget,
            self.lru.charge_overhead, self.name, self.ttl, self.idle_ttl, self.ttl_jitter,
            self.timer,
        )
        entries = []
        for key, value, charge, given, ttl, idle in self.entries(False, &payload):
            entries.append((key, value, charge if given else None, ttl, idle))
        return _new, (type(self),), (settings, entries, self.__getstate__())

    def __setstate__(self, state):
        cdef bb_refusal refusal
        cdef bb_status status
        cdef LRUCache staged
        settings, entries, attributes = state
        max_bytes, max_items, sizer, on_evict, budget, charge_overhead, name, *times = settings
        ttl, idle_ttl, ttl_jitter, timer = times
        set_attributes(self, attributes)
        # Filled first without a bound: growing step by step under it could leave no room for the
        # last entries, though all of them fit.
        staged = LRUCache(_MAX_SIZE, sizer=sizer, charge_overhead=charge_overhead, timer=timer)
        for key, value, size, left, idle in entries:
            staged.put(key, value, size=size, ttl=left, idle_ttl=idle)
        self.configure(
            max_bytes, max_items, sizer, None, budget, charge_overhead, name, ttl, idle_ttl,
            ttl_jitter, timer,
        )
        self.timed |= staged.timed
        if staged.lru.count <= self.lru.max_count:
            status = bb_lru_copy(&staged.lru, &self.lru, &refusal)
            if status == BB_OK:
                bb_share_entries(&self.lru)
        if len(self) == 0:
            for key, value, size, left, idle in entries:
                LRUCache.put(self, key, value, size=size, ttl=left, idle_ttl=idle)
        self.on_evict = on_evict
        self.reset_stats()


def _new(cls):
    return cls.__new__(cls)


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a cache; the collector holds a reference to it."""
    cdef LRUCache cache = <LRUCache> self
    cdef bb_lru taken
    bb_lock(&cache.mutex)
    bb_lru_take_all(&cache.lru, &taken)
    bb_unlock(&cache.mutex)
    cache.on_evict = None
    if cache.sizing == SIZE_BY_CALL:
        cache.sizer = "deep"
        cache.sizing = SIZE_DEEP
    bb_drop_taken(&taken)
    return 0


cdef install_slots():
    cdef LRUCache probe = LRUCache.__new__(LRUCache)
    bb_install_lru_slots(
        <PyTypeObject *> LRUCache, <char *> &probe.lru - <char *> <PyObject *> probe,
        <char *> &probe.mutex - <char *> <PyObject *> probe, clear_references,
    )
    register_container(LRUCache, bb_container_traverse_locked)


install_slots()
bb_publish(<PyTypeObject *> LRUCache, "bytebound.LRUCache")
