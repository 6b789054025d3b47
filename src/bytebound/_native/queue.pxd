from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from bytebound._native.queue_tasks cimport QueueTasks


cdef class BoundedQueue(QueueTasks):
    cdef int put_waiting(self, PyObject *item, uint64_t charge, int64_t deadline) except -1
    cdef uint32_t wait_for_items(
        self, uint32_t max_count, uint64_t max_charge, int64_t deadline
    ) except 0
