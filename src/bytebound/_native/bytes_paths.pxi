# The paths of BytesCache: functions, not methods, so that the C compiler can inline them.

cdef enum:
    IS_THERE = 2  # the key, which is not to be overwritten
    MAX_ATTEMPTS = 64  # how often others are asked for room for one entry


cdef inline int open_key(
    PyObject *key, bb_bytes_argument *argument, bb_bytes_pair *pair
) except -1:
    bb_open_bytes(key, argument)
    pair.key = argument.bytes
    pair.key_size = argument.size
    pair.hash = bb_hash_argument(key, argument)
    return 0


# ---- reading ----

cdef inline bb_bytes_record *find_record(
    BytesCache self, const bb_bytes_pair *pair, bint promote, bint counts, uint64_t now
) except? NULL:
    """The record of a key, with the lock held; or NULL, without. `promote`: it is used."""
    cdef uint32_t index
    bb_lock(&self.mutex)
    index = bb_bytes_cache_find(&self.core, pair)
    if index != 0 and self.timed and is_over(self, index, &now):
        self.lru.counters.misses += counts
        self.drop_expired(index)
        return NULL
    if index == 0:
        self.lru.counters.misses += counts
        bb_unlock(&self.mutex)
        return NULL
    self.lru.counters.hits += counts
    if promote:
        bb_lru_promote(&self.lru, index)
        if self.timed:
            bb_lru_renew(&self.lru, index, now)
    return bb_bytes_cache_at(&self.core, index)


cdef bb_bytes_record *look_up(
    BytesCache self, PyObject *key, bint promote, bint counts
) except? NULL:
    """The record of a key, held for the caller, or NULL."""
    cdef bb_bytes_argument argument
    cdef bb_bytes_pair pair
    cdef bb_bytes_record *record
    cdef uint64_t now = time_before_lock(self)
    open_key(key, &argument, &pair)
    record = find_record(self, &pair, promote, counts, now)
    if record != NULL:
        bb_bytes_cache_hold(&self.core, record)
        bb_unlock(&self.mutex)
    bb_close_bytes(&argument)
    return record


cdef inline object read(BytesCache self, PyObject *key, bint promote, bint counts, object missing):
    """The value of a key as bytes, or `missing`."""
    cdef bb_bytes_argument argument
    cdef bb_bytes_pair pair
    cdef bb_bytes_record *record
    cdef PyObject *value
    cdef uint64_t now = time_before_lock(self)
    open_key(key, &argument, &pair)
    record = find_record(self, &pair, promote, counts, now)
    if record == NULL:
        bb_close_bytes(&argument)
        return missing
    value = bb_copy_value(&self.core, &self.mutex, record)
    bb_close_bytes(&argument)
    if value == NULL:
        raise MemoryError
    return bb_steal(value)


# ---- writing: 1 if done; 0 if it could never fit, then nothing has changed ----

cdef int have_room_made(
    BytesCache self, const bb_bytes_pair *pair, bb_refusal *refusal, uint64_t attempt
) except -1:
    # An entry may take several charges, of which a refusal tells one: so ever more is asked.
    if attempt == MAX_ATTEMPTS:
        raise self.error_of(BB_OVER_BUDGET, refusal)
    refusal.requested = min(refusal.requested * attempt, refusal.limit)
    make_room(
        self, self.budget, refusal, bb_bytes_cache_least_bytes(&self.core, pair)
    )
    return 0


cdef inline int store_pair(
    BytesCache self, const bb_bytes_pair *pair, bint overwrite, const Times *times
) except -1:
    cdef bb_batch batch
    cdef bb_refusal refusal
    cdef bb_status status
    cdef uint32_t index
    cdef uint64_t attempt = 0
    while True:
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        index = bb_bytes_cache_find(&self.core, pair)
        if times != NULL:
            index = bb_lru_clear_way(&self.lru, index, times.now, 0, &batch)
        status = BB_CHANGED
        if batch.count != 0:
            status = BB_FULL  # what has expired gives its memory up before anything else leaves
        elif index == 0 or overwrite:
            status = bb_bytes_cache_put(&self.core, index, pair, &batch, &refusal)
            if status == BB_OK and times != NULL:
                bb_lru_schedule(
                    &self.lru, bb_lru_newest(&self.lru), times.now, times.ttl, times.idle
                )
        bb_unlock(&self.mutex)
        if batch.count != 0:
            self.drop_batch(&batch)
        if status == BB_OK:
            return 1
        if status == BB_CHANGED:
            return IS_THERE
        if status == BB_TOO_LARGE:
            return 0
        if status == BB_OVER_BUDGET:
            attempt += 1
            have_room_made(self, pair, &refusal, attempt)
        elif status != BB_FULL:
            raise self.error_of(status, &refusal)


cdef inline int store(
    BytesCache self, PyObject *key, PyObject *value, bint overwrite, bint demand,
    const Times *times
) except -1:
    """Put an entry; `demand`: it is an error if it could never fit."""
    cdef bb_bytes_argument key_argument
    cdef bb_bytes_argument value_argument
    cdef bb_bytes_pair pair
    cdef int done
    open_key(key, &key_argument, &pair)
    try:
        bb_open_bytes(value, &value_argument)
    except BaseException:
        bb_close_bytes(&key_argument)
        raise
    pair.value = value_argument.bytes
    pair.value_size = value_argument.size
    try:
        done = store_pair(self, &pair, overwrite, times)
        if demand and not done:
            raise self.oversized(&pair)
    finally:
        bb_close_bytes(&value_argument)
        bb_close_bytes(&key_argument)
    return done


