# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""Walking through a cache in the order of use."""

cimport cython
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    BB_OK,
    bb_lru_cursor_close,
    bb_lru_cursor_next,
    bb_lru_cursor_open,
    bb_status,
)
from bytebound._native.lru_state cimport is_over, time_before_lock
from bytebound._native.support cimport bb_lock, bb_unlock


@cython.final
@cython.no_gc_clear
cdef class LRUIterator:
    """Walks a cache in recency order; see `LRUCache` for what it allows meanwhile."""

    def __cinit__(self, LRUState cache not None, int kind, bint reverse):
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

    def __sizeof__(self):
        return object.__sizeof__(self) + self.cursor.order_count * sizeof(uint32_t)

    def __iter__(self):
        return self

    def __next__(self):
        cdef LRUState cache = self.cache
        cdef bb_status status = BB_OK
        cdef uint32_t index = 0
        cdef uint64_t now = time_before_lock(cache)
        bb_lock(&cache.mutex)
        if not self.finished:
            status = bb_lru_cursor_next(&cache.lru, &self.cursor, &index)
            while index != 0 and is_over(cache, index, &now):
                status = bb_lru_cursor_next(&cache.lru, &self.cursor, &index)
        if index == 0:
            bb_lru_cursor_close(&cache.lru, &self.cursor)
            self.finished = status == BB_OK
            bb_unlock(&cache.mutex)
            if status != BB_OK:
                raise cache.error_of(status, NULL)
            raise StopIteration
        return cache.item_at(index, self.kind)
