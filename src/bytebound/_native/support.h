/*
 * What every binding needs of Python's C interface and Cython does not offer.
 *
 *   bb_mutex     one a container: PyMutex in the free-threaded build, nothing in
 *                the ordinary one. Never held across Python code: what may run
 *                some (comparing, measuring, dropping references) happens after
 *                bb_unlock. A collection cannot start meanwhile either: it stops
 *                threads only where they let go of their thread state, which a
 *                holder never does.
 *   bb_hash      hash(key), without a call for a str that knows its hash
 *   bb_compare   key comparison as far as it needs no Python code
 *   bb_referent  what a weak reference refers to
 *   bb_publish   names a type after the module that people import it from
 *   bb_notify    calls back from an operation that stands whatever the callback does
 *   bb_count     adds one to what several threads may add to, with no lock held
 *   bb_steal     hands a reference to Cython instead of lending it
 */
#ifndef BYTEBOUND_SUPPORT_H
#define BYTEBOUND_SUPPORT_H

#include <Python.h>
#include <string.h>

#include "bytebound/alloc.h"

#ifdef Py_GIL_DISABLED
typedef PyMutex bb_mutex;
#define bb_lock(mutex) PyMutex_Lock(mutex)
#define bb_unlock(mutex) PyMutex_Unlock(mutex)
#else
typedef char bb_mutex;
#define bb_lock(mutex) ((void)(mutex))
#define bb_unlock(mutex) ((void)(mutex))
#endif

#define bb_steal(object) (object)

/* Python's raw heap, so that its memory tracer sees native memory too. It needs
 * neither the GIL nor a thread state, so it may be called under a bb_mutex. */
static inline void *bb_python_resize(void *context, void *block, size_t old_size, size_t new_size) {
    (void)context;
    if (new_size == 0) {
        PyMem_RawFree(block);
        return NULL;
    }
    void *result = PyMem_RawRealloc(block, new_size);
    if (result == NULL && new_size <= old_size) {
        return block;
    }
    return result;
}

static inline bb_allocator bb_python_allocator(void) {
    return (bb_allocator){bb_python_resize, NULL};
}

/* What a weak reference refers to, as a new reference, or NULL. */
static inline PyObject *bb_referent(PyObject *reference) {
    PyObject *referent = NULL;
#if PY_VERSION_HEX >= 0x030D0000
    (void)PyWeakref_GetRef(reference, &referent);
#else
    referent = PyWeakref_GET_OBJECT(reference);
    referent = referent == Py_None ? NULL : Py_NewRef(referent);
#endif
    return referent;
}

static inline void bb_publish(PyTypeObject *type, const char *name) {
    type->tp_name = name;
}

/* An exception in a callback belongs to nobody. */
static inline void bb_notify(PyObject *callback, PyObject *const *arguments, size_t count) {
    PyObject *result = PyObject_Vectorcall(callback, arguments, count, NULL);
    if (result == NULL) {
        PyErr_WriteUnraisable(callback);
    }
    Py_XDECREF(result);
}

static inline void bb_count(uint64_t *counter) {
#ifdef Py_GIL_DISABLED
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
#else
    ++*counter;
#endif
}

/* -1 with an exception set if the key cannot be hashed. */
static inline Py_hash_t bb_hash(PyObject *key) {
    if (PyUnicode_CheckExact(key)) {
        Py_hash_t hash = __atomic_load_n(&((PyASCIIObject *)key)->hash, __ATOMIC_RELAXED);
        if (hash != -1) {
            return hash;
        }
    }
    return PyObject_Hash(key);
}

typedef enum bb_verdict {
    BB_DIFFERENT,
    BB_EQUAL,
    BB_ASK_PYTHON,
} bb_verdict;

static inline bb_verdict bb_same_bytes(const void *left, const void *right, Py_ssize_t size) {
    return memcmp(left, right, (size_t)size) == 0 ? BB_EQUAL : BB_DIFFERENT;
}

/* Compares two keys of one type, other than tuples, that are not the same object. */
static inline bb_verdict bb_compare_single(PyObject *left, PyObject *right) {
    if (PyUnicode_CheckExact(left)) {
        const Py_ssize_t length = PyUnicode_GET_LENGTH(left);
        const int kind = PyUnicode_KIND(left);
        if (length != PyUnicode_GET_LENGTH(right) || kind != (int)PyUnicode_KIND(right)) {
            return BB_DIFFERENT;
        }
        return bb_same_bytes(PyUnicode_DATA(left), PyUnicode_DATA(right), length * kind);
    }
    if (PyBytes_CheckExact(left)) {
        const Py_ssize_t size = PyBytes_GET_SIZE(left);
        if (size != PyBytes_GET_SIZE(right)) {
            return BB_DIFFERENT;
        }
        return bb_same_bytes(PyBytes_AS_STRING(left), PyBytes_AS_STRING(right), size);
    }
    if (PyLong_CheckExact(left)) {
        return PyObject_RichCompareBool(left, right, Py_EQ) > 0 ? BB_EQUAL : BB_DIFFERENT;
    }
    return BB_ASK_PYTHON;
}

/* Compares two keys of equal hash that are not the same object. Of tuples, one level. */
static inline bb_verdict bb_compare(PyObject *left, PyObject *right) {
    if (!Py_IS_TYPE(left, Py_TYPE(right))) {
        return BB_ASK_PYTHON;
    }
    if (!PyTuple_CheckExact(left)) {
        return bb_compare_single(left, right);
    }
    const Py_ssize_t size = PyTuple_GET_SIZE(left);
    if (size != PyTuple_GET_SIZE(right)) {
        return BB_DIFFERENT;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *const one = PyTuple_GET_ITEM(left, i);
        PyObject *const other = PyTuple_GET_ITEM(right, i);
        if (one != other) {
            const bb_verdict verdict =
                Py_IS_TYPE(one, Py_TYPE(other)) ? bb_compare_single(one, other) : BB_ASK_PYTHON;
            if (verdict != BB_EQUAL) {
                return verdict;
            }
        }
    }
    return BB_EQUAL;
}

#endif
