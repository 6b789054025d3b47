from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from bytebound._native.queue_base cimport QueueBase
from bytebound._native.queue_turns cimport Task


cdef class QueueTasks(QueueBase):
    # What a task does before it waits and when it comes: 1, or an item, if it need not wait.
    cdef int put_or_line_up(self, Task task, PyObject *item, uint64_t charge) except -1
    cdef PyObject *get_or_line_up(self, Task task) except? NULL
    cdef bint join_or_line_up(self, Task task) except -1
