from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int64_t, uint32_t, uint64_t


from bytebound._native.core cimport (
    bb_batch,
    bb_reason,
    bb_refusal,
    bb_ring,
    bb_status,
)
from bytebound._native.evicting cimport EvictingContainer
from bytebound._native.measuring cimport SIZE_BY_CALL, Sizing
from bytebound._native.sizing cimport bb_root_nbytes, visitproc


cdef extern from "ring_support.h":
    ctypedef int (*inquiry)(PyObject *)

    PyObject *bb_item_at(const bb_ring *self, uint32_t index)
    void bb_drop_items(bb_ring *taken)
    void bb_share_items(const bb_ring *copy)
    int bb_container_traverse_locked(PyObject *self, visitproc visit, void *argument) noexcept
    void bb_install_ring_slots(
        PyTypeObject *type, Py_ssize_t ring_offset, Py_ssize_t mutex_offset, inquiry clear
    )


# How often an operation starts over because Python code that it called changed the ring.
cdef enum:
    MAX_RESTARTS = 1000


# Some of the items: those at start, start + step, ...
cdef struct bb_part:
    Py_ssize_t start
    Py_ssize_t stop
    Py_ssize_t step


cdef class RingBase(EvictingContainer):
    cdef bb_ring ring
    cdef Sizing sizing
    cdef readonly object sizer
    cdef readonly object on_evict

    cdef int configure(self, max_items, max_bytes, sizer, on_evict, budget, name) except -1
    cdef int start_over(self, uint64_t limit, uint32_t max_count) except -1
    cdef uint64_t measure(self, PyObject *item) except? 0xFFFFFFFFFFFFFFFF
    cdef int drop_cleared(self, bb_ring *taken, callback) except -1
    cdef int notify(self, PyObject *item, bb_reason reason) except -1
    cdef object too_large(self, uint64_t charge)
    cdef object full(self, uint64_t charge, const bb_refusal *refusal)
    # Copies a part, with references, into *copy, which is uninitialised and gets no bounds.
    cdef int snapshot(self, bb_part part, bb_ring *copy) except -1
    cdef int recharge(self, uint32_t index, uint64_t charge, uint64_t *charged) except -1
    # The item at an index. Called and left with the lock held; left without it, on error.
    cdef PyObject *borrow(self, Py_ssize_t index) except NULL


cdef bb_part whole() noexcept

# Where an index is in the ring, or -1. Called with the lock held.
cdef inline int64_t locate(RingBase self, Py_ssize_t index) noexcept nogil:
    cdef int64_t at = index + <int64_t> self.ring.count if index < 0 else index
    return at if 0 <= at < <int64_t> self.ring.count else -1

# The indices of a part of `count` items: how many, with start and step made right.
cdef inline Py_ssize_t adjust(bb_part *part, Py_ssize_t count) noexcept nogil:
    return PySlice_AdjustIndices(count, &part.start, &part.stop, part.step)


cdef extern from "Python.h":
    Py_ssize_t PySlice_AdjustIndices(
        Py_ssize_t length, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t step
    ) noexcept nogil


cdef inline uint64_t charge_of(RingBase self, PyObject *item) except? 0xFFFFFFFFFFFFFFFF:
    """What an item is to be charged. May run Python code, so no lock is held."""
    cdef Py_ssize_t size
    if self.sizing != SIZE_BY_CALL:
        size = bb_root_nbytes(item)
        if size >= 0:
            return size
    return self.measure(item)