cdef int store_by_default(BytesCache self, key, value) except -1:
    """Put an entry that lives as long as the cache says."""
    cdef Times times
    if not self.timed:
        return store(self, <PyObject *> key, <PyObject *> value, True, True, NULL)
    self.default_times(&times)
    return store(self, <PyObject *> key, <PyObject *> value, True, True, &times)


cdef int store_for(
    BytesCache self, key, value, bint overwrite, bint demand, ttl, idle_ttl
) except -1:
    """Put an entry that lives as long as arguments say."""
    cdef Times times
    if not self.timed and ttl is ... and idle_ttl is ...:
        return store(self, <PyObject *> key, <PyObject *> value, overwrite, demand, NULL)
    self.given_times(ttl, idle_ttl, &times)
    if not self.keep_times(times.ttl, times.idle, <PyObject *> key, 0):
        self.keep_times(times.ttl, times.idle, NULL, 0)
    return store(
        self, <PyObject *> key, <PyObject *> value, overwrite, demand,
        &times if self.timed else NULL,
    )


cdef int put_or_drop(BytesCache self, key, value, ttl, idle_ttl) except -1:
    """As store_for; if it could never fit, no older value stays either."""
    if store_for(self, key, value, True, False, ttl, idle_ttl):
        return 1
    self.check_ready()
    take(self, <PyObject *> key, BB_SIZE, False, False)
    return 0


cdef object put_if_absent(BytesCache self, key, value, bint demand, ttl, idle_ttl):
    """Put an entry unless its key is there by now; the value that is there then."""
    for _ in range(MAX_RESTARTS):
        if store_for(self, key, value, False, demand, ttl, idle_ttl) != IS_THERE:
            return as_bytes(value)
        there = read(self, <PyObject *> key, True, False, NOTHING)  # counted as a miss already
        if there is not NOTHING:
            return there
    raise RuntimeError(f"the entry came and went each of {MAX_RESTARTS} times: {key!r}")


# ---- taking out ----

cdef bint remove_record(BytesCache self, bb_bytes_record *record, bb_reason reason) except -1:
    """Take the entry of a record out that the caller holds, and end the hold. 0 if it has left."""
    cdef bb_batch batch
    cdef uint32_t index
    bb_batch_init(&batch)
    bb_lock(&self.mutex)
    index = bb_bytes_cache_index_of(&self.core, record)
    if index != 0:
        bb_lru_remove(&self.lru, index, reason, &batch.items[0])
        batch.count = 1
    bb_bytes_cache_release(&self.core, record)
    bb_unlock(&self.mutex)
    self.drop_batch(&batch)
    return index != 0


cdef object take(
    BytesCache self, PyObject *key, bb_reason reason, bint lookup, bint wanted
):
    """Take an entry out: its value if that is wanted, else True; NOTHING if there is none."""
    cdef bb_bytes_record *record
    cdef bint counts = lookup
    for _ in range(MAX_RESTARTS):
        record = look_up(self, key, False, counts)
        if record == NULL:
            return NOTHING
        counts = False
        value = True
        if wanted:
            try:
                value = self.taken_from(record, WALK_VALUES)
            except BaseException:
                self.let_go(record)
                raise
        if remove_record(self, record, reason):
            return value
    raise RuntimeError(f"the entry changed each of {MAX_RESTARTS} times it was taken")


cdef object take_oldest(BytesCache self):
    """Take the oldest entry out and return its pair, or None."""
    cdef bb_bytes_record *record
    cdef uint32_t index
    cdef uint64_t now
    for _ in range(MAX_RESTARTS):
        now = time_before_lock(self)
        bb_lock(&self.mutex)
        index = live_from(self, bb_lru_oldest(&self.lru), True, False, &now)
        if index == 0:
            bb_unlock(&self.mutex)
            return None
        record = bb_bytes_cache_at(&self.core, index)
        bb_bytes_cache_hold(&self.core, record)
        bb_unlock(&self.mutex)
        try:
            pair = self.taken_from(record, WALK_ITEMS)  # first, so that it is not lost
        except BaseException:
            self.let_go(record)
            raise
        if remove_record(self, record, BB_DELETED):
            return pair
    raise RuntimeError(f"the oldest entry changed each of {MAX_RESTARTS} times it was taken")


cdef int empty(BytesCache self) except -1:
    cdef bb_lru taken
    cdef uint32_t index
    cdef list pairs = []
    cdef object callback = self.on_evict
    bb_lock(&self.mutex)
    bb_lru_take_all(&self.lru, &taken)
    bb_unlock(&self.mutex)
    index = bb_lru_oldest(&taken)
    while index != 0:
        if callback is not None:
            bb_append_pair(pairs, callback, <bb_bytes_record *> taken.entries[index].value)
        self.drop_record(taken.entries[index].value)
        index = bb_lru_newer(&taken, index)
    bb_lru_discard(&taken)
    bb_lock(&self.mutex)
    bb_bytes_cache_give_back(&self.core)
    bb_unlock(&self.mutex)
    pairs.reverse()
    while pairs:
        pair = pairs.pop()
        self.notify(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), BB_CLEARED)
    return 0
