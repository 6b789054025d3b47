# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, boundscheck=False, wraparound=False
"""A least-recently-used cache whose bound is in bytes."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT32_MAX, uint32_t, uint64_t
from libc.string cimport memset

from bytebound._native.budget cimport budget_exceeded
from bytebound._native.core cimport (
    BB_BUDGET,
    BB_CHANGED,
    BB_CLEARED,
    BB_DELETED,
    BB_LRU_CHARGE_MAX,
    BB_LRU_GIVEN,
    BB_OK,
    BB_OVER_BUDGET,
    BB_REPLACED,
    BB_SIZE,
    BB_TOO_LARGE,
    BB_TRIMMED,
    BB_UNLIMITED,
    bb_allocator,
    bb_budget_read,
    bb_budget_reset_peak,
    bb_budget_totals,
    bb_lru_batch_free,
    bb_lru_batch_init,
    bb_lru_charge,
    bb_lru_copy,
    bb_lru_counters,
    bb_lru_cursor_close,
    bb_lru_cursor_next,
    bb_lru_cursor_open,
    bb_lru_entry,
    bb_lru_first,
    bb_lru_init,
    bb_lru_insert,
    bb_lru_limit_bytes,
    bb_lru_limit_count,
    bb_lru_newer,
    bb_lru_newest,
    bb_lru_next,
    bb_lru_oldest,
    bb_lru_overhead_for,
    bb_lru_probe,
    bb_lru_promote,
    bb_lru_recharge,
    bb_lru_remove,
    bb_lru_removed,
    bb_lru_replace,
    bb_lru_reserve,
    bb_lru_take_all,
    bb_lru_trim,
    bb_lru_validate,
    bb_refusal,
    bb_status,
    bb_status_text,
)
from bytebound._native.sizing cimport bb_leaf_nbytes, measure as measure_objects

from operator import index as to_index

from bytebound._native.errors import EntryTooLargeError
from bytebound._native.mapping import Audit, CacheStats
from bytebound._native.units import parse_size


cdef extern from "Python.h":
    # Borrowed pointers: these take no part in Cython's own reference counting.
    void incref "Py_INCREF" (PyObject *)
    void decref "Py_DECREF" (PyObject *)
    int PyObject_RichCompareBool(PyObject *, PyObject *, int) except -1
    int Py_EQ


cdef extern from "lru_support.h":
    ctypedef int (*inquiry)(PyObject *)

    const uint32_t BB_ASK
    Py_hash_t bb_hash(PyObject *) except -1
    object bb_steal(PyObject *)
    bb_allocator bb_python_allocator()
    uint32_t bb_find(const bb_lru *, PyObject *, Py_hash_t)
    void bb_drop_taken(bb_lru *)
    void bb_share_entries(const bb_lru *)
    void bb_notify(PyObject *, PyObject *, PyObject *, PyObject *)
    void bb_publish(PyTypeObject *, const char *)
    void bb_install_slots(PyTypeObject *, Py_ssize_t, inquiry)


cdef tuple REASONS = ("size", "items", "budget", "trimmed", "replaced", "deleted", "cleared")

# How often a lookup starts over because comparing keys changed the cache.
cdef enum:
    MAX_RESTARTS = 1000

cdef object KEEP = type("keep", (), {"__repr__": lambda self: "<keep>", "__slots__": ()})()
cdef int KEYS = 0, VALUES = 1


cdef uint64_t checked_size(size, str what) except? 0xFFFFFFFFFFFFFFFF:
    try:
        size = to_index(size)
    except TypeError:
        raise TypeError(
            f"{what} must be an int number of bytes, not {type(size).__name__}: {size!r}"
        ) from None
    if size < 0:
        raise ValueError(f"{what} must not be negative: {size}")
    if size > BB_LRU_CHARGE_MAX:
        raise OverflowError(f"{what} must be at most {BB_LRU_CHARGE_MAX} bytes, not {size}")
    return size


cdef uint32_t checked_items(max_items) except? 0:
    if max_items is None:
        return UINT32_MAX
    try:
        max_items = to_index(max_items)
    except TypeError:
        raise TypeError(
            f"max_items must be an int or None, not {type(max_items).__name__}: {max_items!r}"
        ) from None
    if max_items < 1:
        raise ValueError(f"max_items must be at least 1 or None, not {max_items}")
    return min(max_items, UINT32_MAX)


@cython.no_gc_clear
cdef class LRUCache(BoundedMapping):
    """LRUCache(max_bytes, *, max_items=None, sizer="deep", on_evict=None, budget=None, charge_overhead=True, name=None)

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
    sizer : {"deep", "shallow"} or callable, default "deep"
        ``"deep"`` measures everything reachable from key and value that is data, shared
        parts once; ``"shallow"`` the two objects alone; a callable ``(key, value) -> int``
        whatever it returns, in bytes.
    on_evict : callable, optional
        ``on_evict(key, value, reason)`` is called once for each entry that leaves, when the
        cache is consistent again and no lock is held, so it may use the cache. Reasons:
        ``"size"``, ``"items"``, ``"budget"`` (a bound), ``"trimmed"``, ``"replaced"``
        (by another object under the same key), ``"deleted"``, ``"cleared"``. An exception in
        it goes to `sys.unraisablehook`; what caused the call stands. A cache that dies
        calls nothing.
    budget : Budget, optional
        A bound that it shares with other containers.
    charge_overhead : bool, default True
        Whether the bound covers the cache's own tables.
    name : str, optional
        What representations call it.

    Raises
    ------
    TypeError, ValueError
        For a bound, sizer or callback that is none.

    Notes
    -----
    ``cache[key]``, `get`, `pop` and `setdefault` make an entry the newest and count as
    lookups; `peek`, ``in``, iteration and views do neither. Iteration goes from least to
    most recently used. Reading and overwriting while iterating is allowed; an entry that enters or
    leaves makes the iterator raise RuntimeError.

    All single-entry operations are O(1) beside measuring, amortised for those that insert or
    delete. An entry costs 40 bytes of links and about 10 of table. Safe to
    use from several threads, with and without the GIL. Keys are compared outside the
    lock; a lookup whose comparisons keep changing the cache raises RuntimeError.

    Sizes are those at the time of putting; see `remeasure` and `audit` for values that
    change afterwards.

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

    def __cinit__(self, *args, **kwargs):
        self.ready = False
        bb_lru_init(&self.lru, bb_python_allocator(), 0, UINT32_MAX, True, NULL)

    def __init__(
        self, max_bytes, *, max_items=None, sizer="deep", on_evict=None, budget=None,
        charge_overhead=True, name=None,
    ):
        self.configure(max_bytes, max_items, sizer, on_evict, budget, charge_overhead, name)

    cdef int configure(
        self, max_bytes, max_items, sizer, on_evict, Budget budget, bint charge_overhead, name
    ) except -1:
        cdef uint64_t limit = parse_size(max_bytes)
        cdef uint32_t max_count = checked_items(max_items)
        cdef Sizing sizing = SIZE_BY_CALL
        if isinstance(sizer, str):
            if sizer not in ("deep", "shallow"):
                raise ValueError(f'sizer must be "deep", "shallow" or a callable, not {sizer!r}')
            sizing = SIZE_DEEP if sizer == "deep" else SIZE_SHALLOW
        elif not callable(sizer):
            raise TypeError(
                f'sizer must be "deep", "shallow" or a callable, not {type(sizer).__name__}'
            )
        if on_evict is not None and not callable(on_evict):
            raise TypeError(f"on_evict must be callable or None, not {type(on_evict).__name__}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, not {type(name).__name__}")
        if self.ready:
            raise RuntimeError("this cache is initialised already; use resize() to change bounds")
        self.ready = True
        self.sizing = sizing
        self.sizer = sizer
        self.on_evict = on_evict
        self.budget = budget
        self.name = name
        bb_lru_init(
            &self.lru, bb_python_allocator(), limit, max_count, charge_overhead,
            &budget.core if budget is not None else NULL,
        )
        return 0

    # ---- measuring ----

    cdef uint64_t measure(self, PyObject *key, PyObject *value) except? 0xFFFFFFFFFFFFFFFF:
        """What an entry is to be charged. May run Python code, so no lock is held."""
        cdef PyObject *pair[2]
        cdef Py_ssize_t key_size
        cdef Py_ssize_t value_size
        if self.sizing == SIZE_BY_CALL:
            return checked_size(self.sizer(<object>key, <object>value), "a sizer's result")
        key_size = bb_leaf_nbytes(key)
        value_size = bb_leaf_nbytes(value)
        if key_size >= 0 and value_size >= 0 and key != value:
            return key_size + value_size
        pair[0] = key
        pair[1] = value
        return measure_objects(
            pair, 2, self.sizing == SIZE_DEEP, min(self.lru.budget.limit, BB_LRU_CHARGE_MAX)
        )

    # ---- finding ----

    cdef uint32_t find(self, PyObject *key, Py_hash_t hash_value) except? 0xFFFFFFFF:
        """The index of a key, or 0. Called and left with the lock held; left without it, on error."""
        cdef uint32_t index = bb_find(&self.lru, key, hash_value)
        if index == BB_ASK:
            return self.find_by_asking(key, hash_value)
        return index

    cdef uint32_t find_by_asking(self, PyObject *key, Py_hash_t hash_value) except? 0xFFFFFFFF:
        """As find, for keys that only Python code can compare: it may change the cache."""
        cdef bb_lru_probe probe
        cdef PyObject *stored
        cdef uint64_t version
        cdef uint32_t index
        cdef bint equal, there
        for _ in range(MAX_RESTARTS):
            version = self.lru.version
            index = bb_lru_first(&self.lru, hash_value, &probe)
            while index != 0:
                stored = <PyObject *> self.lru.entries[index].key
                incref(stored)
                bb_unlock(&self.mutex)
                try:
                    equal = PyObject_RichCompareBool(stored, key, Py_EQ)
                except BaseException:
                    decref(stored)
                    raise
                bb_lock(&self.mutex)
                there = (
                    index <= self.lru.used
                    and <PyObject *> self.lru.entries[index].key == stored
                )
                if not there:
                    # the last reference may be ours, and dropping it may run Python code
                    bb_unlock(&self.mutex)
                    decref(stored)
                    bb_lock(&self.mutex)
                    break
                decref(stored)
                if equal:
                    return index
                if version != self.lru.version:
                    break
                index = bb_lru_next(&self.lru, hash_value, &probe)
            else:
                return 0
        bb_unlock(&self.mutex)
        raise RuntimeError(
            f"the cache changed each of {MAX_RESTARTS} times that a key was compared with the "
            f"keys in it: {<object> key!r}"
        )

    # ---- reading ----

    cdef int read(self, PyObject *key, bint promote, PyObject **value) except -1:
        """1 and a new reference if the key is there, else 0. With `promote` it is a lookup."""
        cdef Py_hash_t hash_value = bb_hash(key)
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = self.find(key, hash_value)
        if index == 0:
            self.lru.counters.misses += promote
            bb_unlock(&self.mutex)
            return 0
        if promote:
            self.lru.counters.hits += 1
            bb_lru_promote(&self.lru, index)
        value[0] = <PyObject *> self.lru.entries[index].value
        incref(value[0])
        bb_unlock(&self.mutex)
        return 1

    def __getitem__(self, key):
        cdef PyObject *value
        if self.read(<PyObject *> key, True, &value):
            return bb_steal(value)
        if type(self) is not LRUCache and hasattr(type(self), "__missing__"):
            return self.__missing__(key)
        raise KeyError(key)

    def get(self, key, default=None, /):
        """The value under a key, made the newest entry; `default` if there is none."""
        cdef PyObject *value
        if self.read(<PyObject *> key, True, &value):
            return bb_steal(value)
        return default

    def peek(self, key, default=None, /):
        """The value under a key, or `default`; neither promotes nor counts as a lookup."""
        cdef PyObject *value
        if self.read(<PyObject *> key, False, &value):
            return bb_steal(value)
        return default

    def __contains__(self, key):
        cdef PyObject *value
        if self.read(<PyObject *> key, False, &value):
            decref(value)
            return True
        return False

    def __len__(self):
        return self.lru.count

    # ---- writing ----

    cdef int store(
        self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
    ) except -1:
        """Put a measured entry. 1 if done, 0 if it could never fit; then nothing has changed."""
        cdef uint32_t index
        cdef PyObject *stored
        cdef object kept
        for _ in range(MAX_RESTARTS):
            bb_lock(&self.mutex)
            index = self.find(key, hash_value)
            stored = <PyObject *> self.lru.entries[index].key if index != 0 else key
            if stored == key or self.sizing == SIZE_BY_CALL or charge & BB_LRU_GIVEN:
                return self.store_at(index, key, value, hash_value, charge)
            # The key that is there stays, so it is the one to measure with the value.
            incref(stored)
            bb_unlock(&self.mutex)
            kept = bb_steal(stored)
            key = stored
            charge = self.measure(key, value)
        raise RuntimeError(f"the cache changed each of {MAX_RESTARTS} times an entry was measured")

    cdef int store_at(
        self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
    ) except -1:
        """Insert at index 0, else replace. Called with the lock held, left without."""
        cdef bb_lru_batch batch
        cdef bb_refusal refusal
        cdef bb_status status
        cdef void *old = NULL
        bb_lru_batch_init(&batch)
        incref(value)
        if index == 0:
            incref(key)
            status = bb_lru_insert(&self.lru, key, value, hash_value, charge, &batch, &refusal)
        else:
            status = bb_lru_replace(&self.lru, index, value, charge, &batch, &refusal, &old)
        bb_unlock(&self.mutex)
        if status == BB_OK:
            if batch.count != 0:
                self.drop_batch(&batch)
            if old != NULL:
                if old != value:
                    self.notify(key, <PyObject *> old, BB_REPLACED)
                decref(<PyObject *> old)
            return 1
        decref(value)
        if index == 0:
            decref(key)
        bb_lru_batch_free(&self.lru, &batch)
        if status == BB_TOO_LARGE:
            return 0
        raise self.error_of(status, &refusal)

    cdef int drop_batch(self, bb_lru_batch *batch) except -1:
        """Call back for what was evicted and let go of it. Called without the lock."""
        cdef uint32_t i
        for i in range(batch.count):
            self.notify(
                <PyObject *> batch.items[i].key, <PyObject *> batch.items[i].value,
                batch.items[i].reason,
            )
            decref(<PyObject *> batch.items[i].key)
            decref(<PyObject *> batch.items[i].value)
        bb_lru_batch_free(&self.lru, batch)
        return 0

    cdef int notify(self, PyObject *key, PyObject *value, bb_reason reason) except -1:
        if self.on_evict is not None:
            callback = self.on_evict
            bb_notify(
                <PyObject *> callback, key, value,
                <PyObject *> (<tuple> REASONS)[<Py_ssize_t> reason],
            )
        return 0

    cdef object error_of(self, bb_status status, const bb_refusal *refusal):
        if status == BB_OVER_BUDGET:
            return budget_exceeded(self.budget, refusal)
        if status == BB_CHANGED:
            return RuntimeError("an entry entered or left the cache during iteration")
        return MemoryError(bb_status_text(status).decode())

    cdef object too_large(self, uint64_t charge):
        cdef uint64_t size = charge & ~BB_LRU_GIVEN
        cdef uint64_t limit = self.lru.budget.limit
        if not self.ready:
            return RuntimeError(f"{type(self).__name__} was not initialised: call its __init__")
        stopped_early = self.sizing == SIZE_DEEP and size == charge and size > limit
        structure = (
            f" and {bb_lru_overhead_for(1)} bytes of structure" if self.lru.charge_overhead else ""
        )
        return EntryTooLargeError(
            f"an entry of {'at least ' if stopped_early else ''}{size} bytes{structure} "
            f"cannot fit into max_bytes={limit}",
            size,
            limit,
        )

    def __setitem__(self, key, value):
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint64_t charge = self.measure(<PyObject *> key, <PyObject *> value)
        if not self.store(<PyObject *> key, <PyObject *> value, hash_value, charge):
            raise self.too_large(charge)

    def put(self, key, value, *, size=None):
        """Put an entry if it can fit.

        Parameters
        ----------
        key, value : object
        size : int, optional
            What to charge for key and value, in bytes, instead of measuring them.

        Returns
        -------
        bool
            False if the entry could not be kept were it alone. An older value under the key
            is dropped then, so that no stale one is served; nothing else leaves.

        Raises
        ------
        TypeError, ValueError, OverflowError
            If `size` is not an int, negative, or above 2**62 - 1.
        BudgetExceededError
            If a budget above has no room; nothing has changed.

        Examples
        --------
        >>> cache = LRUCache("1kB")
        >>> cache.put("small", "value"), cache.put("large", bytes(2000))
        (True, False)
        """
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint64_t charge
        cdef PyObject *older
        if size is None:
            charge = self.measure(<PyObject *> key, <PyObject *> value)
        else:
            charge = checked_size(size, "size") | BB_LRU_GIVEN
        if self.store(<PyObject *> key, <PyObject *> value, hash_value, charge):
            return True
        if not self.ready:
            raise self.too_large(charge)
        if self.take(<PyObject *> key, BB_REPLACED, False, &older):
            decref(older)
        return False

    def setdefault(self, key, default=None, /):
        """The value under a key; puts `default` there first if there is none.

        Raises what ``cache[key] = default`` raises.
        """
        cdef PyObject *value
        if self.read(<PyObject *> key, True, &value):
            return bb_steal(value)
        self[key] = default
        return default

    # ---- deleting ----

    cdef int take(
        self, PyObject *key, bb_reason reason, bint lookup, PyObject **value
    ) except -1:
        """Take an entry out: 1 and a new reference to its value, or 0."""
        cdef Py_hash_t hash_value = bb_hash(key)
        cdef bb_lru_removed removed
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = self.find(key, hash_value)
        if index == 0:
            self.lru.counters.misses += lookup
            bb_unlock(&self.mutex)
            return 0
        self.lru.counters.hits += lookup
        bb_lru_remove(&self.lru, index, reason, &removed)
        bb_unlock(&self.mutex)
        self.notify(<PyObject *> removed.key, <PyObject *> removed.value, reason)
        decref(<PyObject *> removed.key)
        value[0] = <PyObject *> removed.value
        return 1

    def __delitem__(self, key):
        cdef PyObject *value
        if not self.take(<PyObject *> key, BB_DELETED, False, &value):
            raise KeyError(key)
        decref(value)

    def pop(self, key, default=KEEP, /):
        """Take an entry out and return its value; `default` if there is none.

        Raises
        ------
        KeyError
            If there is none and no default.
        """
        cdef PyObject *value
        if self.take(<PyObject *> key, BB_DELETED, True, &value):
            return bb_steal(value)
        if default is KEEP:
            raise KeyError(key)
        return default

    def popitem(self):
        """Take the least recently used entry out and return its ``(key, value)``.

        Raises
        ------
        KeyError
            If the cache is empty.
        """
        cdef bb_lru_removed removed
        bb_lock(&self.mutex)
        if self.lru.count == 0:
            bb_unlock(&self.mutex)
            raise KeyError("popitem(): the cache is empty")
        bb_lru_remove(&self.lru, bb_lru_oldest(&self.lru), BB_DELETED, &removed)
        bb_unlock(&self.mutex)
        self.notify(<PyObject *> removed.key, <PyObject *> removed.value, BB_DELETED)
        return bb_steal(<PyObject *> removed.key), bb_steal(<PyObject *> removed.value)

    def clear(self):
        """Drop every entry and give the native memory back."""
        cdef bb_lru taken
        cdef uint32_t index
        bb_lock(&self.mutex)
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

    cdef object pair_at(self, uint32_t index):
        """The pair at an index, or None at 0. Called with the lock held, left without."""
        cdef PyObject *key
        cdef PyObject *value
        if index == 0:
            bb_unlock(&self.mutex)
            return None
        key = <PyObject *> self.lru.entries[index].key
        value = <PyObject *> self.lru.entries[index].value
        incref(key)
        incref(value)
        bb_unlock(&self.mutex)
        return bb_steal(key), bb_steal(value)

    def oldest(self):
        """The least recently used ``(key, value)``, not promoted; KeyError if empty."""
        bb_lock(&self.mutex)
        pair = self.pair_at(bb_lru_oldest(&self.lru))
        if pair is None:
            raise KeyError("oldest(): the cache is empty")
        return pair

    def newest(self):
        """The most recently used ``(key, value)``, not promoted; KeyError if empty."""
        bb_lock(&self.mutex)
        pair = self.pair_at(bb_lru_newest(&self.lru))
        if pair is None:
            raise KeyError("newest(): the cache is empty")
        return pair

    def __iter__(self):
        return LRUIterator(self, KEYS, False)

    def __reversed__(self):
        return LRUIterator(self, KEYS, True)

    def _walk(self, kind, reverse):
        return LRUIterator(self, kind, reverse)

    def entry_nbytes(self, key):
        """Bytes charged for the key and value of an entry; KeyError if there is none."""
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint32_t index
        cdef uint64_t charge
        bb_lock(&self.mutex)
        index = self.find(<PyObject *> key, hash_value)
        charge = bb_lru_charge(&self.lru.entries[index]) if index != 0 else 0
        bb_unlock(&self.mutex)
        if index == 0:
            raise KeyError(key)
        return charge

    # ---- bounds ----

    @property
    def max_bytes(self):
        """int: The bound, in bytes."""
        return self.totals().limit

    @property
    def max_items(self):
        """int or None: The bound on entries."""
        return None if self.lru.max_count == UINT32_MAX else self.lru.max_count

    @property
    def charge_overhead(self):
        """bool: Whether the bound covers the cache's own tables."""
        return self.lru.charge_overhead

    @property
    def nbytes(self):
        """int: Bytes charged now; never above `max_bytes`.

        `payload_nbytes`, and `overhead_nbytes` where overhead is charged.
        """
        return self.totals().total

    @property
    def payload_nbytes(self):
        """int: Bytes that keys and values measured."""
        return self.lru.payload

    @property
    def overhead_nbytes(self):
        """int: Bytes of the cache's own tables."""
        return self.lru.overhead

    @property
    def peak_nbytes(self):
        """int: The most `nbytes` has been, since `reset_stats`."""
        return self.totals().peak

    cdef bb_budget_totals totals(self):
        cdef bb_budget_totals totals
        bb_lock(&self.mutex)
        totals = bb_budget_read(&self.lru.budget)
        bb_unlock(&self.mutex)
        return totals

    def resize(self, max_bytes=KEEP, max_items=KEEP):
        """Change the bounds; evicts at once what no longer fits, oldest first.

        Parameters
        ----------
        max_bytes : int or str, optional
            The new bound in bytes; unchanged if left out.
        max_items : int or None, optional
            The new bound on entries, None for no such bound; unchanged if left out.

        Notes
        -----
        While entries leave, callbacks see a bound that sinks towards the new one and is
        never passed.

        Examples
        --------
        >>> cache = LRUCache("1MiB")
        >>> cache.update(a=1, b=2, c=3)
        >>> cache.resize(max_items=2)
        >>> list(cache)
        ['b', 'c']
        """
        cdef bb_lru_batch batch
        cdef uint64_t limit = 0 if max_bytes is KEEP else parse_size(max_bytes)
        cdef uint32_t max_count = 1 if max_items is KEEP else checked_items(max_items)
        cdef bint bytes_done = max_bytes is KEEP
        cdef bint items_done = max_items is KEEP
        while not (bytes_done and items_done):
            bb_lru_batch_init(&batch)
            bb_lock(&self.mutex)
            if not bytes_done:
                bytes_done = bb_lru_limit_bytes(&self.lru, limit, &batch)
            elif not items_done:
                items_done = bb_lru_limit_count(&self.lru, max_count, &batch)
            bb_unlock(&self.mutex)
            self.drop_batch(&batch)

    def trim(self, target_bytes):
        """Evict the oldest entries until `nbytes` is at most a target.

        Parameters
        ----------
        target_bytes : int or str

        Returns
        -------
        int
            Bytes given back.
        """
        cdef bb_lru_batch batch
        cdef uint64_t target = parse_size(target_bytes, "target_bytes")
        cdef uint64_t before, freed = 0
        cdef bint done = False
        while not done:
            bb_lru_batch_init(&batch)
            bb_lock(&self.mutex)
            before = bb_budget_read(&self.lru.budget).total
            done = bb_lru_trim(&self.lru, target, BB_TRIMMED, &batch)
            freed += before - bb_budget_read(&self.lru.budget).total
            bb_unlock(&self.mutex)
            self.drop_batch(&batch)
        return freed

    # ---- measuring again ----

    def remeasure(self, key):
        """Measure an entry anew, because its value has changed, and charge what it is now.

        Does not promote. An entry that has outgrown the bound, or for which a budget has no room, leaves with
        reason ``"size"`` or ``"budget"``.

        Returns
        -------
        int
            Bytes charged now, 0 if the entry had to leave.

        Raises
        ------
        KeyError
            If there is no such entry.
        """
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint64_t charge
        cdef uint32_t index
        for _ in range(MAX_RESTARTS):
            bb_lock(&self.mutex)
            pair = self.pair_at(self.find(<PyObject *> key, hash_value))
            if pair is None:
                raise KeyError(key)
            key, value = pair
            charge = self.measure(<PyObject *> key, <PyObject *> value)
            bb_lock(&self.mutex)
            index = self.find(<PyObject *> key, hash_value)
            if (
                index != 0
                and <PyObject *> self.lru.entries[index].key == <PyObject *> key
                and <PyObject *> self.lru.entries[index].value == <PyObject *> value
            ):
                return self.recharge_at(index, charge)
            bb_unlock(&self.mutex)
        raise RuntimeError(f"the entry changed each of {MAX_RESTARTS} times it was measured")

    cdef object recharge_at(self, uint32_t index, uint64_t charge):
        """Called with the lock held, left without."""
        cdef bb_lru_batch batch
        cdef bb_refusal refusal
        cdef bb_status status
        cdef uint64_t charged = charge
        bb_lru_batch_init(&batch)
        status = bb_lru_recharge(&self.lru, index, charge, &batch, &refusal)
        if status == BB_TOO_LARGE or status == BB_OVER_BUDGET:
            bb_lru_batch_free(&self.lru, &batch)
            bb_lru_remove(
                &self.lru, index, BB_SIZE if status == BB_TOO_LARGE else BB_BUDGET, &batch.items[0]
            )
            batch.count = 1
            charged = 0
            status = BB_OK
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        return charged

    def audit(self):
        """Measure every entry anew, and change nothing.

        Returns
        -------
        Audit
            ``(charged, measured, drift)`` in bytes.

        Notes
        -----
        O(what is measured). Entries are taken at one instant and measured after it.
        """
        charged = measured = 0
        for key, value, charge, given in self.entries():
            charged += charge
            measured += (
                charge if given else self.measure(<PyObject *> key, <PyObject *> value)
            )
        return Audit(charged, measured, measured - charged)

    def stats(self):
        """What the cache has done and holds, at one instant.

        Returns
        -------
        CacheStats
        """
        cdef bb_lru_counters counters
        cdef bb_budget_totals totals
        cdef uint64_t payload, overhead
        cdef uint32_t count
        bb_lock(&self.mutex)
        counters = self.lru.counters
        totals = bb_budget_read(&self.lru.budget)
        payload = self.lru.payload
        overhead = self.lru.overhead
        count = self.lru.count
        bb_unlock(&self.mutex)
        return CacheStats(
            hits=counters.hits,
            misses=counters.misses,
            inserts=counters.inserts,
            replacements=counters.left[<int> BB_REPLACED],
            evictions={reason: counters.left[i] for i, reason in enumerate(REASONS)},
            items=count,
            max_items=self.max_items,
            nbytes=totals.total,
            payload_nbytes=payload,
            overhead_nbytes=overhead,
            peak_nbytes=totals.peak,
            max_bytes=totals.limit,
        )

    def reset_stats(self):
        """Set every counter to zero and `peak_nbytes` to what is charged now."""
        cdef bb_lru_counters none
        memset(&none, 0, sizeof(none))
        bb_lock(&self.mutex)
        self.lru.counters = none
        bb_budget_reset_peak(&self.lru.budget)
        bb_unlock(&self.mutex)

    # ---- copying ----

    cdef list entries(self):
        """``(key, value, charge, given)`` of every entry, oldest first, at one instant."""
        cdef bb_lru copy
        cdef bb_refusal refusal
        cdef bb_status status
        cdef bb_lru_entry *entry
        cdef uint32_t index
        bb_lru_init(&copy, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, False, NULL)
        bb_lock(&self.mutex)
        status = bb_lru_copy(&self.lru, &copy, &refusal)
        if status == BB_OK:
            bb_share_entries(&copy)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        result = []
        try:
            index = bb_lru_oldest(&copy)
            while index != 0:
                entry = &copy.entries[index]
                result.append((
                    <object> <PyObject *> entry.key,
                    <object> <PyObject *> entry.value,
                    bb_lru_charge(entry),
                    entry.charge & BB_LRU_GIVEN != 0,
                ))
                index = bb_lru_newer(&copy, index)
        finally:
            bb_drop_taken(&copy)
        return result

    def _like(self):
        """An empty cache of the same class and settings."""
        cdef LRUCache other = type(self).__new__(type(self))
        other.configure(
            self.max_bytes, self.max_items, self.sizer, self.on_evict, self.budget,
            self.lru.charge_overhead, self.name,
        )
        attributes = getattr(self, "__dict__", None)
        if attributes:
            other.__dict__.update(attributes)
        return other

    def copy(self):
        """A cache of the same class, settings, contents and order, with entries of its own.

        Keys and values are shared, counters start at zero. In a budget the copy is charged
        like any other container.

        Raises
        ------
        BudgetExceededError
            If the budget has no room for a second one.
        """
        cdef LRUCache other = self._like()
        cdef bb_refusal refusal
        cdef bb_status status
        bb_lock(&self.mutex)
        status = bb_lru_copy(&self.lru, &other.lru, &refusal)
        if status == BB_OK:
            bb_share_entries(&other.lru)
        bb_unlock(&self.mutex)
        if status == BB_TOO_LARGE:
            raise RuntimeError("the bounds of the cache changed while it was copied")
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        return other

    def __copy__(self):
        return self.copy()

    def __reduce__(self):
        settings = (
            self.max_bytes, self.max_items, self.sizer, self.on_evict, self.budget,
            self.lru.charge_overhead, self.name,
        )
        entries = [
            (key, value, charge if given else None)
            for key, value, charge, given in self.entries()
        ]
        return _new, (type(self),), (settings, entries, getattr(self, "__dict__", None))

    def __setstate__(self, state):
        cdef bb_refusal refusal
        settings, entries, attributes = state
        max_bytes, max_items, sizer, on_evict, budget, charge_overhead, name = settings
        self.configure(max_bytes, max_items, sizer, None, budget, charge_overhead, name)
        bb_lru_reserve(&self.lru, min(len(entries), self.lru.max_count), &refusal)
        for key, value, size in entries:
            self.put(key, value, size=size)
        self.on_evict = on_evict
        self.reset_stats()
        if attributes:
            self.__dict__.update(attributes)

    def __sizeof__(self):
        return object.__sizeof__(self) + self.lru.overhead

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        return (
            f"<{type(self).__name__}{name}: {len(self):,} items, "
            f"{self.nbytes:,} of {self.max_bytes:,} bytes>"
        )

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        valid = bb_lru_validate(&self.lru, &reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())


