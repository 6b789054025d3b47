/* The size of the commonest leaves, without a call.
 *
 * Purpose
 *     A cache put measures a key and a value, and most keys and many values are one str, bytes, int or float. This
 *     header turns those into a comparison of a type pointer and one addition, so it is included by every extension
 *     that measures. Everything else answers -1 and goes through `measure` (sizing.pxd).
 *
 * What is counted
 *     The bytes that the allocator was asked for, as in sizing_walk.h. None, True, False, immortal objects (small
 *     ints, single Latin-1 characters, the empty str and bytes) and interned strings are 0: they belong to the
 *     interpreter and dropping a reference frees nothing.
 *
 * Invariants
 *     Only public struct members are read, and no reference is taken. The caller holds a reference to the object.
 *     A str may be given a cached UTF-8 form by another thread at any time; in the free-threaded build the pointer to
 *     it is read once, with acquire order, so its length is valid whenever the pointer is seen.
 *
 * Complexity: constant, no allocation, no error.
 */
#ifndef BYTEBOUND_SIZING_INLINE_H
#define BYTEBOUND_SIZING_INLINE_H

#include <Python.h>
#include <stddef.h>

/* The reference count that CPython 3.11 gives to its static objects is 999,999,999 and drifts by ordinary use. */
#define BB_STATIC_REFERENCES_3_11 ((Py_ssize_t)500000000)

#ifdef Py_GIL_DISABLED
#define BB_LOAD_POINTER(address) __atomic_load_n((address), __ATOMIC_ACQUIRE)
#else
#define BB_LOAD_POINTER(address) (*(address))
#endif

/* Whether the object lives as long as the interpreter, so that nobody can be charged for it. */
static inline int bb_is_immortal(PyObject *object) {
#if PY_VERSION_HEX >= 0x030C0000
    return _Py_IsImmortal(object) != 0;
#else
    return Py_REFCNT(object) >= BB_STATIC_REFERENCES_3_11;
#endif
}

/* Number of digits that an int stores; 0 for zero. */
static inline Py_ssize_t bb_int_digits(PyObject *object) {
#if PY_VERSION_HEX >= 0x030C0000
    return (Py_ssize_t)(((PyLongObject *)object)->long_value.lv_tag >> 3);
#else
    Py_ssize_t size = ((PyVarObject *)object)->ob_size;
    return size < 0 ? -size : size;
#endif
}

/* An int of one digit is allocated as the whole struct, padding included; a longer one to the last digit. */
static inline Py_ssize_t bb_int_nbytes(PyObject *object) {
    Py_ssize_t digits = bb_int_digits(object);
#if PY_VERSION_HEX >= 0x030C0000
    const Py_ssize_t header = offsetof(PyLongObject, long_value.ob_digit);
#else
    const Py_ssize_t header = offsetof(PyLongObject, ob_digit);
#endif
    return digits <= 1 ? (Py_ssize_t)sizeof(PyLongObject)
                       : header + digits * (Py_ssize_t)sizeof(digit);
}

static inline Py_ssize_t bb_bytes_nbytes(PyObject *object) {
    return (Py_ssize_t)offsetof(PyBytesObject, ob_sval) + 1 + PyBytes_GET_SIZE(object);
}

/* An exact str. -1 for the forms of 3.11 with a wide copy, or made from one: they need the long way. */
static inline Py_ssize_t bb_str_nbytes(PyObject *object) {
#if PY_VERSION_HEX < 0x030C0000
    void *wide = ((PyASCIIObject *)object)->wstr;
    if (!((PyASCIIObject *)object)->state.compact ||
        (wide != NULL && wide != PyUnicode_DATA(object))) {
        return -1;
    }
#endif
    Py_ssize_t length = PyUnicode_GET_LENGTH(object);
    if (PyUnicode_IS_COMPACT_ASCII(object)) {
        return (Py_ssize_t)sizeof(PyASCIIObject) + length + 1;
    }
    if (!((PyASCIIObject *)object)->state.compact) {
        return -1;
    }
    PyCompactUnicodeObject *compact = (PyCompactUnicodeObject *)object;
    Py_ssize_t nbytes = (Py_ssize_t)sizeof(PyCompactUnicodeObject) +
                        (length + 1) * (Py_ssize_t)PyUnicode_KIND(object);
    if (BB_LOAD_POINTER(&compact->utf8) != NULL) {
        nbytes += compact->utf8_length + 1;
    }
    return nbytes;
}

/* The bytes of a leaf whoever else may hold it; 0 for None and bool; -1 if the object is not a common leaf. */
static inline Py_ssize_t bb_leaf_allocated(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (type == &PyUnicode_Type) {
        return bb_str_nbytes(object);
    }
    if (type == &PyLong_Type) {
        return bb_int_nbytes(object);
    }
    if (type == &PyFloat_Type) {
        return (Py_ssize_t)sizeof(PyFloatObject);
    }
    if (type == &PyBytes_Type) {
        return bb_bytes_nbytes(object);
    }
    if (object == Py_None || type == &PyBool_Type) {
        return 0;
    }
    return -1;
}

/* The exact bytes of an exact str, bytes, int or float, of None and of a bool; -1 for everything else. */
static inline Py_ssize_t bb_leaf_nbytes(PyObject *object) {
    Py_ssize_t nbytes = bb_leaf_allocated(object);
    if (nbytes > 0 && (bb_is_immortal(object) ||
                       (Py_TYPE(object) == &PyUnicode_Type && PyUnicode_CHECK_INTERNED(object)))) {
        return 0;
    }
    return nbytes;
}

/* Whether a leaf of this value exists once in every interpreter. */
static inline int bb_is_singleton(PyObject *leaf) {
    if (PyUnicode_CheckExact(leaf)) {
        return PyUnicode_GET_LENGTH(leaf) == 0 ||
               (PyUnicode_GET_LENGTH(leaf) == 1 && PyUnicode_KIND(leaf) == PyUnicode_1BYTE_KIND);
    }
    if (PyLong_CheckExact(leaf)) {
        return bb_is_immortal(leaf) && bb_int_nbytes(leaf) == (Py_ssize_t)sizeof(PyLongObject) &&
               PyLong_AsLong(leaf) >= -5 && PyLong_AsLong(leaf) <= 256;
    }
    return PyBytes_CheckExact(leaf) && PyBytes_GET_SIZE(leaf) <= 1;
}

/*
 * As bb_leaf_nbytes, for an object that is itself what was asked for: a key, a value, an argument.
 * An interned str or a constant of the code then counts like any other, for whoever asks means it;
 * only singletons still count nothing.
 */
static inline Py_ssize_t bb_root_nbytes(PyObject *object) {
    Py_ssize_t nbytes = bb_leaf_allocated(object);
    return nbytes > 0 && bb_is_singleton(object) ? 0 : nbytes;
}

#endif /* BYTEBOUND_SIZING_INLINE_H */
