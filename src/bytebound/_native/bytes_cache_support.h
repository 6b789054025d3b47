/*
 * The parts of BytesCache that Cython cannot say: arguments that are bytes, and how a dying cache
 * gives its memory back.
 */
#ifndef BYTEBOUND_BYTES_CACHE_SUPPORT_H
#define BYTEBOUND_BYTES_CACHE_SUPPORT_H

#include "bytebound/bytes_cache.h"
#include "container_support.h"

/* The bytes of an argument, from bb_open_bytes to bb_close_bytes. */
typedef struct bb_bytes_argument {
    const char *bytes;
    Py_ssize_t size;
    Py_buffer view; /* without `obj`: it is a bytes object */
} bb_bytes_argument;

/* -1 with an exception set if the object has no contiguous bytes. May run Python code. */
static inline int bb_open_bytes(PyObject *object, bb_bytes_argument *self) {
    if (PyBytes_CheckExact(object)) {
        self->view.obj = NULL;
        self->bytes = PyBytes_AS_STRING(object);
        self->size = PyBytes_GET_SIZE(object);
        return 0;
    }
    if (PyObject_GetBuffer(object, &self->view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    self->bytes = (const char *)self->view.buf;
    self->size = self->view.len;
    return 0;
}

/* May run Python code. */
static inline void bb_close_bytes(bb_bytes_argument *self) {
    if (self->view.obj != NULL) {
        PyBuffer_Release(&self->view);
    }
}

/* What hash() says of a bytes object with these bytes. */
static inline uint64_t bb_hash_bytes(const void *bytes, size_t size) {
    if (size == 0) {
        return 0;
    }
    const Py_hash_t hash = PyHash_GetFuncDef()->hash(bytes, (Py_ssize_t)size);
    return (uint64_t)(hash == -1 ? -2 : hash);
}

/* The same, known already to a bytes object that was hashed before. */
static inline uint64_t bb_hash_argument(PyObject *object, const bb_bytes_argument *self) {
    return self->view.obj == NULL ? (uint64_t)PyObject_Hash(object)
                                  : bb_hash_bytes(self->bytes, (size_t)self->size);
}

/* NULL without memory, and no exception set: nobody's Python code runs. */
static inline PyObject *bb_new_bytes(const char *bytes, uint64_t size) {
    PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
    if (result == NULL) {
        PyErr_Clear();
    }
    return result;
}

/* A key and a value as bytes, or NULL with an exception set. */
static inline PyObject *bb_new_pair(const bb_bytes_record *record) {
    PyObject *pair = PyTuple_New(2);
    PyObject *key =
        pair == NULL ? NULL : PyBytes_FromStringAndSize(record->key, (Py_ssize_t)record->key_size);
    PyObject *value = key == NULL ? NULL
                                  : PyBytes_FromStringAndSize(bb_bytes_record_value(record),
                                                              (Py_ssize_t)record->value_size);
    if (value == NULL) {
        Py_XDECREF(pair);
        Py_XDECREF(key);
        Py_XDECREF(value);
        return NULL;
    }
    PyTuple_SET_ITEM(pair, 0, key);
    PyTuple_SET_ITEM(pair, 1, value);
    return pair;
}

/* The same for a callback, which cannot be told without memory: NULL, and no exception set. */
static inline PyObject *bb_pair_for(PyObject *callback, const bb_bytes_record *record) {
    PyObject *pair = bb_new_pair(record);
    if (pair == NULL) {
        PyErr_WriteUnraisable(callback);
    }
    return pair;
}

/* Appends it to a list, if there is memory. */
static inline void bb_append_pair(PyObject *pairs, PyObject *callback,
                                  const bb_bytes_record *record) {
    PyObject *pair = bb_new_pair(record);
    if (pair == NULL || PyList_Append(pairs, pair) < 0) {
        PyErr_WriteUnraisable(callback);
    }
    Py_XDECREF(pair);
}

/* A value as bytes, or NULL. Called with the lock held, left without. Python allocates with no lock
 * held; with a GIL there is none, and allocating bytes runs nobody's code. */
static inline PyObject *bb_copy_value(bb_bytes_cache *cache, bb_mutex *mutex,
                                      bb_bytes_record *record) {
#ifdef Py_GIL_DISABLED
    bb_bytes_cache_hold(cache, record);
    bb_unlock(mutex);
    PyObject *value = bb_new_bytes(bb_bytes_record_value(record), record->value_size);
    bb_lock(mutex);
    bb_bytes_cache_release(cache, record);
    bb_unlock(mutex);
    return value;
#else
    (void)cache, (void)mutex;
    return bb_new_bytes(bb_bytes_record_value(record), record->value_size);
#endif
}

static Py_ssize_t bb_core_offset; /* of the bb_bytes_cache inside the object */

static inline void bb_drop_records(PyObject *self) {
    bb_bytes_cache_close((bb_bytes_cache *)((char *)self + bb_core_offset));
}

/* `clear` drops callbacks: records refer to nothing. */
static inline void bb_install_bytes_slots(PyTypeObject *type, Py_ssize_t core_offset,
                                          Py_ssize_t mutex_offset, inquiry clear) {
    bb_core_offset = core_offset;
    bb_install_slots(type, (bb_contents){mutex_offset, bb_visit_nothing, bb_drop_records, clear});
}

#endif
