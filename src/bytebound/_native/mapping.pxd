cdef class BoundedMapping:
    pass
