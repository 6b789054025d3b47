# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What a cache of bytes does besides serving entries: bounds, giving back, records, copies."""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport UINT32_MAX

from bytebound._native.bytes_core cimport (
    bb_bytes_cache_at,
    bb_bytes_cache_drop,
    bb_bytes_cache_find,
    bb_bytes_cache_hold,
    bb_bytes_cache_init,
    bb_bytes_cache_least_bytes,
    bb_bytes_cache_nominee,
    bb_bytes_cache_payload,
    bb_bytes_cache_reclaim,
    bb_bytes_cache_release,
    bb_bytes_cache_trim,
    bb_bytes_cache_validate,
    bb_bytes_record_value,
)
from bytebound._native.container cimport REASONS, set_attributes
from bytebound._native.core cimport (
    BB_ITEMS,
    BB_LRU_IDLES,
    BB_LRU_TIMERS,
    BB_NEVER,
    BB_OK,
    BB_REPLACED,
    BB_TRIMMED,
    BB_UNLIMITED,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_budget_read,
    bb_budget_set_limit,
    bb_budget_totals,
    bb_lru,
    bb_lru_copy,
    bb_lru_counters,
    bb_lru_discard,
    bb_lru_forget_expired,
    bb_lru_init,
    bb_lru_live_count,
    bb_lru_newer,
    bb_lru_oldest,
    bb_lru_promote,
    bb_lru_remove,
    bb_lru_times_left,
    bb_page_size,
    bb_refusal,
    bb_status,
    bb_system_pages,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.mapping cimport WALK_ITEMS, WALK_KEYS, WALK_VALUES
from bytebound._native.measuring cimport SIZE_SHALLOW, checked_items, entry_too_large
from bytebound._native.support cimport bb_lock, bb_python_allocator, bb_unlock, decref
from bytebound._native.timing cimport seconds_of

from bytebound._native.errors import PinnedError
from bytebound._native.mapping import CacheStats
from bytebound._native.units import parse_size


cdef extern from "Python.h":
    PyObject *PyTuple_GET_ITEM(PyObject *pair, Py_ssize_t index)


cdef object as_bytes(data):
    """The contiguous bytes of an object, as bytes."""
    cdef bb_bytes_argument argument
    if type(data) is bytes:
        return data
    bb_open_bytes(<PyObject *> data, &argument)
    try:
        return PyBytes_FromStringAndSize(argument.bytes, argument.size)
    finally:
        bb_close_bytes(&argument)


@cython.no_gc_clear
cdef class BytesBase(LRUTimed):
    """The state of a cache of bytes and everything about it that is not a hot path."""

    def __cinit__(self, *args, **kwargs):
        bb_bytes_cache_init(&self.core, &self.lru, bb_system_pages, bb_hash_bytes)

    cdef int begin(
        self, max_bytes, max_items, on_evict, budget, name, ttl, idle_ttl, ttl_jitter, timer
    ) except -1:
        self.configure(
            max_bytes, max_items, "shallow", on_evict, budget, True, name, ttl, idle_ttl,
            ttl_jitter, timer,
        )
        self.sizer = None  # bytes are copied, so there is nothing to measure
        bb_bytes_cache_init(&self.core, &self.lru, bb_system_pages, bb_hash_bytes)
        self.core.hands_out = on_evict is not None
        return 0

    # ---- records ----

    cdef int let_go(self, bb_bytes_record *record) except -1:
        bb_lock(&self.mutex)
        bb_bytes_cache_release(&self.core, record)
        bb_unlock(&self.mutex)
        return 0

    cdef object taken_from(self, bb_bytes_record *record, int kind):
        """A key, a value or both, as bytes. Called without the lock; the record must stay."""
        if kind == WALK_KEYS:
            return PyBytes_FromStringAndSize(record.key, record.key_size)
        if kind == WALK_VALUES:
            return PyBytes_FromStringAndSize(bb_bytes_record_value(record), record.value_size)
        return self.taken_from(record, WALK_KEYS), self.taken_from(record, WALK_VALUES)

    cdef uint32_t locate(self, key) except? 0xFFFFFFFF:
        cdef bb_bytes_argument argument
        cdef bb_bytes_pair pair
        key = as_bytes(key)
        bb_open_bytes(<PyObject *> key, &argument)
        pair.key = argument.bytes
        pair.key_size = argument.size
        pair.hash = bb_hash_argument(<PyObject *> key, &argument)
        bb_lock(&self.mutex)
        return bb_bytes_cache_find(&self.core, &pair)

    cdef object item_at(self, uint32_t index, int kind):
        cdef bb_bytes_record *record = bb_bytes_cache_at(&self.core, index)
        bb_bytes_cache_hold(&self.core, record)
        bb_unlock(&self.mutex)
        try:
            return self.taken_from(record, kind)
        finally:
            self.let_go(record)

    cdef int drop_batch(self, bb_batch *batch) except -1:
        """Drop what was evicted and call back for it. Called without the lock."""
        cdef PyObject *pair
        cdef uint32_t i
        # All of it first: what a callback puts is not to find memory taken by what has left.
        for i in range(batch.count):
            pair = NULL
            if self.on_evict is not None:
                pair = bb_pair_for(
                    <PyObject *> self.on_evict, <bb_bytes_record *> batch.items[i].value
                )
            self.drop_record(batch.items[i].value)
            batch.items[i].value = pair
        for i in range(batch.count):
            pair = <PyObject *> batch.items[i].value
            if pair != NULL:
                self.notify(
                    PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), batch.items[i].reason
                )
                decref(pair)
        bb_batch_free(batch, &self.lru.allocator)
        return 0

    cdef int drop_record(self, void *record) except -1:
        bb_lock(&self.mutex)
        bb_bytes_cache_drop(&self.core, record)
        bb_unlock(&self.mutex)
        return 0

    # ---- giving back for others ----

    cdef bint offer(self, uint64_t *use, uint64_t *releasable) noexcept:
        return bb_bytes_cache_nominee(&self.core, use, releasable)

    cdef uint64_t held_back(self) noexcept:
        # What is held, and about what its pages are beside it.
        return self.core.held + (4 * bb_page_size() if self.core.held != 0 else 0)

    cdef uint64_t give(
        self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    ) noexcept:
        return bb_bytes_cache_reclaim(&self.core, need, until, spare, batch)

    cdef bint trim_some(self, uint64_t target, bb_batch *batch) noexcept:
        return bb_bytes_cache_trim(&self.core, target, BB_TRIMMED, batch)

    cdef int keep_times(
        self, uint64_t ttl, uint64_t idle, PyObject *kept, uint64_t charge
    ) except -1:
        cdef uint64_t more = 0
        cdef uint32_t index = 0
        if (ttl != BB_NEVER or idle != BB_NEVER) and not self.lru.columns & BB_LRU_TIMERS:
            more = 16
        if idle != BB_NEVER and not self.lru.columns & BB_LRU_IDLES:
            more += 16
        if more != 0:
            # Room for them: the table cannot make any, for its entries are charged to the pool.
            more = more * self.lru.capacity + 4 * bb_page_size()
            if kept != NULL:
                index = self.locate(<object> kept)
                if index != 0:
                    bb_lru_promote(&self.lru, index)  # so that it is the last to leave
                bb_unlock(&self.mutex)
            self.trim_to(
                self.max_bytes - min(more, self.max_bytes), self.lru.count - (index != 0)
            )
        return LRUTimed.keep_times(self, ttl, idle, kept, charge)

    # ---- errors ----

    cdef object oversized(self, const bb_bytes_pair *pair):
        cdef uint64_t size = pair.key_size + pair.value_size
        self.check_ready()
        return entry_too_large(
            "an entry", SIZE_SHALLOW, size, True,
            bb_bytes_cache_least_bytes(&self.core, pair) - size, self.max_bytes,
        )

    cdef object no_room_error(self):
        return PinnedError(
            f"no room beside the {self.pinned_nbytes} bytes that are being viewed, the slabs they "
            f"lie in, and what other threads have just let leave: max_bytes={self.max_bytes}"
        )

    # ---- totals ----

    @property
    def payload_nbytes(self):
        """int: Bytes of keys and values, with those that have left but are viewed."""
        return bb_bytes_cache_payload(&self.core)

    @property
    def overhead_nbytes(self):
        """int: All other bytes of the pages that the cache has."""
        return self.stats().overhead_nbytes

    @property
    def pinned_nbytes(self):
        """int: Bytes of entries that are viewed, also of those that have left."""
        return self.core.held

    def stats(self):
        """What the cache has done and holds, at one instant.

        Returns
        -------
        CacheStats
            `pinned_items` and `pinned_nbytes` are those that are viewed, also if they have left.
        """
        cdef bb_lru_counters counters
        cdef bb_budget_totals totals
        cdef uint64_t payload, held, held_count
        cdef uint32_t count
        cdef uint64_t now = self.exact_time() if self.timed else 0
        bb_lock(&self.mutex)
        counters = self.lru.counters
        totals = bb_budget_read(&self.lru.budget)
        payload = bb_bytes_cache_payload(&self.core)
        count = bb_lru_live_count(&self.lru, now)
        held = self.core.held
        held_count = self.core.held_count
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
            overhead_nbytes=totals.total - payload,
            peak_nbytes=totals.peak,
            max_bytes=totals.limit,
            pinned_items=held_count,
            pinned_nbytes=held,
        )

    # ---- bounds ----

    def trim(self, target_bytes):
        """Evict what has expired, then the oldest entries, until `nbytes` is at most a target.

        Parameters
        ----------
        target_bytes : int or str

        Returns
        -------
        int
            Bytes given back to the operating system, or to what else the budget above has.

        Notes
        -----
        What is viewed stays, so that more than the target may be left.
        What callbacks or other threads put meanwhile may stay.
        """
        cdef uint64_t target = parse_size(target_bytes, "target_bytes")
        if self.timed and self.nbytes > target:
            self.expire_until(self.exact_time())
        return self.trim_to(target, self.lru.count)

    def resize(self, max_bytes=..., max_items=...):
        """Change the bounds; evicts at once what no longer fits, oldest first.

        Parameters
        ----------
        max_bytes : int or str, optional
            The new bound in bytes; unchanged if left out.
        max_items : int or None, optional
            The new bound on entries, None for no such bound; unchanged if left out.

        Raises
        ------
        TypeError, ValueError
            For a bound that is none.
        PinnedError
            If what is viewed needs more. The bounds are as they were; entries may have left.

        Examples
        --------
        >>> cache = BytesCache("1MiB")
        >>> cache.update({b"a": b"1", b"b": b"2", b"c": b"3"})
        >>> cache.resize(max_items=2)
        >>> list(cache)
        [b'b', b'c']
        """
        cdef uint64_t limit = self.max_bytes if max_bytes is ... else parse_size(max_bytes)
        cdef uint32_t max_count = (
            self.lru.max_count if max_items is ... else checked_items(max_items)
        )
        cdef bb_batch batch
        cdef bint done = False
        self.check_ready()
        if self.timed:
            self.expire_until(self.exact_time())
        for _ in range(MAX_RESTARTS):
            self.trim_to(limit, self.lru.count)
            while self.lru.count > max_count:
                bb_batch_init(&batch)
                bb_lock(&self.mutex)
                if self.lru.count > max_count:
                    bb_lru_remove(
                        &self.lru, bb_lru_oldest(&self.lru), BB_ITEMS, &batch.items[0]
                    )
                    batch.count = 1
                bb_unlock(&self.mutex)
                self.drop_batch(&batch)
            bb_lock(&self.mutex)
            done = (
                self.lru.count <= max_count and bb_budget_read(&self.lru.budget).total <= limit
            )
            if done:
                bb_budget_set_limit(&self.lru.budget, limit)
                self.lru.max_count = max_count
            bb_unlock(&self.mutex)
            if done:
                return
            if self.core.held != 0 and self.lru.count == 0:
                break
        raise self.no_room_error()

    # ---- copying ----

    cdef list entries(self):
        """``(key, value, ttl, idle)`` of every entry, oldest first, at one instant."""
        cdef bb_lru copy
        cdef bb_refusal refusal
        cdef bb_status status
        cdef uint32_t index
        cdef uint64_t ttl, idle
        cdef uint64_t now = self.exact_time() if self.timed else 0
        bb_lru_init(&copy, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, False, NULL)
        bb_lock(&self.mutex)
        status = bb_lru_copy(&self.lru, &copy, &refusal)
        if status == BB_OK:
            bb_lru_forget_expired(&copy, now)
            index = bb_lru_oldest(&copy)
            while index != 0:
                bb_bytes_cache_hold(&self.core, <bb_bytes_record *> copy.entries[index].value)
                index = bb_lru_newer(&copy, index)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        try:
            result = []
            index = bb_lru_oldest(&copy)
            while index != 0:
                bb_lru_times_left(&copy, index, now, &ttl, &idle)
                key, value = self.taken_from(
                    <bb_bytes_record *> copy.entries[index].value, WALK_ITEMS
                )
                result.append((key, value, seconds_of(ttl), seconds_of(idle)))
                index = bb_lru_newer(&copy, index)
        finally:
            index = bb_lru_oldest(&copy)
            while index != 0:
                self.let_go(<bb_bytes_record *> copy.entries[index].value)
                index = bb_lru_newer(&copy, index)
            bb_lru_discard(&copy)
        return result

    def _pairs(self):
        return [(key, value) for key, value, _ttl, _idle in self.entries()]

    def _like(self):
        """An empty cache of the same class and settings."""
        self.check_ready()
        cdef BytesBase other = type(self).__new__(type(self))
        other.begin(
            self.max_bytes, self.max_items, self.on_evict, self.budget, self.name, self.ttl,
            self.idle_ttl, self.ttl_jitter, self.timer,
        )
        set_attributes(other, self.__getstate__())
        return other

    def __sizeof__(self):
        return object.__sizeof__(self) + self.nbytes

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        valid = bb_bytes_cache_validate(&self.core, &reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())
