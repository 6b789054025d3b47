/*
 * What functions with a cache need and Cython does not offer: being called by PEP 590 without a
 * tuple or dict of arguments, and making a key of the arguments as they lie there.
 *
 *   key   the only argument itself, if it is a str or an int and nothing else is to be told; else
 *         a tuple: prefix | positional | mark, name, value, name, value, ... | types
 */
#ifndef BYTEBOUND_CALLS_SUPPORT_H
#define BYTEBOUND_CALLS_SUPPORT_H

#include "support.h"

/* Which parts of a call are in its key. */
typedef struct bb_key_rules {
    bool typed;        /* the types of the values too */
    PyObject *mark;    /* goes before those given by name */
    PyObject *masked;  /* bytes: which positions are left out; NULL: none */
    PyObject *ignored; /* frozenset: which names are; NULL: none */
} bb_key_rules;

/* `offset` is where an instance has the function that a call runs. */
static inline void bb_install_vectorcall(PyTypeObject *type, Py_ssize_t offset,
                                         unsigned long more_flags) {
    type->tp_vectorcall_offset = offset;
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | more_flags;
    PyType_Modified(type);
}

static inline bool bb_is_masked(const bb_key_rules *rules, Py_ssize_t position) {
    return rules->masked != NULL && position < PyBytes_GET_SIZE(rules->masked) &&
           PyBytes_AS_STRING(rules->masked)[position] != 0;
}

static inline void bb_push(PyObject *key, Py_ssize_t *size, PyObject *item) {
    PyTuple_SET_ITEM(key, (*size)++, Py_NewRef(item));
}

/* Whether the value given under a name counts; -1 on error. */
static inline int bb_counts(const bb_key_rules *rules, PyObject *name) {
    if (rules->ignored == NULL) {
        return 1;
    }
    const int ignored = PySet_Contains(rules->ignored, name);
    return ignored < 0 ? -1 : !ignored;
}

/* The full key; `first` is the position of args[0]. */
static PyObject *bb_make_long_key(const bb_key_rules *rules, PyObject *const *prefix,
                                  Py_ssize_t prefix_size, Py_ssize_t first, PyObject *const *args,
                                  Py_ssize_t count, PyObject *names) {
    const Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    const Py_ssize_t most =
        prefix_size + count + (named != 0) + 2 * named + (rules->typed ? count + named : 0);
    PyObject *key = PyTuple_New(most);
    Py_ssize_t size = 0;
    if (key == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < prefix_size; i++) {
        bb_push(key, &size, prefix[i]);
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!bb_is_masked(rules, first + i)) {
            bb_push(key, &size, args[i]);
        }
    }
    const Py_ssize_t before = size;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        const int counts = bb_counts(rules, name);
        if (counts < 0) {
            Py_DECREF(key);
            return NULL;
        }
        if (counts) {
            if (size == before) {
                bb_push(key, &size, rules->mark);
            }
            bb_push(key, &size, name);
            bb_push(key, &size, args[count + i]);
        }
    }
    for (Py_ssize_t i = 0; rules->typed && i < count + named; i++) {
        const int counts = i < count ? !bb_is_masked(rules, first + i)
                                     : bb_counts(rules, PyTuple_GET_ITEM(names, i - count));
        if (counts) {
            bb_push(key, &size, (PyObject *)Py_TYPE(args[i]));
        }
    }
    if (size != most) {
        _PyTuple_Resize(&key, size);
    }
    return key;
}

/* A new reference to the key of a call. */
static inline PyObject *bb_make_key(const bb_key_rules *rules, PyObject *const *prefix,
                                    Py_ssize_t prefix_size, Py_ssize_t first, PyObject *const *args,
                                    Py_ssize_t count, PyObject *names) {
    if (count == 1 && prefix_size == 0 && names == NULL && !rules->typed && rules->masked == NULL &&
        (PyUnicode_CheckExact(args[0]) || PyLong_CheckExact(args[0]))) {
        return Py_NewRef(args[0]);
    }
    return bb_make_long_key(rules, prefix, prefix_size, first, args, count, names);
}

#endif
