# The hot paths of LRUCache: functions, not methods, so that the C compiler can inline them.

# ---- reading ----

cdef inline int read(
    LRUCache self, PyObject *key, bint promote, PyObject **value
) except -1:
    """read_hashed, for a key that was not hashed yet."""
    cdef Py_hash_t hash_value = bb_hash(key)
    if self.timed:
        return read_timed(self, key, hash_value, promote, promote, time_before_lock(self), value)
    return read_untimed(self, key, hash_value, promote, promote, value)


cdef int read_hashed(
    LRUCache self, PyObject *key, Py_hash_t hash_value, bint promote, PyObject **value
) except -1:
    """1 and a new reference if the key is there, else 0. With `promote` it is a lookup."""
    if self.timed:
        return read_timed(self, key, hash_value, promote, promote, time_before_lock(self), value)
    return read_untimed(self, key, hash_value, promote, promote, value)


cdef inline int read_untimed(
    LRUCache self, PyObject *key, Py_hash_t hash_value, bint promote, bint counts,
    PyObject **value
) except -1:
    cdef uint32_t index
    bb_lock(&self.mutex)
    index = find(self, key, hash_value)
    if index == 0:
        self.lru.counters.misses += counts
        bb_unlock(&self.mutex)
        return 0
    self.lru.counters.hits += counts
    if promote:
        bb_lru_promote(&self.lru, index)
    value[0] = <PyObject *> self.lru.entries[index].value
    incref(value[0])
    bb_unlock(&self.mutex)
    return 1


cdef int read_timed(
    LRUCache self, PyObject *key, Py_hash_t hash_value, bint promote, bint counts, uint64_t now,
    PyObject **value
) except -1:
    """The same where entries may expire. `now` is what time_before_lock returned."""
    cdef uint32_t index
    cdef bint over
    bb_lock(&self.mutex)
    index = find(self, key, hash_value)
    if index != 0:
        bb_lru_prefetch(&self.lru, index)
    over = index != 0 and is_over(self, index, &now)
    if index == 0 or over:
        self.lru.counters.misses += counts
        if over:
            self.drop_expired(index)
        else:
            bb_unlock(&self.mutex)
        return 0
    self.lru.counters.hits += counts
    if promote:
        bb_lru_promote(&self.lru, index)
        bb_lru_renew(&self.lru, index, now)
    value[0] = <PyObject *> self.lru.entries[index].value
    incref(value[0])
    bb_unlock(&self.mutex)
    return 1


# ---- writing: 1 if done; 0 if it could never fit, then nothing has changed ----

cdef enum:
    IS_THERE = 2  # the key, which is not to be overwritten
    TRY_AGAIN = 3  # others made room

cdef int store_at(
    LRUCache self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
    uint64_t charge, bb_found *found, const Times *times
) except -1:
    """Insert at index 0, else replace. Called with the lock held, left without.

    `found` is what the entry shares, or NULL; `times` when it expires, or NULL.
    """
    cdef bb_batch batch
    cdef bb_refusal refusal
    cdef bb_status status
    cdef void *old = NULL
    cdef PyObject *stored = <PyObject *> self.lru.entries[index].key if index != 0 else NULL
    cdef PyObject *kept = NULL  # the key that is told of a value that leaves
    cdef bint pinned = False
    bb_batch_init(&batch)
    incref(value)
    if index == 0:
        incref(key)
    elif self.on_evict is not None:
        kept = stored
        incref(kept)
    if found != NULL:
        status = store_shared_at(
            self, index, key, value, hash_value, found, &batch, &refusal, &old
        )
    elif index == 0:
        status = bb_lru_insert(&self.lru, key, value, hash_value, charge, &batch, &refusal)
    else:
        status = bb_lru_replace(&self.lru, index, value, charge, &batch, &refusal, &old)
    if status == BB_OK and times != NULL:
        bb_lru_schedule(
            &self.lru, bb_lru_newest(&self.lru), times.now, times.ttl, times.idle
        )
    if status == BB_PINNED and index != 0:
        pinned = self.lru.entries[index].value != <void *> value and bb_lru_is_pinned(
            &self.lru, index
        )
    bb_unlock(&self.mutex)
    if status == BB_OK:
        if batch.count == 1 and self.on_evict is None:
            decref(<PyObject *> batch.items[0].key)
            decref(<PyObject *> batch.items[0].value)
        elif batch.count != 0:
            self.drop_batch(&batch)
        if old != NULL:
            if kept != NULL:
                if old != value:
                    self.notify(kept, <PyObject *> old, BB_REPLACED)
                decref(kept)
            decref(<PyObject *> old)
        return 1
    if kept != NULL:
        decref(kept)
    decref(value)
    if index == 0:
        decref(key)
    bb_batch_free(&batch, &self.lru.allocator)
    if pinned:
        raise self.pinned_error(<object> key, "get another value")
    return refuse(
        self, status, index, stored, self.least_nbytes(charge, found), &refusal
    )


