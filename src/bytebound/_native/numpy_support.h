/*
 * The few functions of NumPy's C interface that pools call.
 *
 * They are found when first needed, in the table that NumPy publishes for extensions, by
 * places in it that its binary interface promises: so neither building nor importing the
 * package takes NumPy.
 */
#ifndef BYTEBOUND_NUMPY_SUPPORT_H
#define BYTEBOUND_NUMPY_SUPPORT_H

#include <Python.h>
#include <stdint.h>

/* NEP 49: what makes and frees the memory of arrays. */
typedef struct bb_array_allocator {
    void *context;
    void *(*malloc)(void *context, size_t size);
    void *(*calloc)(void *context, size_t count, size_t size);
    void *(*realloc)(void *context, void *block, size_t new_size);
    void (*free)(void *context, void *block, size_t size);
} bb_array_allocator;

typedef struct bb_array_handler {
    char name[127];
    uint8_t version;
    bb_array_allocator allocator;
} bb_array_handler;

#define BB_HANDLER_CAPSULE "mem_handler"
#define BB_MAX_DIMENSIONS 64

/* Owned by NumPy, which is never unloaded. */
static void **bb_numpy_table;

enum {
    BB_ARRAY_TYPE = 2,
    BB_NEW_FROM_DESCR = 94,
    BB_SET_BASE_OBJECT = 282,
    BB_SET_HANDLER = 304,
    BB_GET_HANDLER = 305,
};

enum { BB_C_CONTIGUOUS = 0x1, BB_ALIGNED = 0x100, BB_WRITEABLE = 0x400 };

/* `api` is NumPy's _ARRAY_API. -1 with an exception set if it is not. */
static inline int bb_numpy_found(PyObject *api) {
    void **table = PyCapsule_GetPointer(api, NULL);
    __atomic_store_n(&bb_numpy_table, table, __ATOMIC_RELEASE);
    return table != NULL ? 0 : -1;
}

static inline void **bb_numpy(void) {
    return __atomic_load_n(&bb_numpy_table, __ATOMIC_ACQUIRE);
}

/* The handler of this context. */
static inline PyObject *bb_get_handler(void) {
    PyObject *(*get)(void);
    *(void **)&get = bb_numpy()[BB_GET_HANDLER];
    return get();
}

/* Makes `handler` the one of this context. Returns the one before. */
static inline PyObject *bb_set_handler(PyObject *handler) {
    PyObject *(*set)(PyObject *);
    *(void **)&set = bb_numpy()[BB_SET_HANDLER];
    return set(handler);
}

/* An array of C order over `data`, which `owner` keeps alive. */
static inline PyObject *bb_new_array(PyObject *dtype, int dimensions, const Py_ssize_t *shape,
                                     void *data, PyObject *owner) {
    PyObject *(*make)(PyTypeObject *, PyObject *, int, const Py_ssize_t *, const Py_ssize_t *,
                      void *, int, PyObject *);
    int (*set_base)(PyObject *, PyObject *);
    void **table = bb_numpy();
    *(void **)&make = table[BB_NEW_FROM_DESCR];
    *(void **)&set_base = table[BB_SET_BASE_OBJECT];
    Py_INCREF(dtype); /* both functions steal what they are given */
    PyObject *array = make((PyTypeObject *)table[BB_ARRAY_TYPE], dtype, dimensions, shape, NULL,
                           data, BB_C_CONTIGUOUS | BB_ALIGNED | BB_WRITEABLE, NULL);
    if (array == NULL) {
        return NULL;
    }
    Py_INCREF(owner);
    if (set_base(array, owner) < 0) {
        Py_DECREF(array);
        return NULL;
    }
    return array;
}

#endif
