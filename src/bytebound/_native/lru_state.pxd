from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    BB_CLOCK_LAG,
    BB_LRU_IDLES,
    BB_LRU_TIMERS,
    BB_NEVER,
    bb_batch,
    bb_clock_coarse,
    bb_clock_exact,
    bb_found,
    bb_lru,
    bb_lru_deadline,
    bb_lru_has_expired,
    bb_lru_is_pinned,
    bb_lru_live_count,
    bb_lru_newer,
    bb_lru_older,
    bb_reason,
    bb_refusal,
    bb_status,
)
from bytebound._native.finding cimport find_in
from bytebound._native.mapping cimport BoundedMapping
from bytebound._native.measuring cimport SIZE_BY_CALL, Sizing
from bytebound._native.sizing cimport bb_root_nbytes
from bytebound._native.support cimport bb_lock, bb_unlock
from bytebound._native.timing cimport Times, ask_timer


cdef class LRUState(BoundedMapping):
    cdef bb_lru lru
    cdef Sizing sizing
    cdef bint timed     # some entry may expire
    cdef bint by_timer  # only Python code tells the time
    cdef uint64_t ttl_span
    cdef uint64_t idle_span
    cdef double jitter
    cdef uint64_t random
    cdef readonly object sizer
    cdef readonly object on_evict
    cdef readonly object ttl
    cdef readonly object idle_ttl
    cdef readonly object ttl_jitter
    cdef readonly object timer

    cdef int configure(
        self, max_bytes, max_items, sizer, on_evict, budget, bint charge_overhead, name,
        ttl, idle_ttl, ttl_jitter, timer,
    ) except -1
    cdef uint64_t measure(self, PyObject *key, PyObject *value) except? 0xFFFFFFFFFFFFFFFF
    cdef int collect(self, PyObject *key, PyObject *value, bb_found *found) except -1
    cdef int notify(self, PyObject *key, PyObject *value, bb_reason reason) except -1
    cdef uint32_t locate(self, key) except? 0xFFFFFFFF
    cdef object item_at(self, uint32_t index, int kind)
    cdef object pair_at(self, uint32_t index)
    cdef uint64_t structure_nbytes(self, size_t parts) noexcept
    cdef uint64_t least_nbytes(self, uint64_t charge, const bb_found *found) noexcept
    cdef object too_large(self, uint64_t charge, size_t parts=*)
    cdef int keep_times(
        self, uint64_t ttl, uint64_t idle, PyObject *kept, uint64_t charge
    ) except -1
    cdef int have_room_made(
        self, uint32_t index, const void *stored, uint64_t least, const bb_refusal *refusal
    ) except -1
    cdef int default_times(self, Times *times) except -1
    cdef int given_times(self, ttl, idle_ttl, Times *times) except -1
    cdef uint64_t jittered(self, uint64_t ttl) noexcept
    cdef uint64_t exact_time(self) except 0
    cdef int drop_expired(self, uint32_t index) except -1
    cdef uint64_t expire_until(self, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    cdef object pinned_error(self, key, str what)
    cdef object no_room_error(self)


cdef inline uint32_t columns_for(uint64_t ttl, uint64_t idle) noexcept:
    """What the table has to have for an entry to live so long."""
    if idle != BB_NEVER:
        return BB_LRU_TIMERS | BB_LRU_IDLES
    return BB_LRU_TIMERS if ttl != BB_NEVER else 0


cdef inline uint64_t time_before_lock(LRUState self) except 0:
    """What is_over needs to be told of the time, before the lock is taken."""
    return ask_timer(self.timer) if self.timed and self.by_timer else 1


cdef inline bint is_over(LRUState self, uint32_t index, uint64_t *now) noexcept:
    """Whether an entry has expired. Called with the lock held.

    `now` is what time_before_lock returned, and the time afterwards if the entry may expire.
    """
    cdef uint64_t deadline = bb_lru_deadline(&self.lru, index)
    if deadline == BB_NEVER:
        return False
    if not self.by_timer:
        now[0] = bb_clock_coarse()
        if deadline > now[0] + BB_CLOCK_LAG:
            return False
        now[0] = bb_clock_exact()
    return bb_lru_has_expired(&self.lru, index, now[0])


cdef inline Py_ssize_t live_count(LRUState self) except -1:
    """How many entries have not expired."""
    cdef uint32_t count
    cdef uint64_t now = self.exact_time()
    bb_lock(&self.mutex)
    count = bb_lru_live_count(&self.lru, now)
    bb_unlock(&self.mutex)
    return count


cdef inline uint32_t live_from(
    LRUState self, uint32_t index, bint newer, bint unpinned, uint64_t *now
) noexcept:
    """The first entry from an index on that has not expired, and is not pinned if so asked."""
    while index != 0 and (
        is_over(self, index, now) or (unpinned and bb_lru_is_pinned(&self.lru, index))
    ):
        index = bb_lru_newer(&self.lru, index) if newer else bb_lru_older(&self.lru, index)
    return index


cdef inline uint32_t find(LRUState self, PyObject *key, Py_hash_t hash_value) except? 0xFFFFFFFF:
    """The index of a key, or 0. Called and left with the lock held; left without it, on error."""
    return find_in(&self.lru, &self.mutex, key, hash_value)


cdef inline uint64_t charge_of(
    LRUState self, PyObject *key, PyObject *value
) except? 0xFFFFFFFFFFFFFFFF:
    """What an entry is to be charged. May run Python code, so no lock is held."""
    cdef Py_ssize_t key_size, value_size
    if self.sizing != SIZE_BY_CALL:
        key_size = bb_root_nbytes(key)
        value_size = bb_root_nbytes(value)
        if key_size >= 0 and value_size >= 0 and key != value:
            return key_size + value_size
    return self.measure(key, value)
