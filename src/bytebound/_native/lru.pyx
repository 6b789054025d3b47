# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""A least-recently-used cache whose bound is in bytes."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.budget cimport check_room, make_room
from bytebound._native.container cimport set_attributes
from bytebound._native.core cimport (
    BB_CLEARED,
    BB_DELETED,
    BB_LRU_GIVEN,
    BB_OK,
    BB_OVER_BUDGET,
    BB_REPLACED,
    BB_SIZE,
    BB_TOO_LARGE,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_found,
    bb_found_free,
    bb_found_init,
    bb_lru,
    bb_lru_copy,
    bb_lru_cursor_close,
    bb_lru_cursor_next,
    bb_lru_cursor_open,
    bb_lru_insert,
    bb_lru_insert_shared,
    bb_lru_newer,
    bb_lru_newest,
    bb_lru_oldest,
    bb_lru_promote,
    bb_lru_remove,
    bb_lru_replace,
    bb_lru_replace_shared,
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
    charge_of,
    find,
)
from bytebound._native.mapping cimport WALK_KEYS, WALK_VALUES
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

from bytebound._native.units import MAX_SIZE as _MAX_SIZE


cdef extern from "Python.h":
    PyObject *PyTuple_New(Py_ssize_t size) except NULL
    void PyTuple_SET_ITEM(PyObject *pair, Py_ssize_t index, PyObject *item)


cdef object NOTHING = object()

cdef enum:
    TRY_AGAIN = 3

# The hot paths are functions, not methods, so that the C compiler can inline them.

cdef int read(LRUCache self, PyObject *key, bint promote, PyObject **value) except -1:
    """read_hashed, for a key that was not hashed yet."""
    return read_hashed(self, key, bb_hash(key), promote, value)


cdef int read_hashed(
    LRUCache self, PyObject *key, Py_hash_t hash_value, bint promote, PyObject **value
) except -1:
    """1 and a new reference if the key is there, else 0. With `promote` it is a lookup."""
    cdef uint32_t index
    bb_lock(&self.mutex)
    index = find(self, key, hash_value)
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


cdef int have_room_made(
    LRUCache self, uint32_t index, const PyObject *stored, uint64_t least,
    const bb_refusal *refusal
) except -1:
    """Have the entries used longest ago leave, under a budget; not the one to be replaced."""
    if index != 0:
        check_room(self.budget, refusal, least)
        bb_lock(&self.mutex)
        if index <= self.lru.used and <PyObject *> self.lru.entries[index].key == stored:
            bb_lru_promote(&self.lru, index)
        bb_unlock(&self.mutex)
    make_room(self, self.budget, refusal, least)
    return 0


cdef int store_at(
    LRUCache self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
    uint64_t charge, bb_found *found
) except -1:
    """Insert at index 0, else replace. Called with the lock held, left without.

    1 if done, 0 if it could never fit, TRY_AGAIN if others made room for it. `found` is what the
    entry shares, or NULL.
    """
    cdef bb_batch batch
    cdef bb_refusal refusal
    cdef bb_status status
    cdef void *old = NULL
    cdef PyObject *stored = <PyObject *> self.lru.entries[index].key if index != 0 else NULL
    bb_batch_init(&batch)
    incref(value)
    if index == 0:
        incref(key)
    if found != NULL:
        status = store_shared_at(
            self, index, key, value, hash_value, found, &batch, &refusal, &old
        )
    elif index == 0:
        status = bb_lru_insert(&self.lru, key, value, hash_value, charge, &batch, &refusal)
    else:
        status = bb_lru_replace(&self.lru, index, value, charge, &batch, &refusal, &old)
    bb_unlock(&self.mutex)
    if status == BB_OK:
        if batch.count == 1 and self.on_evict is None:
            decref(<PyObject *> batch.items[0].key)
            decref(<PyObject *> batch.items[0].value)
        elif batch.count != 0:
            self.drop_batch(&batch)
        if old != NULL:
            if old != value and self.on_evict is not None:
                self.notify(key, <PyObject *> old, BB_REPLACED)
            decref(<PyObject *> old)
        return 1
    decref(value)
    if index == 0:
        decref(key)
    bb_batch_free(&batch, &self.lru.allocator)
    if status == BB_TOO_LARGE:
        return 0
    if status == BB_OVER_BUDGET:
        have_room_made(self, index, stored, self.least_nbytes(charge, found), &refusal)
        return TRY_AGAIN
    raise self.error_of(status, &refusal)


cdef int store(
    LRUCache self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
) except -1:
    """Put a measured entry. 1 if done, 0 if it could never fit; then nothing has changed."""
    cdef uint32_t index
    cdef PyObject *stored
    cdef object kept
    cdef int done
    for _ in range(MAX_RESTARTS):
        bb_lock(&self.mutex)
        index = find(self, key, hash_value)
        stored = <PyObject *> self.lru.entries[index].key if index != 0 else key
        if stored == key or self.sizing == SIZE_BY_CALL or charge & BB_LRU_GIVEN:
            done = store_at(self, index, key, value, hash_value, charge, NULL)
            if done == TRY_AGAIN:
                continue
            return done
        # The key that is there stays, so it is the one to measure with the value.
        incref(stored)
        bb_unlock(&self.mutex)
        kept = bb_steal(stored)
        key = <PyObject *> kept
        charge = charge_of(self, key, value)
    raise RuntimeError(f"the cache changed each of {MAX_RESTARTS} times an entry was measured")


