from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.bytes_core cimport bb_bytes_cache, bb_bytes_pair, bb_bytes_record
from bytebound._native.lru_timed cimport LRUTimed
from bytebound._native.support cimport bb_mutex


cdef extern from "bytes_cache_support.h":
    ctypedef int (*inquiry)(PyObject *)
    ctypedef struct bb_bytes_argument:
        const char *bytes
        Py_ssize_t size

    int bb_open_bytes(PyObject *object, bb_bytes_argument *self) except -1
    void bb_close_bytes(bb_bytes_argument *self)
    uint64_t bb_hash_bytes(const void *bytes, size_t size) nogil
    uint64_t bb_hash_argument(PyObject *object, const bb_bytes_argument *self)
    PyObject *bb_pair_for(PyObject *callback, const bb_bytes_record *record)
    void bb_append_pair(object pairs, object callback, const bb_bytes_record *record)
    PyObject *bb_copy_value(bb_bytes_cache *cache, bb_mutex *mutex, bb_bytes_record *record)
    void bb_install_bytes_slots(
        PyTypeObject *type, Py_ssize_t core_offset, Py_ssize_t mutex_offset, inquiry clear
    )


cdef object as_bytes(data)


cdef class BytesBase(LRUTimed):
    cdef bb_bytes_cache core

    cdef int begin(
        self, max_bytes, max_items, on_evict, budget, name, ttl, idle_ttl, ttl_jitter, timer
    ) except -1
    cdef int let_go(self, bb_bytes_record *record) except -1
    cdef int drop_record(self, void *record) except -1
    cdef object taken_from(self, bb_bytes_record *record, int kind)
    cdef object oversized(self, const bb_bytes_pair *pair)
    cdef list entries(self)
