# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What a byte-bounded LRU does besides serving entries: bounds, measuring, records, copies."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport UINT32_MAX, uint32_t, uint64_t

from bytebound._native.budget cimport make_room
from bytebound._native.container cimport REASONS, set_attributes
from bytebound._native.core cimport (
    BB_BUDGET,
    BB_LRU_GIVEN,
    BB_OK,
    BB_OVER_BUDGET,
    BB_REPLACED,
    BB_SIZE,
    BB_TOO_LARGE,
    BB_UNLIMITED,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_budget_read,
    bb_budget_totals,
    bb_found,
    bb_found_free,
    bb_found_init,
    bb_lru,
    bb_lru_charge,
    bb_lru_copy,
    bb_lru_counters,
    bb_lru_entry,
    bb_lru_expired_payload,
    bb_lru_forget_expired,
    bb_lru_hold_pinned,
    bb_lru_init,
    bb_lru_is_pinned,
    bb_lru_limit,
    bb_lru_live_count,
    bb_lru_newer,
    bb_lru_oldest,
    bb_lru_pinned_payload,
    bb_lru_recharge,
    bb_lru_recharge_shared,
    bb_lru_releasable,
    bb_lru_remove,
    bb_lru_times_left,
    bb_lru_validate,
    bb_refusal,
    bb_status,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.lru_state cimport charge_of, find, is_over, time_before_lock
from bytebound._native.measuring cimport SIZE_SHARED, checked_items
from bytebound._native.sizing cimport measure as measure_objects
from bytebound._native.support cimport (
    PySequence_Fast_ITEMS,
    bb_hash,
    bb_lock,
    bb_python_allocator,
    bb_unlock,
)
from bytebound._native.timing cimport seconds_of

from bytebound._native.container import Audit
from bytebound._native.errors import BudgetExceededError
from bytebound._native.mapping import CacheStats
from bytebound._native.units import parse_size


@cython.no_gc_clear
cdef class LRUBase(LRUTimed):
    """The state of an LRU cache and everything about it that is not a hot path."""

    # ---- bounds ----

    @property
    def charge_overhead(self):
        """bool: Whether the bound covers the cache's own tables."""
        return self.lru.charge_overhead

    @property
    def payload_nbytes(self):
        """int: Bytes that keys and values measured."""
        return self.lru.payload

    @property
    def overhead_nbytes(self):
        """int: Bytes of the cache's own tables."""
        return self.lru.overhead

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
            If what would have to leave is pinned; nothing has changed.

        Notes
        -----
        Both bounds hold before the first callback. O(entries that leave, and that are pinned).
        What has expired leaves first.

        Examples
        --------
        >>> cache = LRUCache("1MiB")
        >>> cache.update(a=1, b=2, c=3)
        >>> cache.resize(max_items=2)
        >>> list(cache)
        ['b', 'c']
        """
        cdef bb_batch batch
        cdef bb_status status
        cdef uint64_t limit = 0 if max_bytes is ... else parse_size(max_bytes)
        cdef uint32_t max_count = 0 if max_items is ... else checked_items(max_items)
        self.check_ready()
        if self.timed:
            self.expire_until(self.exact_time())
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        if max_bytes is ...:
            limit = self.lru.budget.limit
        if max_items is ...:
            max_count = self.lru.max_count
        status = bb_lru_limit(&self.lru, limit, max_count, &batch)
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        if status != BB_OK:
            raise self.error_of(status, NULL)

    def trim(self, target_bytes):
        """Evict what has expired, then the oldest entries, until `nbytes` is at most a target.

        Parameters
        ----------
        target_bytes : int or str

        Returns
        -------
        int
            Bytes given back.

        Notes
        -----
        Needs no memory itself. Pinned entries stay, so that more than the target may be left.
        What callbacks or other threads put meanwhile may stay: no more
        entries leave than were there at the start, but for a few.
        """
        cdef uint64_t target = parse_size(target_bytes, "target_bytes")
        cdef uint64_t before, now, expired = 0
        if self.timed:
            now = self.exact_time()
            before = self.nbytes
            if before > target and self.expire_until(now):
                expired = max(before, self.nbytes) - self.nbytes
        return expired + self.trim_to(target, self.lru.count)

    # ---- measuring again ----

    def remeasure(self, key):
        """Measure an entry anew, because its value has changed, and charge what it is now.

        Does not promote. An entry that has outgrown the bound leaves with reason ``"size"``,
        one for which a budget has no room with ``"budget"``. With ``sizer="shared"`` its parts
        are charged what they measure now for every entry that holds them.

        Returns
        -------
        int
            What `entry_nbytes` is now, 0 if the entry had to leave.

        Raises
        ------
        KeyError
            If there is no such entry.
        PinnedError
            If it would have to leave and is pinned, or others that are pinned would.
        """
        cdef bb_found found
        bb_found_init(&found, bb_python_allocator())
        try:
            return self.remeasure_with(key, &found)
        finally:
            bb_found_free(&found)

    cdef object remeasure_with(self, key, bb_found *found):
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint64_t charge = 0
        cdef uint64_t now = time_before_lock(self)
        cdef uint32_t index
        cdef bint reclaimed = False, demand = False
        for _ in range(MAX_RESTARTS):
            bb_lock(&self.mutex)
            index = find(self, <PyObject *> key, hash_value)
            if index != 0 and is_over(self, index, &now):
                index = 0
            pair = self.pair_at(index)
            if pair is None and reclaimed:
                return 0  # it was itself what had to leave
            if pair is None:
                raise KeyError(key)
            key, value = pair
            if self.sizing == SIZE_SHARED:
                self.collect(<PyObject *> key, <PyObject *> value, found)
            else:
                charge = charge_of(self, <PyObject *> key, <PyObject *> value)
            bb_lock(&self.mutex)
            index = find(self, <PyObject *> key, hash_value)
            if (
                index != 0
                and <PyObject *> self.lru.entries[index].key == <PyObject *> key
                and <PyObject *> self.lru.entries[index].value == <PyObject *> value
            ):
                try:
                    charged = self.recharge_at(index, charge, found, demand)
                except BudgetExceededError:
                    demand = True
                    continue
                if charged is not None:
                    return charged
                reclaimed = True
                continue
            bb_unlock(&self.mutex)
        raise RuntimeError(f"the entry changed each of {MAX_RESTARTS} times it was measured")

    cdef object recharge_at(self, uint32_t index, uint64_t charge, bb_found *found, bint demand):
        """Called with the lock held, left without. None to have it tried again."""
        cdef bb_batch batch
        cdef bb_refusal refusal
        cdef bb_status status
        cdef uint64_t charged = charge
        bb_batch_init(&batch)
        if self.sizing == SIZE_SHARED:
            status = bb_lru_recharge_shared(
                &self.lru, index, charge, found, &batch, &refusal, &charged
            )
        else:
            status = bb_lru_recharge(&self.lru, index, charge, &batch, &refusal)
        if status == BB_OVER_BUDGET and not demand:
            bb_batch_free(&batch, &self.lru.allocator)
            bb_unlock(&self.mutex)
            make_room(self, self.budget, &refusal, self.least_nbytes(charge, found))
            return None
        if status == BB_TOO_LARGE or status == BB_OVER_BUDGET:
            bb_batch_free(&batch, &self.lru.allocator)
            if bb_lru_is_pinned(&self.lru, index):
                key = <object> <PyObject *> self.lru.entries[index].key
                bb_unlock(&self.mutex)
                raise self.pinned_error(key, "leave, which it would have to, having grown")
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

    def entry_nbytes(self, key):
        """Bytes that would be released if an entry left now; KeyError if there is none.

        That is what its key and value are charged; with ``sizer="shared"`` only what no other
        entry holds, so that the sum over all entries is less than `payload_nbytes`.
        """
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint32_t index
        cdef uint64_t charge
        cdef uint64_t now = time_before_lock(self)
        bb_lock(&self.mutex)
        index = find(self, <PyObject *> key, hash_value)
        if index != 0 and is_over(self, index, &now):
            index = 0
        charge = bb_lru_releasable(&self.lru, index) if index != 0 else 0
        bb_unlock(&self.mutex)
        if index == 0:
            raise KeyError(key)
        return charge

    def audit(self):
        """Measure every entry anew, and change nothing.

        Returns
        -------
        Audit
            ``(charged, measured, drift)`` in bytes.

        Notes
        -----
        O(what is measured). Entries are taken at one instant and measured after it; with
        ``sizer="shared"`` all as one graph. What has expired is neither counted as charged nor
        measured, and stays for others to take out.
        """
        cdef uint64_t charged = 0
        cdef tuple objects
        measured = 0
        together = []
        for key, value, charge, given, _ttl, _idle in self.entries(True, &charged):
            if given:
                measured += charge
            elif self.sizing == SIZE_SHARED:
                together += (key, value)
            else:
                measured += charge_of(self, <PyObject *> key, <PyObject *> value)
        if together:
            objects = tuple(together)
            measured += measure_objects(PySequence_Fast_ITEMS(objects), len(objects), True, -1)
        return Audit(charged, measured, measured - charged)

    def stats(self):
        """What the cache has done and holds, at one instant.

        Returns
        -------
        CacheStats
        """
        cdef bb_lru_counters counters
        cdef bb_budget_totals totals
        cdef uint64_t payload, overhead, pinned
        cdef uint32_t count, pinned_count
        cdef uint64_t now = self.exact_time() if self.timed else 0
        bb_lock(&self.mutex)
        counters = self.lru.counters
        totals = bb_budget_read(&self.lru.budget)
        payload = self.lru.payload
        overhead = self.lru.overhead
        count = bb_lru_live_count(&self.lru, now)
        pinned = bb_lru_pinned_payload(&self.lru)
        pinned_count = self.lru.pins.count
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
            pinned_items=pinned_count,
            pinned_nbytes=pinned,
        )

    # ---- copying ----

    cdef list entries(self, bint pinned, uint64_t *payload):
        """``(key, value, charge, given, ttl, idle)`` of every entry, oldest first, at one instant.

        What is charged for parts is not in the charges, but in the payload of those entries at
        that instant. The times are seconds from then on, or None. What is pinned beyond its time
        is among them if so asked.
        """
        cdef bb_lru copy
        cdef bb_refusal refusal
        cdef bb_status status
        cdef bb_lru_entry *entry
        cdef uint32_t index
        cdef uint64_t ttl, idle
        cdef uint64_t now = self.exact_time() if self.timed else 0
        bb_lru_init(&copy, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, False, NULL)
        bb_lock(&self.mutex)
        status = bb_lru_copy(&self.lru, &copy, &refusal)
        if status == BB_OK:
            payload[0] = self.lru.payload - bb_lru_expired_payload(&self.lru, now)
            if pinned:
                bb_lru_hold_pinned(&self.lru, &copy)
            bb_lru_forget_expired(&copy, now)
            bb_share_entries(&copy)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        result = []
        try:
            index = bb_lru_oldest(&copy)
            while index != 0:
                entry = &copy.entries[index]
                bb_lru_times_left(&copy, index, now, &ttl, &idle)
                result.append((
                    <object> <PyObject *> entry.key,
                    <object> <PyObject *> entry.value,
                    bb_lru_charge(entry),
                    entry.charge & BB_LRU_GIVEN != 0,
                    seconds_of(ttl),
                    seconds_of(idle),
                ))
                index = bb_lru_newer(&copy, index)
        finally:
            bb_drop_taken(&copy)
        return result

    def _like(self):
        """An empty cache of the same class and settings."""
        self.check_ready()
        cdef LRUBase other = type(self).__new__(type(self))
        other.configure(
            self.max_bytes, self.max_items, self.sizer, self.on_evict, self.budget,
            self.lru.charge_overhead, self.name, self.ttl, self.idle_ttl, self.ttl_jitter,
            self.timer,
        )
        set_attributes(other, self.__getstate__())
        return other

    def copy(self):
        """A cache of the same class, settings, contents and order, with entries of its own.

        Keys and values are shared, counters start at zero; entries have the time left that they
        have here, and no pins, so that what is pinned here beyond its time is left out. In a
        budget the copy is charged like any other container. What has expired here leaves first.

        Raises
        ------
        BudgetExceededError
            If the budget has no room for a second one.
        """
        cdef LRUBase other
        cdef bb_refusal refusal
        cdef bb_status status = BB_TOO_LARGE
        cdef uint64_t now = self.exact_time() if self.timed else 0
        if self.timed:
            self.expire_until(now)
        while status == BB_TOO_LARGE:  # the bounds grew since they were read
            other = self._like()
            other.timed = self.timed
            bb_lock(&self.mutex)
            status = bb_lru_copy(&self.lru, &other.lru, &refusal)
            if status == BB_OK:
                bb_lru_forget_expired(&other.lru, now)
                bb_share_entries(&other.lru)
            bb_unlock(&self.mutex)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        return other

    def _pairs(self):
        cdef uint64_t payload
        pairs = []
        for key, value, _charge, _given, _ttl, _idle in self.entries(True, &payload):
            pairs.append((key, value))
        return pairs

    def __sizeof__(self):
        return object.__sizeof__(self) + self.lru.overhead

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        valid = bb_lru_validate(&self.lru, &reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())