cdef bb_status store_shared_at(
    LRUCache self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
    bb_found *found, bb_batch *batch, bb_refusal *refusal, void **old
) noexcept:
    if index == 0:
        return bb_lru_insert_shared(
            &self.lru, key, value, hash_value, 0, found, batch, refusal
        )
    return bb_lru_replace_shared(&self.lru, index, value, 0, found, batch, refusal, old)


cdef int store_shared(LRUCache self, key, value, bint overwrite, bint demand) except -1:
    """Measure an entry of a cache that shares, and put it.

    1 if done; 0 if it could never fit, an error with `demand`; 2 if the key is there and is not
    to be overwritten.
    """
    cdef bb_found found
    bb_found_init(&found, bb_python_allocator())
    try:
        return store_found(self, key, value, overwrite, demand, &found)
    finally:
        bb_found_free(&found)


cdef int store_found(
    LRUCache self, key, value, bint overwrite, bint demand, bb_found *found
) except -1:
    cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
    cdef PyObject *stored
    cdef uint32_t index
    cdef int done
    for _ in range(MAX_RESTARTS):
        self.collect(<PyObject *> key, <PyObject *> value, found)
        bb_lock(&self.mutex)
        index = find(self, <PyObject *> key, hash_value)
        if index != 0 and not overwrite:
            bb_unlock(&self.mutex)
            return 2
        stored = <PyObject *> (self.lru.entries[index].key if index != 0 else <void *> key)
        if stored == <PyObject *> key:
            done = store_at(
                self, index, stored, <PyObject *> value, hash_value, 0, found
            )
            if done == TRY_AGAIN:
                continue
            if demand and not done:
                raise self.too_large(found.nbytes, found.count)
            return done
        # The key that is there stays, so it is the one to measure with the value.
        incref(stored)
        bb_unlock(&self.mutex)
        key = bb_steal(stored)
    raise RuntimeError(f"the cache changed each of {MAX_RESTARTS} times an entry was measured")


cdef int take(
    LRUCache self, PyObject *key, bb_reason reason, bint lookup, PyObject **value
) except -1:
    """Take an entry out: 1 and a new reference to its value, or 0."""
    cdef Py_hash_t hash_value = bb_hash(key)
    cdef bb_removed removed
    cdef uint32_t index
    bb_lock(&self.mutex)
    index = find(self, key, hash_value)
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


