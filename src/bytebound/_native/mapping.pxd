from bytebound._native.container cimport BoundedContainer


# What an iterator over a mapping yields.
cdef enum Walk:
    WALK_KEYS
    WALK_VALUES
    WALK_ITEMS


cdef class BoundedMapping(BoundedContainer):
    pass
