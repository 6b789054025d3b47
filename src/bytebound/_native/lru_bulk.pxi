# What LRUCache does with several entries, or with one after having looked.

cdef enum:
    START_OVER = -2

cdef object put_if_absent(LRUCache self, key, value, size, bint demand, ttl, idle_ttl):
    """Put an entry unless its key is there by now; the value that is there then.

    `demand`: it is an error if the entry could never fit.
    """
    cdef PyObject *there
    cdef Py_hash_t hash_value
    cdef Times times
    cdef int done
    cdef bint timed
    for _ in range(MAX_RESTARTS):
        timed = self.timed or ttl is not ... or idle_ttl is not ...
        if timed:
            self.given_times(ttl, idle_ttl, &times)
        done = put_measured(self, key, value, size, False, demand, &times if timed else NULL)
        if done != IS_THERE:
            return value
        hash_value = bb_hash(<PyObject *> key)
        # It was counted as a miss already.
        if read_timed(
            self, <PyObject *> key, hash_value, True, False, time_before_lock(self), &there
        ):
            return bb_steal(there)
    raise RuntimeError(f"the entry came and went each of {MAX_RESTARTS} times: {key!r}")


cdef dict look_up_many(LRUCache self, keys):
    cdef dict result = {}
    cdef PyObject *value
    cdef Py_hash_t hash_value
    cdef uint64_t now = time_before_lock(self)
    cdef bint timed = self.timed
    cdef int found
    for key in keys:
        hash_value = bb_hash(<PyObject *> key)
        if timed:
            found = read_timed(self, <PyObject *> key, hash_value, True, True, now, &value)
        else:
            found = read_untimed(self, <PyObject *> key, hash_value, True, True, &value)
        if found:
            result[key] = bb_steal(value)
    return result


cdef Py_ssize_t put_each(LRUCache self, pairs, ttl, idle_ttl) except -1:
    cdef Times times
    cdef const Times *given = NULL
    cdef Py_ssize_t kept = 0
    if self.timed or ttl is not ... or idle_ttl is not ...:
        self.given_times(ttl, idle_ttl, &times)
        given = &times
    if type(pairs) is dict:
        for key, value in (<dict> pairs).items():
            kept += put_next(self, key, value, given)
    elif hasattr(pairs, "keys"):
        for key in pairs.keys():
            kept += put_next(self, key, pairs[key], given)
    else:
        for key, value in pairs:
            kept += put_next(self, key, value, given)
    return kept


cdef inline int put_next(LRUCache self, key, value, const Times *times) except -1:
    cdef Py_hash_t hash_value
    cdef uint64_t charge
    if times == NULL and self.sizing != SIZE_SHARED:
        hash_value = bb_hash(<PyObject *> key)
        charge = charge_of(self, <PyObject *> key, <PyObject *> value)
        if store_in_time(
            self, <PyObject *> key, <PyObject *> value, hash_value, charge, True, NULL, NULL
        ):
            return 1
    return put_or_drop(self, key, value, None, times)


cdef Py_ssize_t take_many(LRUCache self, keys, dict found) except -1:
    """Take entries out, all or none: first everything that may run Python code, then the rest.

    Returns how many; with `found`, keys are looked up, and their values go there.
    """
    cdef list wanted = list(keys)
    cdef bb_batch places
    cdef Py_ssize_t taken = START_OVER
    for _ in range(MAX_RESTARTS):
        bb_batch_init(&places)
        try:
            find_many(self, wanted, found, &places)
            taken = remove_many(self, &places, found is not None, len(wanted))
        finally:
            drop_references(&places)
            bb_batch_free(&places, &self.lru.allocator)
        if taken != START_OVER:
            return taken
        if found is not None:
            found.clear()
    raise RuntimeError(f"the cache changed each of {MAX_RESTARTS} times that keys were looked for")


cdef int find_many(LRUCache self, list wanted, dict found, bb_batch *places) except -1:
    """Find the values of those keys that are there, and take new references to their entries.

    An entry is known by its key, its value, and its hash, which stands where its charge would.
    """
    cdef Py_hash_t hash_value
    cdef uint64_t now = time_before_lock(self)
    cdef uint32_t index
    cdef bb_removed place
    memset(&place, 0, sizeof(place))
    if not bb_batch_reserve(places, &self.lru.allocator, min(len(wanted), UINT32_MAX)):
        raise MemoryError
    for key in wanted:
        hash_value = bb_hash(<PyObject *> key)
        bb_lock(&self.mutex)
        index = find(self, <PyObject *> key, hash_value)
        if index != 0 and is_over(self, index, &now):
            self.drop_expired(index)
            continue
        if index == 0:
            bb_unlock(&self.mutex)
            continue
        place.key = self.lru.entries[index].key
        place.value = self.lru.entries[index].value
        place.charge = <uint64_t> hash_value
        incref(<PyObject *> place.key)
        incref(<PyObject *> place.value)
        bb_unlock(&self.mutex)
        bb_batch_push(places, &self.lru.allocator, place)  # there is room
        if found is not None:
            found[key] = <object> <PyObject *> place.value
    return 0


cdef Py_ssize_t remove_many(
    LRUCache self, bb_batch *places, bint lookup, Py_ssize_t wanted
) except -1:
    """Take these very entries out and say how many; START_OVER if one is not there any more."""
    cdef bb_removed *place
    cdef bb_removed removed
    cdef uint32_t index, i
    cdef Py_ssize_t taken = 0
    bb_lock(&self.mutex)
    for i in range(places.count):
        place = &places.items[i]
        index = bb_lru_index_of(&self.lru, place.key, place.charge)
        if index == 0 or self.lru.entries[index].value != place.value:
            bb_unlock(&self.mutex)
            return START_OVER
        if bb_lru_is_pinned(&self.lru, index):
            bb_unlock(&self.mutex)
            raise self.pinned_error(<object> <PyObject *> place.key, "be deleted")
    for i in range(places.count):
        place = &places.items[i]
        place.index = bb_lru_index_of(&self.lru, place.key, place.charge)
        if place.index != 0:  # a key may have been asked for twice
            bb_lru_remove(&self.lru, place.index, BB_DELETED, &removed)
            taken += 1
    if lookup:
        self.lru.counters.hits += <uint64_t> taken
        self.lru.counters.misses += <uint64_t> (wanted - taken)
    bb_unlock(&self.mutex)
    for i in range(places.count):
        place = &places.items[i]
        if place.index != 0:
            self.notify(<PyObject *> place.key, <PyObject *> place.value, BB_DELETED)
            decref(<PyObject *> place.key)
            decref(<PyObject *> place.value)
    return taken


cdef int drop_references(bb_batch *places) except -1:
    cdef uint32_t i
    for i in range(places.count):
        decref(<PyObject *> places.items[i].key)
        decref(<PyObject *> places.items[i].value)
    return 0