@cython.collection_type("mapping")
@cython.no_gc_clear
cdef class LRUCache(LRUBase):
    """LRUCache(max_bytes, *, max_items=None, sizer="deep", on_evict=None, budget=None, \
charge_overhead=True, name=None)
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
        hold is charged once, until the last of them leaves.
    on_evict : callable, optional
        ``on_evict(key, value, reason)`` is called once for each entry that leaves, when the
        cache is consistent again and no lock is held, so it may use the cache. Reasons:
        ``"size"``, ``"items"``, ``"budget"`` (a bound), ``"trimmed"``, ``"replaced"``
        (by another object under the same key), ``"deleted"``, ``"cleared"``. An exception in
        it, KeyboardInterrupt too, goes to `sys.unraisablehook`; what caused the call stands. A
        cache that dies calls nothing.
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
    lookups; so do ``dict(cache)``, ``**cache`` and ``match``, which read by key. `peek`,
    ``in``, iteration, views, ``==`` and `copy` do neither. Iteration goes from least to most
    recently used. Reading and overwriting while iterating is allowed; an entry that enters or
    leaves makes the iterator raise RuntimeError.

    All single-entry operations are O(1) beside measuring, amortised for those that insert or
    delete. An entry costs about 54 bytes beside its key and value. Safe to
    use from several threads, with and without the GIL. Keys are compared outside the
    lock; a lookup whose comparisons keep changing the cache raises RuntimeError.

    Beside what is charged, an operation that evicts several entries takes 32 bytes for each
    until their callbacks have run, and an iterator 4 bytes an entry from the first promotion
    during iteration on.

    What is not data (functions, classes, modules, frames; see `sizeof`) counts nothing, and
    neither does what only it holds: say what such a value costs with ``put(size=)``. Sizes are
    those at the time of putting; see `remeasure` and `audit` for values that
    change afterwards.

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
        charge_overhead=True, name=None,
    ):
        self.configure(max_bytes, max_items, sizer, on_evict, budget, charge_overhead, name)

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
        return self.lru.count

    # ---- writing ----

    def __setitem__(self, key, value):
        cdef Py_hash_t hash_value
        cdef uint64_t charge
        if self.sizing == SIZE_SHARED:
            store_shared(self, key, value, True, True)
            return
        hash_value = bb_hash(<PyObject *> key)
        charge = charge_of(self, <PyObject *> key, <PyObject *> value)
        if not store(self, <PyObject *> key, <PyObject *> value, hash_value, charge):
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
            leaves then, with reason ``"size"``, so that no stale one is served; nothing else
            does.

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
        if size is None and self.sizing == SIZE_SHARED:
            if store_shared(self, key, value, True, False):
                return True
        else:
            if size is None:
                charge = charge_of(self, <PyObject *> key, <PyObject *> value)
            else:
                charge = checked_size(size, "size") | BB_LRU_GIVEN
            if store(self, <PyObject *> key, <PyObject *> value, hash_value, charge):
                return True
        self.check_ready()
        if take(self, <PyObject *> key, BB_SIZE, False, &older):
            decref(older)
        return False

    def setdefault(self, key, default=None, /):
        """The value under a key; puts `default` there first if there is none.

        Raises what ``cache[key] = default`` raises. Threads that set one key at once all get
        the same value.
        """
        cdef PyObject *value
        cdef Py_hash_t hash_value
        cdef uint64_t charge
        cdef uint32_t index
        if read(self, <PyObject *> key, True, &value):
            return bb_steal(value)
        if self.sizing == SIZE_SHARED:
            while store_shared(self, key, default, False, True) == 2:
                if read(self, <PyObject *> key, False, &value):
                    return bb_steal(value)
            return default
        hash_value = bb_hash(<PyObject *> key)
        charge = charge_of(self, <PyObject *> key, <PyObject *> default)
        cdef int done = TRY_AGAIN
        while done == TRY_AGAIN:
            bb_lock(&self.mutex)
            index = find(self, <PyObject *> key, hash_value)
            if index != 0:
                pair = self.pair_at(index)
                return pair[1]
            done = store_at(
                self, 0, <PyObject *> key, <PyObject *> default, hash_value, charge, NULL
            )
        if not done:
            raise self.too_large(charge)
        return default

    # ---- deleting ----

    def __delitem__(self, key):
        cdef PyObject *value
        if not take(self, <PyObject *> key, BB_DELETED, False, &value):
            raise KeyError(key)
        decref(value)

    def pop(self, key, default=NOTHING, /):
        """Take an entry out and return its value; `default` if there is none.

        Raises
        ------
        KeyError
            If there is none and no default.
        """
        cdef PyObject *value
        if take(self, <PyObject *> key, BB_DELETED, True, &value):
            return bb_steal(value)
        if default is NOTHING:
            raise KeyError(key)
        return default

    def popitem(self):
        """Take the least recently used entry out and return its ``(key, value)``.

        Raises
        ------
        KeyError
            If the cache is empty.
        """
        cdef bb_removed removed
        cdef PyObject *pair = PyTuple_New(2)  # first, so that no entry is lost if it fails
        bb_lock(&self.mutex)
        if self.lru.count == 0:
            bb_unlock(&self.mutex)
            decref(pair)
            raise KeyError("popitem(): the cache is empty")
        bb_lru_remove(&self.lru, bb_lru_oldest(&self.lru), BB_DELETED, &removed)
        bb_unlock(&self.mutex)
        PyTuple_SET_ITEM(pair, 0, <PyObject *> removed.key)
        PyTuple_SET_ITEM(pair, 1, <PyObject *> removed.value)
        self.notify(<PyObject *> removed.key, <PyObject *> removed.value, BB_DELETED)
        return bb_steal(pair)

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
            self.lru.charge_overhead, self.name,
        )
        entries = [
            (key, value, charge if given else None)
            for key, value, charge, given in self.entries(&payload)
        ]
        return _new, (type(self),), (settings, entries, self.__getstate__())

    def __setstate__(self, state):
        cdef bb_refusal refusal
        cdef bb_status status
        cdef LRUCache staged
        settings, entries, attributes = state
        max_bytes, max_items, sizer, on_evict, budget, charge_overhead, name = settings
        set_attributes(self, attributes)
        # Filled first without a bound: growing step by step under it could leave no room for the
        # last entries, though all of them fit.
        staged = LRUCache(_MAX_SIZE, sizer=sizer, charge_overhead=charge_overhead)
        for key, value, size in entries:
            staged.put(key, value, size=size)
        self.configure(max_bytes, max_items, sizer, None, budget, charge_overhead, name)
        if staged.lru.count <= self.lru.max_count:
            status = bb_lru_copy(&staged.lru, &self.lru, &refusal)
            if status == BB_OK:
                bb_share_entries(&self.lru)
        if len(self) == 0:
            for key, value, size in entries:
                LRUCache.put(self, key, value, size=size)
        self.on_evict = on_evict
        self.reset_stats()


def _new(cls):
    return cls.__new__(cls)


@cython.final
@cython.no_gc_clear
cdef class LRUIterator:
    """Walks a cache in recency order; see `LRUCache` for what it allows meanwhile."""

    def __cinit__(self, LRUBase cache not None, int kind, bint reverse):
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
        cdef LRUBase cache = self.cache
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
        if self.kind != WALK_VALUES:
            incref(key)
        if self.kind != WALK_KEYS:
            incref(value)
        bb_unlock(&cache.mutex)
        if self.kind == WALK_KEYS:
            return bb_steal(key)
        if self.kind == WALK_VALUES:
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
