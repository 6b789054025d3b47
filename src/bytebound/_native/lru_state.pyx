# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""The state of a byte-bounded LRU, and what its hot paths leave to others."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport UINT32_MAX, uint32_t, uint64_t
from libc.string cimport memset

from bytebound._native.budget cimport check_room, make_room
from bytebound._native.container cimport REASONS, check_callback
from bytebound._native.core cimport (
    BB_LRU_GIVEN,
    BB_NEVER,
    BB_OK,
    BB_OVER_BUDGET,
    BB_PINNED,
    BB_TOO_LARGE,
    BB_TRIMMED,
    bb_batch,
    bb_batch_free,
    bb_batch_init,
    bb_budget_reset_peak,
    bb_clock_coarse,
    bb_clock_exact,
    bb_found,
    bb_lru_counters,
    bb_lru_expire,
    bb_lru_expire_at,
    bb_lru_held_back,
    bb_lru_init,
    bb_lru_keep_times,
    bb_lru_live_count,
    bb_lru_nominee,
    bb_lru_overhead_for,
    bb_lru_pinned_payload,
    bb_lru_promote,
    bb_lru_reclaim,
    bb_lru_share,
    bb_lru_shared_overhead_for,
    bb_lru_trim,
    bb_reason,
    bb_refusal,
    bb_status,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.mapping cimport WALK_ITEMS, WALK_KEYS, WALK_VALUES
from bytebound._native.measuring cimport (
    SIZE_SHARED,
    Sizing,
    checked_items,
    collect_parts,
    entry_too_large,
    measure_together,
    sizing_of,
)
from bytebound._native.support cimport (
    bb_hash,
    bb_lock,
    bb_notify,
    bb_python_allocator,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)
from bytebound._native.timing cimport ask_timer, parse_jitter, parse_span

from random import getrandbits as _getrandbits
from time import monotonic as _monotonic

from bytebound._native.errors import PinnedError
from bytebound._native.units import parse_size


cdef enum:
    EXPIRED_AT_ONCE = 256
    LONG = 10_000_000  # microseconds: what lives so long need not be exact to a tick


@cython.no_gc_clear
cdef class LRUState(BoundedMapping):
    """What every LRU has: entries, bounds, a sizer, a callback and a clock."""

    def __cinit__(self, *args, **kwargs):
        bb_lru_init(&self.lru, bb_python_allocator(), 0, UINT32_MAX, True, NULL)
        self.own = &self.lru.budget
        self.yields_until = &self.lru.yields_until

    cdef int configure(
        self, max_bytes, max_items, sizer, on_evict, budget, bint charge_overhead, name,
        ttl, idle_ttl, ttl_jitter, timer,
    ) except -1:
        cdef uint64_t limit = parse_size(max_bytes)
        cdef uint32_t max_count = checked_items(max_items)
        cdef Sizing sizing = sizing_of(sizer)
        cdef uint64_t ttl_span = parse_span(ttl, "ttl")
        cdef uint64_t idle_span = parse_span(idle_ttl, "idle_ttl")
        cdef double jitter = parse_jitter(ttl_jitter)
        check_callback(on_evict, "on_evict")
        if not callable(timer):
            raise TypeError(f"timer must be callable, not {type(timer).__name__}")
        self.join_budget(budget, name)
        self.sizing = sizing
        self.sizer = sizer
        self.on_evict = on_evict
        bb_lru_init(
            &self.lru, bb_python_allocator(), limit, max_count, charge_overhead,
            &self.budget.core if budget is not None else NULL,
        )
        if sizing == SIZE_SHARED:
            bb_lru_share(&self.lru)
        self.ttl, self.idle_ttl, self.ttl_jitter, self.timer = ttl, idle_ttl, ttl_jitter, timer
        self.ttl_span, self.idle_span, self.jitter = ttl_span, idle_span, jitter
        self.by_timer = timer is not _monotonic
        self.random = _getrandbits(64) | 1
        self.keep_times(ttl_span, idle_span, NULL, 0)
        if budget is not None:
            self.lru.yields_until = 0  # who leaves for it is not ours to decide
        self.enlist()
        return 0

    @property
    def max_items(self):
        """int or None: The bound on entries."""
        return None if self.lru.max_count == UINT32_MAX else self.lru.max_count

    # ---- giving back for others ----

    cdef bint offer(self, uint64_t *use, uint64_t *releasable) noexcept:
        return bb_lru_nominee(&self.lru, use, releasable)

    cdef uint64_t held_back(self) noexcept:
        return bb_lru_held_back(&self.lru)

    cdef uint64_t give(
        self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    ) noexcept:
        return bb_lru_reclaim(&self.lru, need, until, spare, batch)

    cdef bint trim_some(self, uint64_t target, bb_batch *batch) noexcept:
        return bb_lru_trim(&self.lru, target, BB_TRIMMED, batch)

    # ---- measuring ----

    cdef uint64_t measure(self, PyObject *key, PyObject *value) except? 0xFFFFFFFFFFFFFFFF:
        """charge_of, for what takes a call."""
        cdef PyObject *pair[2]
        pair[0] = key
        pair[1] = value
        return measure_together(self.sizing, self.sizer, pair, 2, self.lru.budget.limit)

    cdef int collect(self, PyObject *key, PyObject *value, bb_found *found) except -1:
        """Find what an entry is made of. May run Python code, so no lock is held."""
        cdef PyObject *pair[2]
        pair[0] = key
        pair[1] = value
        return collect_parts(pair, 2, self.lru.budget.limit, found)

    # ---- time ----

    cdef int keep_times(
        self, uint64_t ttl, uint64_t idle, PyObject *kept, uint64_t charge
    ) except -1:
        """Make it possible that an entry of `charge` expires. 0 if it could never fit.

        The entry under the key `kept` does not leave for that; NULL: there is none.
        """
        cdef bb_batch batch
        cdef bb_refusal refusal
        cdef bb_status status
        cdef uint32_t index
        cdef const void *stored
        cdef uint32_t columns = columns_for(ttl, idle)
        if columns & ~self.lru.columns == 0:
            return 1
        for _ in range(MAX_RESTARTS):
            bb_batch_init(&batch)
            if kept == NULL:
                bb_lock(&self.mutex)
                index = 0
            else:
                index = self.locate(<object> kept)
            stored = self.lru.entries[index].key if index != 0 else NULL
            status = bb_lru_keep_times(&self.lru, columns, index, charge, &batch, &refusal)
            if status == BB_OK:
                self.timed = True
            bb_unlock(&self.mutex)
            self.drop_batch(&batch)
            if status == BB_OK:
                return 1
            if status == BB_TOO_LARGE:
                return 0
            if status != BB_OVER_BUDGET:
                break
            self.have_room_made(index, stored, self.least_nbytes(charge, NULL), &refusal)
        raise self.error_of(status, &refusal)

    cdef int have_room_made(
        self, uint32_t index, const void *stored, uint64_t least, const bb_refusal *refusal
    ) except -1:
        """Have the entries used longest ago leave, under a budget; not the one at an index."""
        if index != 0:
            check_room(self.budget, refusal, least)
            bb_lock(&self.mutex)
            if index <= self.lru.used and <const void *> self.lru.entries[index].key == stored:
                bb_lru_promote(&self.lru, index)
            bb_unlock(&self.mutex)
        make_room(self, self.budget, refusal, least)
        return 0

    cdef int default_times(self, Times *times) except -1:
        """When it is, and how long what is put now is to live, unless somebody says otherwise."""
        times.ttl = self.jittered(self.ttl_span)
        times.idle = self.idle_span
        if self.by_timer:
            times.now = ask_timer(self.timer)
        elif min(times.ttl, times.idle) > LONG:
            times.now = bb_clock_coarse()
        else:
            times.now = bb_clock_exact()
        return 0

    cdef int given_times(self, ttl, idle_ttl, Times *times) except -1:
        """The same, by what the arguments of a method say; ``...`` is the default."""
        cdef uint64_t ttl_span = self.ttl_span if ttl is ... else parse_span(ttl, "ttl")
        cdef uint64_t idle_span = (
            self.idle_span if idle_ttl is ... else parse_span(idle_ttl, "idle_ttl")
        )
        self.check_ready()
        times.ttl = self.jittered(ttl_span)
        times.idle = idle_span
        times.now = ask_timer(self.timer) if self.by_timer else bb_clock_exact()
        return 0

    cdef uint64_t jittered(self, uint64_t ttl) noexcept:
        """Shorter by a random part of what the jitter allows; by Marsaglia's xorshift."""
        if self.jitter == 0 or ttl == BB_NEVER:
            return ttl
        bb_lock(&self.mutex)
        self.random ^= self.random << 13
        self.random ^= self.random >> 7
        self.random ^= self.random << 17
        cdef double share = (self.random >> 11) / 9007199254740992.0
        bb_unlock(&self.mutex)
        return ttl - <uint64_t> (ttl * self.jitter * share)

    cdef uint64_t exact_time(self) except 0:
        return ask_timer(self.timer) if self.by_timer else bb_clock_exact()

    cdef int drop_expired(self, uint32_t index) except -1:
        """Let an entry leave that has expired. Called with the lock held, left without."""
        cdef bb_batch batch
        bb_batch_init(&batch)
        bb_lru_expire_at(&self.lru, index, &batch.items[0])
        batch.count = 1
        bb_unlock(&self.mutex)
        self.drop_batch(&batch)
        return 0

    cdef uint64_t expire_until(self, uint64_t now) except? 0xFFFFFFFFFFFFFFFF:
        """Let everything leave that has expired, but not what callbacks put meanwhile."""
        cdef bb_batch batch
        cdef uint64_t total = 0
        cdef uint64_t most
        cdef bint done = False
        bb_lock(&self.mutex)
        most = self.lru.count - bb_lru_live_count(&self.lru, now)
        bb_unlock(&self.mutex)
        while not done and total < most:
            bb_batch_init(&batch)
            bb_lock(&self.mutex)
            done = bb_lru_expire(&self.lru, now, min(EXPIRED_AT_ONCE, most - total), &batch)
            bb_unlock(&self.mutex)
            total += batch.count
            self.drop_batch(&batch)
        return total

    # ---- pins ----

    cdef object pinned_error(self, key, str what):
        return PinnedError(f"the entry of {key!r} is pinned: it cannot {what}")

    cdef object no_room_error(self):
        cdef uint64_t pinned
        bb_lock(&self.mutex)
        pinned = bb_lru_pinned_payload(&self.lru)
        bb_unlock(&self.mutex)
        return PinnedError(
            f"no room beside the {pinned} bytes of entries that are pinned: "
            f"max_bytes={self.max_bytes}, max_items={self.max_items}"
        )

    cdef object error_of(self, bb_status status, const bb_refusal *refusal):
        if status == BB_PINNED:
            return self.no_room_error()
        return BoundedMapping.error_of(self, status, refusal)

    # ---- what the hot paths leave to us ----

    cdef int drop_batch(self, bb_batch *batch) except -1:
        """Call back for what was evicted and let go of it. Called without the lock."""
        cdef uint32_t i
        for i in range(batch.count):
            self.notify(
                <PyObject *> batch.items[i].key, <PyObject *> batch.items[i].value,
                batch.items[i].reason,
            )
            decref(<PyObject *> batch.items[i].key)
            decref(<PyObject *> batch.items[i].value)
        bb_batch_free(batch, &self.lru.allocator)
        return 0

    cdef int notify(self, PyObject *key, PyObject *value, bb_reason reason) except -1:
        cdef PyObject *arguments[3]
        if self.on_evict is not None:
            callback = self.on_evict
            arguments[0] = key
            arguments[1] = value
            arguments[2] = <PyObject *> (<tuple> REASONS)[<Py_ssize_t> reason]
            bb_notify(<PyObject *> callback, arguments, 3)
        return 0

    cdef uint64_t structure_nbytes(self, size_t parts) noexcept:
        """What is charged for the structure of an entry that is alone."""
        if not self.lru.charge_overhead:
            return 0
        if self.sizing == SIZE_SHARED:
            return bb_lru_shared_overhead_for(&self.lru, parts)
        return bb_lru_overhead_for(&self.lru, 1)

    cdef uint64_t least_nbytes(self, uint64_t charge, const bb_found *found) noexcept:
        """All that is charged for an entry that is alone."""
        if found == NULL:
            return (charge & ~BB_LRU_GIVEN) + self.structure_nbytes(0)
        return (charge & ~BB_LRU_GIVEN) + found.nbytes + self.structure_nbytes(found.count)

    cdef object too_large(self, uint64_t charge, size_t parts=0):
        self.check_ready()
        return entry_too_large(
            "an entry", self.sizing, charge & ~BB_LRU_GIVEN, charge & BB_LRU_GIVEN != 0,
            self.structure_nbytes(parts), self.lru.budget.limit,
        )

    cdef uint32_t locate(self, key) except? 0xFFFFFFFF:
        """The index of a key, or 0. Left with the lock held; without it, on error."""
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        bb_lock(&self.mutex)
        return find(self, <PyObject *> key, hash_value)

    cdef object item_at(self, uint32_t index, int kind):
        """What iterating yields at an index. Called with the lock held, left without."""
        cdef PyObject *key = <PyObject *> self.lru.entries[index].key
        cdef PyObject *value = <PyObject *> self.lru.entries[index].value
        if kind != WALK_VALUES:
            incref(key)
        if kind != WALK_KEYS:
            incref(value)
        bb_unlock(&self.mutex)
        if kind == WALK_KEYS:
            return bb_steal(key)
        if kind == WALK_VALUES:
            return bb_steal(value)
        return bb_steal(key), bb_steal(value)

    cdef object pair_at(self, uint32_t index):
        """The pair at an index, or None at 0. Called with the lock held, left without."""
        if index == 0:
            bb_unlock(&self.mutex)
            return None
        return self.item_at(index, WALK_ITEMS)

    # ---- counting ----

    def reset_stats(self):
        """Set every counter to zero and `peak_nbytes` to what is charged now."""
        cdef bb_lru_counters none
        memset(&none, 0, sizeof(none))
        bb_lock(&self.mutex)
        self.lru.counters = none
        bb_budget_reset_peak(&self.lru.budget)
        bb_unlock(&self.mutex)

    def __copy__(self):
        return self.copy()

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        return (
            f"<{type(self).__name__}{name}: {len(self):,} items, "
            f"{self.nbytes:,} of {self.max_bytes:,} bytes>"
        )