def _new(cls):
    return cls.__new__(cls)


@cython.final
@cython.no_gc_clear
cdef class LRUIterator:
    """Walks a cache in recency order; see `LRUCache` for what it allows meanwhile."""

    def __cinit__(self, LRUCache cache not None, int kind, bint reverse):
        self.cache = cache
        self.kind = kind
        bb_lock(&cache.mutex)
        bb_lru_cursor_open(&cache.lru, &self.cursor, reverse)
        bb_unlock(&cache.mutex)

    def __dealloc__(self):
        if self.cache is not None:
            bb_lock(&self.cache.mutex)
            bb_lru_cursor_close(&self.cache.lru, &self.cursor)
            bb_unlock(&self.cache.mutex)

    def __iter__(self):
        return self

    def __next__(self):
        cdef LRUCache cache = self.cache
        cdef bb_status status = BB_OK
        cdef uint32_t index = 0
        cdef PyObject *key
        cdef PyObject *value
        bb_lock(&cache.mutex)
        if not self.finished:
            status = bb_lru_cursor_next(&cache.lru, &self.cursor, &index)
        if index == 0:
            bb_lru_cursor_close(&cache.lru, &self.cursor)
            self.finished = status == BB_OK
            bb_unlock(&cache.mutex)
            if status != BB_OK:
                raise cache.error_of(status, NULL)
            raise StopIteration
        key = <PyObject *> cache.lru.entries[index].key
        value = <PyObject *> cache.lru.entries[index].value
        if self.kind != VALUES:
            incref(key)
        if self.kind != KEYS:
            incref(value)
        bb_unlock(&cache.mutex)
        if self.kind == KEYS:
            return bb_steal(key)
        if self.kind == VALUES:
            return bb_steal(value)
        return bb_steal(key), bb_steal(value)


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a cache; the collector holds a reference to it."""
    cdef LRUCache cache = <LRUCache> self
    cdef bb_lru taken
    bb_lock(&cache.mutex)
    bb_lru_take_all(&cache.lru, &taken)
    bb_unlock(&cache.mutex)
    cache.on_evict = None
    bb_drop_taken(&taken)
    return 0


cdef install_slots():
    cdef LRUCache probe = LRUCache.__new__(LRUCache)
    bb_install_slots(
        <PyTypeObject *> LRUCache, <char *> &probe.lru - <char *> <PyObject *> probe,
        clear_references,
    )


install_slots()
bb_publish(<PyTypeObject *> LRUCache, "bytebound.LRUCache")
