from bytebound._native.ring_sequence cimport RingSequence


cdef class RingBuffer(RingSequence):
    pass
