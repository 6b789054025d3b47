from bytebound._native.byte_ring_base cimport ByteRingBase


cdef class ByteRing(ByteRingBase):
    cdef bytes at(self, Py_ssize_t index)
    cdef list between(self, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step)
    cdef object pop_into(self, void *data, Py_ssize_t size)
