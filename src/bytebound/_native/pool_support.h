/*
 * How NumPy's arrays get their memory from a pool (NEP 49), and how the array handler
 * keeps the pool alive. The handler's context is the pool's core.
 */
#ifndef BYTEBOUND_POOL_SUPPORT_H
#define BYTEBOUND_POOL_SUPPORT_H

#include "bytebound/pool.h"
#include "numpy_support.h"

static inline void *bb_array_take(void *pool, size_t size, bool zero) {
    void *block = NULL;
    bb_refusal refusal;
    (void)bb_pool_allocate(pool, size, 16, zero, &block, &refusal);
    return block; /* NULL becomes NumPy's MemoryError */
}

static void *bb_array_malloc(void *pool, size_t size) {
    return bb_array_take(pool, size, false);
}

static void *bb_array_calloc(void *pool, size_t count, size_t size) {
    size_t all;
    return bb_multiply(count, size, &all) ? bb_array_take(pool, all, true) : NULL;
}

static void *bb_array_realloc(void *pool, void *block, size_t new_size) {
    bb_refusal refusal;
    if (block == NULL) {
        return bb_array_malloc(pool, new_size);
    }
    return bb_pool_resize_unsized(pool, &block, new_size, &refusal) == BB_OK ? block : NULL;
}

/* NumPy does not keep what it asked for: of an array without elements it says 1. */
static void bb_array_free(void *pool, void *block, size_t size) {
    if (block != NULL) {
        bb_pool_free_unsized(pool, block, size);
    }
}

static inline void bb_describe_handler(bb_array_handler *handler, bb_pool *pool) {
    *handler = (bb_array_handler){
        "bytebound",
        1,
        {pool, bb_array_malloc, bb_array_calloc, bb_array_realloc, bb_array_free},
    };
}

/* The context that this thread is in, whose variables a handler is one of. NULL: none yet. */
static inline PyObject *bb_current_context(void) {
    return PyThreadState_Get()->context;
}

static void bb_drop_handler(PyObject *capsule) {
    Py_DECREF((PyObject *)PyCapsule_GetContext(capsule));
}

/* A capsule as NumPy wants it, that holds a reference to the owner of the handler. */
static inline PyObject *bb_handler_capsule(bb_array_handler *handler, PyObject *owner) {
    PyObject *capsule = PyCapsule_New(handler, BB_HANDLER_CAPSULE, bb_drop_handler);
    if (capsule != NULL) {
        (void)PyCapsule_SetContext(capsule, Py_NewRef(owner)); /* fails for no capsule only */
    }
    return capsule;
}

#endif