cdef int refuse(
    LRUCache self, bb_status status, uint32_t index, const PyObject *stored, uint64_t least,
    const bb_refusal *refusal
) except -1:
    """What store_at makes of a failure: 0, TRY_AGAIN or an exception."""
    if status == BB_TOO_LARGE:
        return 0
    if status == BB_OVER_BUDGET:
        self.have_room_made(index, stored, least, refusal)
        return TRY_AGAIN
    raise self.error_of(status, refusal)


cdef inline int store_in_time(
    LRUCache self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge,
    bint overwrite, const Times *times, bb_batch *expired
) except -1:
    """Put a measured entry. What expires meanwhile goes into a batch; without times both are NULL.
    """
    cdef uint32_t index
    cdef int done
    for _ in range(MAX_RESTARTS):
        bb_lock(&self.mutex)
        index = find(self, key, hash_value)
        if times != NULL:
            index = bb_lru_clear_way(&self.lru, index, times.now, charge, expired)
        if index != 0 and not overwrite:
            bb_unlock(&self.mutex)
            return IS_THERE
        if index != 0 and not is_measured(self, index, key, charge):
            done = store_under_kept(self, index, value, hash_value, times, expired)
        else:
            done = store_at(self, index, key, value, hash_value, charge, NULL, times)
        if done != TRY_AGAIN:
            return done
    raise RuntimeError(f"the budget was full again each of {MAX_RESTARTS} times room was made")


cdef inline bint is_measured(
    LRUCache self, uint32_t index, PyObject *key, uint64_t charge
) noexcept:
    """Whether a charge holds for the key that is there, which stays."""
    return (
        <PyObject *> self.lru.entries[index].key == key
        or self.sizing == SIZE_BY_CALL
        or charge & BB_LRU_GIVEN != 0
    )


cdef int store_under_kept(
    LRUCache self, uint32_t index, PyObject *value, Py_hash_t hash_value, const Times *times,
    bb_batch *expired
) except -1:
    """Replace after measuring the key that is there. Called with the lock held, left without."""
    cdef PyObject *key
    cdef uint64_t charge
    cdef object kept
    for _ in range(MAX_RESTARTS):
        key = <PyObject *> self.lru.entries[index].key
        incref(key)
        bb_unlock(&self.mutex)
        kept = bb_steal(key)
        charge = charge_of(self, key, value)
        bb_lock(&self.mutex)
        index = find(self, key, hash_value)
        if times != NULL:
            index = bb_lru_clear_way(&self.lru, index, times.now, charge, expired)
        if index == 0 or is_measured(self, index, key, charge):
            return store_at(self, index, key, value, hash_value, charge, NULL, times)
    bb_unlock(&self.mutex)
    raise RuntimeError(f"the cache changed each of {MAX_RESTARTS} times an entry was measured")


cdef int store_timed(
    LRUCache self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge,
    bint overwrite, const Times *times
) except -1:
    """Put a measured entry that may expire, in a cache of such."""
    cdef bb_batch expired
    bb_batch_init(&expired)
    try:
        return store_in_time(self, key, value, hash_value, charge, overwrite, times, &expired)
    finally:
        if expired.count != 0:
            self.drop_batch(&expired)


cdef int store_by_default(
    LRUCache self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge,
    bint overwrite
) except -1:
    cdef Times times
    bb_lru_prefetch_slot(&self.lru, <uint64_t> hash_value)
    self.default_times(&times)
    return store_timed(self, key, value, hash_value, charge, overwrite, &times)


cdef int store(
    LRUCache self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
) except -1:
    """Put a measured entry under a key that was hashed, to live as long as the cache says."""
    if self.timed:
        return store_by_default(self, key, value, hash_value, charge, True)
    return store_in_time(self, key, value, hash_value, charge, True, NULL, NULL)


# ---- the same where entries share parts ----

