from bytebound._native.evicting cimport EvictingContainer


# What an iterator over a mapping yields.
cdef enum Walk:
    WALK_KEYS
    WALK_VALUES
    WALK_ITEMS


cdef class BoundedMapping(EvictingContainer):
    pass
