# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""Keeping an entry where it is for a while."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    BB_OK,
    BB_OVER_BUDGET,
    BB_TOO_LARGE,
    bb_batch,
    bb_batch_init,
    bb_lru_index_of,
    bb_lru_pin,
    bb_lru_promote,
    bb_lru_renew,
    bb_lru_unpin,
    bb_refusal,
    bb_status,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.lru_state cimport find, is_over, time_before_lock
from bytebound._native.support cimport (
    bb_hash,
    bb_lock,
    bb_publish,
    bb_steal,
    bb_unlock,
    incref,
)

from bytebound._native.errors import EntryTooLargeError


@cython.final
@cython.no_gc_clear
cdef class LRUPin:
    """Keeps an entry of a cache from leaving between entering and leaving a ``with`` block.

    What `LRUCache.pin` returns. Each time it is entered is one more pin, which ends with its block,
    at the latest when this object dies.

    Attributes
    ----------
    key : object
        What was asked for.
    """

    def __cinit__(self, LRUState cache not None, key):
        self.cache = cache
        self.key = key

    def __dealloc__(self):
        if self.cache is None or self.times == 0:
            return
        bb_lock(&self.cache.mutex)
        while self.times != 0:
            self.times -= 1
            bb_lru_unpin(&self.cache.lru, <void *> <PyObject *> self.held, self.hash_value)
        bb_unlock(&self.cache.mutex)

    def __enter__(self):
        cdef LRUState cache = self.cache
        cdef bb_refusal refusal
        cdef bb_status status = BB_OVER_BUDGET
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> self.key)
        cdef PyObject *value = NULL
        cdef void *stored = NULL
        cdef uint32_t index = 0
        for _ in range(MAX_RESTARTS):
            status = self.pin_once(hash_value, &value, &index, &stored, &refusal)
            if status == BB_OK:
                return bb_steal(value)
            if status != BB_OVER_BUDGET:
                break
            cache.have_room_made(index, stored, cache.structure_nbytes(0), &refusal)
        if status == BB_TOO_LARGE:
            raise EntryTooLargeError(
                f"no room beside the entry of {self.key!r} for the memory that a pin takes: "
                f"max_bytes={cache.max_bytes}",
                None,
                cache.max_bytes,
            )
        raise cache.error_of(status, &refusal)

    cdef bb_status pin_once(
        self, Py_hash_t hash_value, PyObject **value, uint32_t *index, void **stored,
        bb_refusal *refusal,
    ) except *:
        """Look the key up and pin it; *value is a new reference then, the rest where it was."""
        cdef LRUState cache = self.cache
        cdef bb_batch batch
        cdef bb_status status
        cdef uint64_t now = time_before_lock(cache)
        cdef object _before
        bb_batch_init(&batch)
        bb_lock(&cache.mutex)
        index[0] = find(cache, <PyObject *> self.key, hash_value)
        if index[0] == 0 or is_over(cache, index[0], &now):
            cache.lru.counters.misses += 1
            if index[0] != 0:
                cache.drop_expired(index[0])
            else:
                bb_unlock(&cache.mutex)
            raise KeyError(self.key)
        stored[0] = cache.lru.entries[index[0]].key
        value[0] = <PyObject *> cache.lru.entries[index[0]].value
        status = bb_lru_pin(&cache.lru, index[0], &batch, refusal)
        if status == BB_OK:
            index[0] = bb_lru_index_of(&cache.lru, stored[0], <uint64_t> hash_value)
            cache.lru.counters.hits += 1
            bb_lru_promote(&cache.lru, index[0])
            bb_lru_renew(&cache.lru, index[0], now)
            _before = self.held  # so that replacing it below drops no last reference
            self.held = <object> <PyObject *> stored[0]
            self.hash_value = <uint64_t> hash_value
            self.times += 1
            incref(value[0])
        bb_unlock(&cache.mutex)
        cache.drop_batch(&batch)
        return status

    def __exit__(self, *exception):
        cdef LRUState cache = self.cache
        bb_lock(&cache.mutex)
        if self.times == 0:
            bb_unlock(&cache.mutex)
            raise RuntimeError("this pin was not entered")
        self.times -= 1
        bb_lru_unpin(&cache.lru, <void *> <PyObject *> self.held, self.hash_value)
        bb_unlock(&cache.mutex)
        return False

    def __repr__(self):
        return f"<LRUPin: {self.key!r}, {self.times} times>"


bb_publish(<PyTypeObject *> LRUPin, "bytebound.LRUPin")
