from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    bb_batch,
    bb_lru,
    bb_lru_cursor,
    bb_lru_promote,
    bb_removed,
    bb_status,
)
from bytebound._native.finding cimport find_in
from bytebound._native.support cimport bb_hash, bb_lock, bb_mutex, bb_unlock, incref


cdef extern from "container_support.h":
    ctypedef int (*inquiry)(PyObject *) noexcept
    void bb_adopt_slots(PyTypeObject *type, const PyTypeObject *base)
    void bb_guard_slots(PyTypeObject *type, inquiry clear)


# A table with a recency list whose entries have sizes in units of their own: what the caches that
# imitate other libraries are made of. It measures nothing, calls nobody back and offers nothing
# to Python code; the classes on top decide what an operation means.
cdef class Table:
    cdef bb_lru lru
    cdef bb_mutex mutex
    cdef dict __dict__
    cdef object __weakref__
    cdef object maxsize_given

    # Sets the bounds of an emptied table.
    cdef int bound(self, uint64_t limit, uint32_t max_count) except -1
    # Puts an entry that is not above the limit. What left is in the batch for the caller to drop;
    # so is *old, the value that it replaces, or NULL. Without `promote` the entry stays where it
    # is.
    cdef int store(
        self, PyObject *key, PyObject *value, uint64_t charge, bint promote, bb_batch *batch,
        PyObject **old
    ) except -1
    # The same under the hash and at the index of a key; 0 if it is not there. With the lock held.
    cdef bb_status store_at(
        self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
        uint64_t charge, bint promote, bb_batch *batch, PyObject **old
    ) noexcept
    # Raises what a status means.
    cdef int refuse(self, bb_status status) except -1
    # Take an entry out: 1 and two references, or 0.
    cdef int take(self, PyObject *key, bb_removed *removed) except -1
    cdef int take_end(self, bint newest, bb_removed *removed) except -1
    # The pair at one end, or None.
    cdef tuple peek_end(self, bint newest)
    # The charge of an entry, or -1.
    cdef object charge_of(self, key)
    # Lets go of what store() left to its caller.
    cdef int drop(self, bb_batch *batch, PyObject *old) except -1
    cdef int empty(self) except -1
    # (key, value, charge) of every entry, oldest first, at one instant.
    cdef list triples(self)


cdef extern from "Python.h":
    dict PyObject_GenericGetDict(object instance, void *unused)


cdef inline dict attributes_of(Table self):
    """What users and subclasses keep in an instance."""
    return PyObject_GenericGetDict(self, NULL)


cdef inline int table_read(
    Table self, PyObject *key, bint promote, PyObject **value
) except -1:
    """1 and a new reference if the key is there, else 0."""
    cdef Py_hash_t hash_value = bb_hash(key)
    cdef uint32_t index
    bb_lock(&self.mutex)
    index = find_in(&self.lru, &self.mutex, key, hash_value)
    if index == 0:
        bb_unlock(&self.mutex)
        return 0
    if promote:
        bb_lru_promote(&self.lru, index)
    value[0] = <PyObject *> self.lru.entries[index].value
    incref(value[0])
    bb_unlock(&self.mutex)
    return 1


cdef class TableIterator:
    cdef Table table
    cdef bb_lru_cursor cursor
    cdef bint finished