cdef bb_status store_shared_at(
    LRUCache self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
    bb_found *found, bb_batch *batch, bb_refusal *refusal, void **old
) noexcept:
    if index == 0:
        return bb_lru_insert_shared(
            &self.lru, key, value, hash_value, 0, found, batch, refusal
        )
    return bb_lru_replace_shared(&self.lru, index, value, 0, found, batch, refusal, old)


cdef int store_shared(
    LRUCache self, key, value, bint overwrite, bint demand, const Times *times
) except -1:
    """Measure an entry of a cache that shares, and put it; `demand`: too large is an error."""
    cdef bb_found found
    cdef bb_batch expired
    bb_found_init(&found, bb_python_allocator())
    bb_batch_init(&expired)
    try:
        return store_found(self, key, value, overwrite, demand, times, &found, &expired)
    finally:
        bb_found_free(&found)
        self.drop_batch(&expired)


cdef int store_found(
    LRUCache self, key, value, bint overwrite, bint demand, const Times *times, bb_found *found,
    bb_batch *expired
) except -1:
    cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
    cdef PyObject *stored
    cdef uint32_t index
    cdef int done
    for _ in range(MAX_RESTARTS):
        self.collect(<PyObject *> key, <PyObject *> value, found)
        bb_lock(&self.mutex)
        index = find(self, <PyObject *> key, hash_value)
        if times != NULL:
            index = bb_lru_clear_way(&self.lru, index, times.now, found.nbytes, expired)
        if index != 0 and not overwrite:
            bb_unlock(&self.mutex)
            return IS_THERE
        stored = <PyObject *> (self.lru.entries[index].key if index != 0 else <void *> key)
        if stored == <PyObject *> key:
            done = store_at(
                self, index, stored, <PyObject *> value, hash_value, 0, found, times
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


# ---- for methods that are told more ----

cdef inline int keep_times_for(LRUCache self, key, const Times *times, uint64_t charge) except -1:
    """Have an older value stay until it is replaced, if there is room for times beside it."""
    return self.keep_times(times.ttl, times.idle, <PyObject *> key, charge) or self.keep_times(
        times.ttl, times.idle, NULL, charge
    )


cdef int put_measured(
    LRUCache self, key, value, size, bint overwrite, bint demand, const Times *times
) except -1:
    """Measure and put an entry, `times` NULL: one that does not expire in a cache of such."""
    cdef Py_hash_t hash_value
    cdef uint64_t charge
    cdef int done
    if size is None and self.sizing == SIZE_SHARED:
        if times != NULL and not keep_times_for(self, key, times, 0):
            done = 0
            charge = 0
        else:
            return store_shared(self, key, value, overwrite, demand, times)
    else:
        hash_value = bb_hash(<PyObject *> key)
        if size is None:
            charge = charge_of(self, <PyObject *> key, <PyObject *> value)
        else:
            charge = checked_size(size, "size") | BB_LRU_GIVEN
        if times == NULL:
            done = store_in_time(
                self, <PyObject *> key, <PyObject *> value, hash_value, charge, overwrite, NULL,
                NULL,
            )
        else:
            done = keep_times_for(self, key, times, charge) and store_timed(
                self, <PyObject *> key, <PyObject *> value, hash_value, charge, overwrite, times
            )
    if demand and not done:
        raise self.too_large(charge)
    return done


cdef int put_or_drop(LRUCache self, key, value, size, const Times *times) except -1:
    """As put_measured; if it could never fit, no older value stays either."""
    cdef PyObject *older
    if put_measured(self, key, value, size, True, False, times):
        return 1
    self.check_ready()
    if take(self, <PyObject *> key, BB_SIZE, False, &older):
        decref(older)
    return 0


# ---- taking out ----

cdef int take(
    LRUCache self, PyObject *key, bb_reason reason, bint lookup, PyObject **value
) except -1:
    """Take an entry out: 1 and a new reference to its value, or 0."""
    cdef Py_hash_t hash_value = bb_hash(key)
    cdef uint64_t now = time_before_lock(self)
    cdef bb_removed removed
    cdef uint32_t index
    bb_lock(&self.mutex)
    index = find(self, key, hash_value)
    if index != 0 and self.lru.has_extras:
        if is_over(self, index, &now):
            self.lru.counters.misses += lookup
            self.drop_expired(index)
            return 0
        if bb_lru_is_pinned(&self.lru, index):
            bb_unlock(&self.mutex)
            raise self.pinned_error(<object> key, "be deleted")
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
