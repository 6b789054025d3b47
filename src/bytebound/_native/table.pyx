# cython: language_level=3, binding=False
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""The table of the caches that imitate other libraries; see table.pxd."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT32_MAX

from bytebound._native.core cimport (
    BB_DELETED,
    BB_OK,
    BB_TOO_LARGE,
    BB_UNLIMITED,
    bb_batch_free,
    bb_batch_init,
    bb_lru_charge,
    bb_lru_copy,
    bb_lru_cursor_close,
    bb_lru_cursor_next,
    bb_lru_cursor_open,
    bb_lru_entry,
    bb_lru_init,
    bb_lru_insert,
    bb_lru_limit,
    bb_lru_newer,
    bb_lru_newest,
    bb_lru_oldest,
    bb_lru_recharge,
    bb_lru_remove,
    bb_lru_replace,
    bb_lru_take_all,
    bb_refusal,
    bb_status,
    bb_status_text,
)
from bytebound._native.lru_base cimport (
    bb_container_traverse_locked,
    bb_drop_taken,
    bb_install_lru_slots,
    bb_share_entries,
)
from bytebound._native.sizing cimport register_container
from bytebound._native.support cimport bb_python_allocator, bb_steal, decref


@cython.no_gc_clear
cdef class Table:
    def __cinit__(self, *args, **kwargs):
        bb_lru_init(&self.lru, bb_python_allocator(), 0, UINT32_MAX, False, NULL)

    cdef int bound(self, uint64_t limit, uint32_t max_count) except -1:
        cdef bb_batch batch
        cdef bb_status status
        self.empty()
        bb_batch_init(&batch)
        bb_lock(&self.mutex)
        status = bb_lru_limit(&self.lru, limit, max_count, &batch)
        bb_unlock(&self.mutex)
        self.drop(&batch, NULL)
        if status != BB_OK:
            self.refuse(status)
        return 0

    cdef int store(
        self, PyObject *key, PyObject *value, uint64_t charge, bint promote, bb_batch *batch,
        PyObject **old
    ) except -1:
        cdef Py_hash_t hash_value = bb_hash(key)
        cdef bb_status status
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = find_in(&self.lru, &self.mutex, key, hash_value)
        status = self.store_at(index, key, value, hash_value, charge, promote, batch, old)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            self.refuse(status)
        return 0

    cdef bb_status store_at(
        self, uint32_t index, PyObject *key, PyObject *value, Py_hash_t hash_value,
        uint64_t charge, bint promote, bb_batch *batch, PyObject **old
    ) noexcept:
        cdef bb_refusal refusal
        cdef bb_status status
        old[0] = NULL
        bb_batch_init(batch)
        incref(value)
        if index == 0:
            incref(key)
            status = bb_lru_insert(&self.lru, key, value, hash_value, charge, batch, &refusal)
        elif promote:
            status = bb_lru_replace(
                &self.lru, index, value, charge, batch, &refusal, <void **> old
            )
        else:
            # The value first: making room may move the entry to another index.
            old[0] = <PyObject *> self.lru.entries[index].value
            self.lru.entries[index].value = value
            status = bb_lru_recharge(&self.lru, index, charge, batch, &refusal)
            if status != BB_OK:
                self.lru.entries[index].value = old[0]
                old[0] = NULL
        if status != BB_OK:
            # The caller holds both, so nothing dies here.
            decref(value)
            if index == 0:
                decref(key)
            bb_batch_free(batch, &self.lru.allocator)
        return status

    cdef int refuse(self, bb_status status) except -1:
        if status == BB_TOO_LARGE:
            raise ValueError("value too large")
        raise MemoryError(bb_status_text(status).decode())

    cdef int take(self, PyObject *key, bb_removed *removed) except -1:
        cdef Py_hash_t hash_value = bb_hash(key)
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = find_in(&self.lru, &self.mutex, key, hash_value)
        if index != 0:
            bb_lru_remove(&self.lru, index, BB_DELETED, removed)
        bb_unlock(&self.mutex)
        return index != 0

    cdef int take_end(self, bint newest, bb_removed *removed) except -1:
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = bb_lru_newest(&self.lru) if newest else bb_lru_oldest(&self.lru)
        if index != 0:
            bb_lru_remove(&self.lru, index, BB_DELETED, removed)
        bb_unlock(&self.mutex)
        return index != 0

    cdef tuple peek_end(self, bint newest):
        cdef uint32_t index
        cdef PyObject *key
        cdef PyObject *value
        bb_lock(&self.mutex)
        index = bb_lru_newest(&self.lru) if newest else bb_lru_oldest(&self.lru)
        if index == 0:
            bb_unlock(&self.mutex)
            return None
        key = <PyObject *> self.lru.entries[index].key
        value = <PyObject *> self.lru.entries[index].value
        incref(key)
        incref(value)
        bb_unlock(&self.mutex)
        return bb_steal(key), bb_steal(value)

    cdef object charge_of(self, key):
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
        cdef uint64_t charge = 0
        cdef uint32_t index
        bb_lock(&self.mutex)
        index = find_in(&self.lru, &self.mutex, <PyObject *> key, hash_value)
        if index != 0:
            charge = bb_lru_charge(&self.lru.entries[index])
        bb_unlock(&self.mutex)
        return charge if index != 0 else -1

    cdef int drop(self, bb_batch *batch, PyObject *old) except -1:
        cdef uint32_t i
        for i in range(batch.count):
            decref(<PyObject *> batch.items[i].key)
            decref(<PyObject *> batch.items[i].value)
        bb_batch_free(batch, &self.lru.allocator)
        if old != NULL:
            decref(old)
        return 0

    cdef int empty(self) except -1:
        cdef bb_lru taken
        bb_lock(&self.mutex)
        bb_lru_take_all(&self.lru, &taken)
        bb_unlock(&self.mutex)
        bb_drop_taken(&taken)
        return 0

    def __sizeof__(self):
        return object.__sizeof__(self) + self.lru.overhead

    cdef list triples(self):
        cdef bb_lru copy
        cdef bb_refusal refusal
        cdef bb_status status
        cdef bb_lru_entry *entry
        cdef uint32_t index
        bb_lru_init(&copy, bb_python_allocator(), BB_UNLIMITED, UINT32_MAX, False, NULL)
        bb_lock(&self.mutex)
        status = bb_lru_copy(&self.lru, &copy, &refusal)
        if status == BB_OK:
            bb_share_entries(&copy)
        bb_unlock(&self.mutex)
        if status != BB_OK:
            self.refuse(status)
        result = []
        try:
            index = bb_lru_oldest(&copy)
            while index != 0:
                entry = &copy.entries[index]
                result.append((
                    <object> <PyObject *> entry.key, <object> <PyObject *> entry.value,
                    bb_lru_charge(entry),
                ))
                index = bb_lru_newer(&copy, index)
        finally:
            bb_drop_taken(&copy)
        return result


