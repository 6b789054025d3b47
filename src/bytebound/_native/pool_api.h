/*
 * Memory of a MemoryPool for other extensions.
 *
 * Purpose: an extension that holds data of its own has it counted and bounded by a pool that
 * its user made. It is found at run time, through a capsule; nothing needs to be linked.
 *
 *     #include "bytebound/pool_api.h"            gcc -I$(python -c 'import bytebound;
 *     static const bb_pool_api *pools;                       print(bytebound.get_include())')
 *     pools = bb_import_pool_api();              NULL with an exception set if there is none
 *     block = pools->allocate(pool, 100, 16, 0);
 *     pools->free(pool, block, 100);
 *
 * From Cython: `from bytebound.pool_api cimport bb_import_pool_api, bb_pool_api`.
 *
 * Threads: with an attached thread state (under the GIL, where there is one). Any thread may
 * free any block.
 */
#ifndef BYTEBOUND_POOL_API_H
#define BYTEBOUND_POOL_API_H

#include <Python.h>

#define BB_POOL_API_NAME "bytebound._native.pool._C_API"
#define BB_POOL_API_VERSION 1

/* `pool` is a MemoryPool, and outlives its blocks: the caller holds a reference to it. */
typedef struct bb_pool_api {
    int version;

    /* Whether this is a MemoryPool. */
    int (*check)(PyObject *object);

    /* `size` bytes, aligned to a power of two up to the page size, zeroed if `zero`. NULL with
     * PoolExhaustedError or another exception set if there is no room. */
    void *(*allocate)(PyObject *pool, size_t size, size_t alignment, int zero);

    /* Keeps the contents as far as they fit. NULL with an exception set, and the block as it
     * was, if there is no room; smaller always works. `old_size` as last asked for. */
    void *(*resize)(PyObject *pool, void *block, size_t old_size, size_t new_size);

    /* `size` as last asked for. Never fails. */
    void (*free)(PyObject *pool, void *block, size_t size);
} bb_pool_api;

static inline const bb_pool_api *bb_import_pool_api(void) {
    const bb_pool_api *api = (const bb_pool_api *)PyCapsule_Import(BB_POOL_API_NAME, 0);
    if (api != NULL && api->version < BB_POOL_API_VERSION) {
        PyErr_Format(PyExc_ImportError, "bytebound has version %d of its pool interface, not %d",
                     api->version, BB_POOL_API_VERSION);
        return NULL;
    }
    return api;
}

#endif
