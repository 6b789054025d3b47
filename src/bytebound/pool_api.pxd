"""Memory of a MemoryPool for other extensions; the header says how each function is used."""


cdef extern from "bytebound/pool_api.h":
    ctypedef struct bb_pool_api:
        int version
        bint (*check)(object) noexcept
        void *(*allocate)(object pool, size_t size, size_t alignment, bint zero) except NULL
        void *(*resize)(object pool, void *block, size_t old_size, size_t new_size) except NULL
        void (*free)(object pool, void *block, size_t size) noexcept

    const bb_pool_api *bb_import_pool_api() except NULL