@cython.final
@cython.no_gc_clear
cdef class TableIterator:
    """Walks the keys of a table, oldest first; what enters or leaves meanwhile ends it."""

    def __cinit__(self, Table table not None):
        self.table = table
        bb_lock(&table.mutex)
        bb_lru_cursor_open(&table.lru, &self.cursor, False)
        bb_unlock(&table.mutex)

    def __dealloc__(self):
        if self.table is not None:
            bb_lock(&self.table.mutex)
            bb_lru_cursor_close(&self.table.lru, &self.cursor)
            bb_unlock(&self.table.mutex)

    def __iter__(self):
        return self

    def __next__(self):
        cdef Table table = self.table
        cdef bb_status status = BB_OK
        cdef uint32_t index = 0
        cdef PyObject *key
        bb_lock(&table.mutex)
        if not self.finished:
            status = bb_lru_cursor_next(&table.lru, &self.cursor, &index)
        if index == 0:
            bb_lru_cursor_close(&table.lru, &self.cursor)
            self.finished = status == BB_OK
            bb_unlock(&table.mutex)
            if status != BB_OK:
                raise RuntimeError("the cache changed size during iteration")
            raise StopIteration
        key = <PyObject *> table.lru.entries[index].key
        incref(key)
        bb_unlock(&table.mutex)
        return bb_steal(key)


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a table; the collector holds a reference to it."""
    cdef Table table = <Table> self
    cdef bb_lru taken
    bb_lock(&table.mutex)
    bb_lru_take_all(&table.lru, &taken)
    bb_unlock(&table.mutex)
    bb_drop_taken(&taken)
    attributes_of(table).clear()
    return 0


cdef install_slots():
    cdef Table probe = Table.__new__(Table)
    bb_install_lru_slots(
        <PyTypeObject *> Table, <char *> &probe.lru - <char *> <PyObject *> probe,
        <char *> &probe.mutex - <char *> <PyObject *> probe, clear_references,
    )
    register_container(Table, bb_container_traverse_locked)


install_slots()
