# cython: language_level=3, freethreading_compatible=True
"""An extension of somebody else's that holds its numbers in a MemoryPool."""

cimport cython

from bytebound.pool_api cimport bb_import_pool_api, bb_pool_api

cdef const bb_pool_api *pools = bb_import_pool_api()


def is_pool(candidate):
    return pools.check(candidate)


def version():
    return pools.version


@cython.no_gc_clear
cdef class Numbers:
    cdef object pool
    cdef long *items
    cdef size_t count

    def __cinit__(self, pool, size_t count, size_t alignment=16):
        self.items = <long *> pools.allocate(pool, count * sizeof(long), alignment, True)
        self.pool = pool
        self.count = count

    def __dealloc__(self):
        if self.items != NULL:
            pools.free(self.pool, self.items, self.count * sizeof(long))

    def resize(self, size_t count):
        self.items = <long *> pools.resize(
            self.pool, self.items, self.count * sizeof(long), count * sizeof(long)
        )
        self.count = count

    def address(self):
        return <size_t> self.items

    def __getitem__(self, size_t index):
        return self.items[index]

    def __setitem__(self, size_t index, long value):
        self.items[index] = value
