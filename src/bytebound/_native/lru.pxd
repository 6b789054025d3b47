cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.budget cimport Budget
from bytebound._native.core cimport (
    bb_budget_totals,
    bb_lru,
    bb_lru_batch,
    bb_lru_cursor,
    bb_reason,
    bb_refusal,
    bb_status,
)
from bytebound._native.mapping cimport BoundedMapping


cdef extern from "support.h" nogil:
    ctypedef struct bb_mutex:
        pass

    void bb_lock(bb_mutex *mutex)
    void bb_unlock(bb_mutex *mutex)


cdef enum Sizing:
    SIZE_DEEP
    SIZE_SHALLOW
    SIZE_BY_CALL


cdef class LRUCache(BoundedMapping):
    cdef bb_lru lru
    cdef bb_mutex mutex
    cdef Sizing sizing
    cdef bint ready
    cdef readonly object sizer
    cdef readonly object on_evict
    cdef readonly object name
    cdef readonly Budget budget
    cdef object __weakref__

    @cython.final
    cdef int configure(
        self, max_bytes, max_items, sizer, on_evict, Budget budget, bint charge_overhead, name
    ) except -1
    @cython.final
    cdef uint64_t measure(self, PyObject *key, PyObject *value) except? 0xFFFFFFFFFFFFFFFF
    @cython.final
    cdef uint32_t find(self, PyObject *key, Py_hash_t hash_value) except? 0xFFFFFFFF
    @cython.final
    cdef uint32_t find_by_asking(self, PyObject *key, Py_hash_t hash_value) except? 0xFFFFFFFF
    @cython.final
    cdef int read(self, PyObject *key, bint promote, PyObject **value) except -1
    @cython.final
    cdef int store(
        self, PyObject *key, PyObject *value, Py_hash_t hash_value, uint64_t charge
    ) except -1
    @cython.final
    cdef int store_at(
        self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
        uint64_t charge
    ) except -1
    @cython.final
    cdef int take(
        self, PyObject *key, bb_reason reason, bint lookup, PyObject **value
    ) except -1
    @cython.final
    cdef object pair_at(self, uint32_t index)
    @cython.final
    cdef object recharge_at(self, uint32_t index, uint64_t charge)
    @cython.final
    cdef bb_budget_totals totals(self)
    @cython.final
    cdef list entries(self)
    @cython.final
    cdef object error_of(self, bb_status status, const bb_refusal *refusal)
    @cython.final
    cdef object too_large(self, uint64_t charge)
    @cython.final
    cdef int drop_batch(self, bb_lru_batch *batch) except -1
    @cython.final
    cdef int notify(self, PyObject *key, PyObject *value, bb_reason reason) except -1


cdef class LRUIterator:
    cdef LRUCache cache
    cdef bb_lru_cursor cursor
    cdef int kind
    cdef bint finished
