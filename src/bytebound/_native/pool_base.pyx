# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""Blocks of a pool, and everything about a pool that has nothing to do with arrays."""

cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_FULL_RO,
    PyBUF_ND,
    PyBUF_STRIDES,
    PyBuffer_Release,
    PyBuffer_ToContiguous,
    PyObject_GetBuffer,
)
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint64_t

from bytebound._native.budget cimport Member, Nomination, make_room
from bytebound._native.container cimport BoundedContainer
from bytebound._native.core cimport (
    BB_LRU_CHARGE_MAX,
    BB_OK,
    BB_OVER_BUDGET,
    BB_SIZE_CLASSES,
    BB_TOO_LARGE,
    bb_budget_totals,
    bb_class_size,
    bb_class_totals,
    bb_damage,
    bb_page_size,
    bb_pool_allocate,
    bb_pool_close,
    bb_pool_count,
    bb_pool_free,
    bb_pool_init,
    bb_pool_limit,
    bb_pool_read,
    bb_pool_reset_peak,
    bb_pool_totals,
    bb_pool_trim,
    bb_pool_validate,
    bb_pool_visit,
    bb_refusal,
    bb_status,
    bb_system_pages,
)
from bytebound._native.support cimport bb_lock, bb_publish, bb_unlock

from collections import namedtuple
from operator import index as to_index

from bytebound._native.errors import PoolExhaustedError
from bytebound._native.units import parse_size


cdef extern from "Python.h":
    # Not as Cython declares them: a finaliser may find an exception set.
    void PyErr_Fetch(PyObject **kind, PyObject **value, PyObject **traceback)
    void PyErr_Restore(PyObject *kind, PyObject *value, PyObject *traceback)
    void PyErr_SetObject(object kind, object value)
    void PyErr_WriteUnraisable(PyObject *where)


class ClassStats(namedtuple("ClassStats", ("blocks", "free", "slabs"))):
    """What a pool has of one size.

    Attributes
    ----------
    blocks : int
        Blocks in use.
    free : int
        Blocks that could be handed out without a new page.
    slabs : int
        Mappings in which they lie.
    """

    __slots__ = ()


class PoolStats(
    namedtuple(
        "PoolStats",
        (
            "max_bytes",
            "nbytes",
            "peak_nbytes",
            "requested_nbytes",
            "usable_nbytes",
            "reserved_nbytes",
            "idle_nbytes",
            "overhead_nbytes",
            "blocks",
            "slabs",
            "size_classes",
        ),
    )
):
    """What a pool holds, at one instant. Sizes are in bytes.

    Attributes
    ----------
    max_bytes, nbytes, peak_nbytes : int
        The bound, what is charged now, and the most that was.
    requested_nbytes, usable_nbytes, reserved_nbytes, idle_nbytes, overhead_nbytes : int
        See `MemoryPool`.
    blocks, slabs : int
        Blocks in use, and mappings in which they and freed ones lie.
    size_classes : dict of int to ClassStats
        By the size that blocks are rounded up to, those of which there is a slab.
    fragmentation : float
        The part of what is reserved that nobody asked for: ``1 - requested / reserved``.
    """

    __slots__ = ()

    @property
    def fragmentation(self):
        if self.reserved_nbytes == 0:
            return 0.0
        return 1 - self.requested_nbytes / self.reserved_nbytes


ClassStats.__module__ = PoolStats.__module__ = "bytebound"

cdef object SIXTEEN = 16
cdef char *BYTE_FORMAT = b"B"

cdef tuple DAMAGES = (
    "is whole",
    "was written to before its start",
    "was written to beyond its end",
    "was freed twice",
    "is none of this pool, or its memory went back already",
    "was freed with another size",
)


cdef void report(void *pool, const bb_damage *damage) noexcept:
    """Say what was found wrong with a block where exceptions of finalisers go."""
    cdef PyObject *kind
    cdef PyObject *value
    cdef PyObject *traceback
    PyErr_Fetch(&kind, &value, &traceback)
    what = f"the block at {<size_t> damage.block:#x}"
    if damage.serial != 0:
        what = f"block {damage.serial} of {damage.size} bytes"
    PyErr_SetObject(RuntimeError, f"{what} {DAMAGES[<int> damage.kind]}")
    PyErr_WriteUnraisable(<PyObject *> pool)
    PyErr_Restore(kind, value, traceback)


cdef struct Ranges:
    size_t count
    size_t room
    uint64_t *numbers  # the address and the size of each


cdef void add_range(void *context, const void *start, uint64_t size) noexcept nogil:
    cdef Ranges *ranges = <Ranges *> context
    if ranges.count < ranges.room:
        ranges.numbers[2 * ranges.count] = <size_t> start
        ranges.numbers[2 * ranges.count + 1] = size
    ranges.count += 1


cdef inline uint64_t checked_size(nbytes) except? 0xFFFFFFFFFFFFFFFF:
    cdef int overflow = 0
    cdef long long quick
    if type(nbytes) is int:
        quick = PyLong_AsLongLongAndOverflow(nbytes, &overflow)
        if 0 <= quick <= BB_LRU_CHARGE_MAX and not overflow:
            return quick
    return parse_size(nbytes, "nbytes")


cdef uint64_t checked_alignment(align) except? 0:
    if isinstance(align, bool) or not hasattr(align, "__index__"):
        raise TypeError(f"align must be an int, not {type(align).__name__}")
    cdef uint64_t alignment = parse_size(max(to_index(align), 0), "align")
    if alignment == 0 or alignment & (alignment - 1) != 0 or alignment > bb_page_size():
        raise ValueError(
            f"align must be a power of two from 1 to {bb_page_size()}, not {align!r}"
        )
    return max(alignment, 16)


# How often others are asked for room for one block.
cdef enum:
    MAX_ATTEMPTS = 16


cdef void *take_memory(
    PoolBase pool, uint64_t size, uint64_t alignment, bint zero
) except NULL:
    cdef void *data = NULL
    cdef bb_refusal refusal
    cdef bb_status status
    cdef uint64_t attempt
    for attempt in range(1, MAX_ATTEMPTS):
        status = bb_pool_allocate(&pool.pool, size, alignment, zero, &data, &refusal)
        if status != BB_OVER_BUDGET:
            break
        # A block may take several charges, of which the refusal tells one: so ever more is asked.
        refusal.requested = min(refusal.requested * attempt, refusal.limit)
        make_room(pool, pool.budget, &refusal, refusal.requested)
    if status != BB_OK:
        raise pool.no_room(size, status, &refusal)
    return data


cdef Block new_block(PoolBase pool, uint64_t size, uint64_t alignment, bint zero):
    cdef Block block = Block.__new__(Block)
    block.data = take_memory(pool, size, alignment, zero)
    block.pool = pool
    block.size = size
    return block


@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class Block:
    """Memory of a pool, as a writable buffer of bytes.

    Comes from `MemoryPool.alloc` and its like. It goes back to the pool when it is released, at
    the end of a ``with``, or when the last reference and the last view of it are gone.

    Notes
    -----
    ``memoryview(block)`` gives slices and items without copying; what is read before it was
    written is whatever was there, unless the block was zeroed.

    A released block raises ValueError for whatever else is asked of it. Releasing it once more
    does nothing.

    Safe to use from several threads, as far as they do not write to the same bytes.

    Examples
    --------
    >>> from bytebound import MemoryPool
    >>> pool = MemoryPool("1MiB")
    >>> with pool.alloc(5) as block:
    ...     memoryview(block)[:] = b"hello"
    ...     bytes(block), len(block), pool.requested_nbytes
    (b'hello', 5, 5)
    >>> pool.requested_nbytes
    0
    """

    def __init__(self):
        raise TypeError("blocks are not made but allocated, by MemoryPool.alloc()")

    def __dealloc__(self):
        if self.data != NULL:
            bb_pool_free(&self.pool.pool, self.data, self.size)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef void *data
        bb_lock(&self.mutex)
        data = self.data
        self.exports += data != NULL
        bb_unlock(&self.mutex)
        if data == NULL:
            raise ValueError("the block was released")
        buffer.buf = data
        buffer.obj = self
        buffer.len = self.size
        buffer.itemsize = 1
        buffer.readonly = 0
        buffer.ndim = 1
        buffer.format = BYTE_FORMAT if flags & PyBUF_FORMAT else NULL
        buffer.shape = &buffer.len if flags & PyBUF_ND else NULL
        buffer.strides = &buffer.itemsize if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        buffer.suboffsets = NULL
        buffer.internal = NULL

    def __releasebuffer__(self, Py_buffer *buffer):
        bb_lock(&self.mutex)
        self.exports -= 1
        bb_unlock(&self.mutex)

    def release(self):
        """Give the memory back to the pool now.

        Raises
        ------
        BufferError
            If there is a view of it. Nothing has changed then: the block goes back when it is
            released later, or when it and the last view are gone.
        """
        cdef void *data
        cdef Py_ssize_t exports
        bb_lock(&self.mutex)
        data = self.data
        exports = self.exports
        if exports == 0:
            self.data = NULL
        bb_unlock(&self.mutex)
        if exports != 0:
            raise BufferError(f"the block has views that were not released: {exports}")
        if data != NULL:
            bb_pool_free(&self.pool.pool, data, self.size)

    @property
    def nbytes(self):
        """int: The bytes asked for."""
        return len(self)

    @property
    def released(self):
        """bool: Whether the memory has gone back."""
        return self.data == NULL

    def __len__(self):
        if self.data == NULL:
            raise ValueError("the block was released")
        return self.size

    def __enter__(self):
        if self.data == NULL:
            raise ValueError("the block was released")
        return self

    def __exit__(self, *exception):
        self.release()

    def __reduce__(self):
        raise TypeError("a Block cannot be copied or pickled: it is memory of this process")

    def __repr__(self):
        if self.data == NULL:
            return "<Block: released>"
        return f"<Block: {self.size:,} bytes>"


@cython.no_gc_clear
cdef class PoolBase(BoundedContainer):
    """The state of a pool, its blocks, its bound and its totals."""

    def __cinit__(self, max_bytes, *, budget=None, name=None, bint debug=False):
        cdef uint64_t limit = parse_size(max_bytes)
        self.own = &self.pool.budget
        self.join_budget(budget, name)
        bb_pool_init(
            &self.pool, bb_system_pages, limit,
            &self.budget.core if self.budget is not None else NULL, debug,
        )
        self.pool.report = report
        self.pool.report_context = <PyObject *> self
        self.enlist()

    def __init__(self, max_bytes, *, budget=None, name=None, debug=False):
        if self.is_initialised:
            raise RuntimeError(
                f"this {type(self).__name__} is initialised already; make another one instead"
            )
        self.is_initialised = True

    # ---- giving back for others: what no block lies in ----

    cdef Member nominate(self, uint64_t spare, Nomination *nomination):
        cdef uint64_t idle = self.read().idle
        nomination.use = 0  # nobody would miss it
        nomination.spare = spare
        return self if idle > 0 and spare > 0 else None

    cdef uint64_t reclaimable(self, uint64_t spare) except? 0xFFFFFFFFFFFFFFFF:
        return min(self.read().idle, spare)

    cdef uint64_t reclaim(
        self, uint64_t need, uint64_t until, uint64_t spare
    ) except? 0xFFFFFFFFFFFFFFFF:
        cdef uint64_t total = self.totals().total
        return bb_pool_trim(&self.pool, total - min(total, need, spare))

    def __dealloc__(self):
        if self.ready:
            bb_pool_close(&self.pool)  # nobody has a block: it would have the pool

    cdef bb_pool_totals read(self):
        return bb_pool_read(&self.pool)

    cdef bb_budget_totals totals(self):
        return bb_pool_read(&self.pool).budget

    cdef int check_open(self) except -1:
        if self.is_closed:
            raise ValueError(f"the {type(self).__name__} was closed")
        return 0

    cdef object no_room(self, uint64_t size, bb_status status, const bb_refusal *refusal):
        cdef bb_pool_totals totals
        self.check_open()
        if status != BB_TOO_LARGE:
            return self.error_of(status, refusal)
        totals = self.read()
        limit = totals.budget.limit
        available = max(limit - totals.budget.total, 0) + totals.idle
        name = "" if self.name is None else f" {self.name!r}"
        return PoolExhaustedError(
            f"pool{name} has no room for a block of {size} bytes: "
            f"{available} of max_bytes={limit} are available",
            size, available, limit,
        )

    # ---- blocks ----

    def alloc(self, nbytes, *, align=16, bint zero=False):
        """Take a block of memory.

        Parameters
        ----------
        nbytes : int or str
            How much, in bytes or as text such as ``"64KiB"``; 0 is a size too.
        align : int, optional
            A power of two that the block's address is a multiple of; at most the size of a page.
        zero : bool, optional
            Whether the block is to be zeroed.

        Returns
        -------
        Block

        Raises
        ------
        PoolExhaustedError
            If the pool has no room. Smaller requests may succeed.
        BudgetExceededError
            If a budget above has none.
        MemoryError
            If the operating system has none.
        ValueError
            If the size or the alignment is none, or the pool is closed.

        Notes
        -----
        O(1), but for a page or a mapping that has to be taken now and then.
        """
        cdef uint64_t alignment = 16 if align is SIXTEEN else checked_alignment(align)
        return new_block(self, checked_size(nbytes), alignment, zero)

    def alloc_many(self, sizes):
        """Take blocks of several sizes: all of them or none.

        Parameters
        ----------
        sizes : iterable of int or str

        Returns
        -------
        list of Block

        Raises
        ------
        PoolExhaustedError, BudgetExceededError, MemoryError, ValueError
            As `alloc`. What was taken until then has gone back.
        """
        cdef list wanted = []
        cdef list blocks = []
        cdef uint64_t before = self.read().budget.total
        for size in sizes:
            wanted.append(checked_size(size))
        try:
            for size in wanted:
                blocks.append(new_block(self, size, 16, False))
        except BaseException:
            blocks.clear()
            bb_pool_trim(&self.pool, before)
            raise
        return blocks

    def copy(self, data):
        """Take a block with the bytes of a buffer in it.

        Parameters
        ----------
        data : bytes-like
            Any buffer; if it is not contiguous, its bytes in C order.

        Returns
        -------
        Block

        Raises
        ------
        PoolExhaustedError, BudgetExceededError, MemoryError, ValueError
            As `alloc`.
        TypeError
            If it is no buffer.
        """
        cdef Py_buffer view
        cdef Block block
        PyObject_GetBuffer(data, &view, PyBUF_FULL_RO)
        try:
            block = new_block(self, view.len, 16, False)
            PyBuffer_ToContiguous(block.data, &view, view.len, c'C')
        finally:
            PyBuffer_Release(&view)
        return block

    # ---- totals ----

    @property
    def nbytes(self):
        """int: Bytes charged now: `reserved_nbytes` and `overhead_nbytes`."""
        return self.read().budget.total

    @property
    def requested_nbytes(self):
        """int: Bytes asked for, of blocks in use."""
        return self.read().requested

    @property
    def usable_nbytes(self):
        """int: The same, each rounded up to the size of its block."""
        return self.read().usable

    @property
    def reserved_nbytes(self):
        """int: Bytes of all pages charged for blocks, in use and idle."""
        return self.read().reserved

    @property
    def overhead_nbytes(self):
        """int: Bytes of the pages in which the pool keeps its books."""
        return self.read().overhead

    @property
    def idle_nbytes(self):
        """int: Bytes of the reserved pages in which no block lies, kept for reuse.

        For blocks of up to 4096 bytes by slabs of up to 64 KiB: one of them keeps its whole slab.
        """
        return self.read().idle

    @property
    def closed(self):
        """bool: Whether `close` has succeeded."""
        return self.is_closed

    @property
    def debug(self):
        """bool: Whether blocks are guarded and poisoned."""
        return self.pool.debug

    def reset_peak(self):
        """Start `peak_nbytes` anew from what is charged now."""
        bb_pool_reset_peak(&self.pool)

    def stats(self):
        """What the pool holds, at one instant.

        Returns
        -------
        PoolStats

        Notes
        -----
        O(slabs).
        """
        cdef bb_class_totals counts[512]
        cdef bb_pool_totals totals = bb_pool_count(&self.pool, counts)
        return PoolStats(
            max_bytes=totals.budget.limit,
            nbytes=totals.budget.total,
            peak_nbytes=totals.budget.peak,
            requested_nbytes=totals.requested,
            usable_nbytes=totals.usable,
            reserved_nbytes=totals.reserved,
            idle_nbytes=totals.idle,
            overhead_nbytes=totals.overhead,
            blocks=totals.blocks,
            slabs=totals.slabs,
            size_classes={
                bb_class_size(i): ClassStats(counts[i].blocks, counts[i].free, counts[i].slabs)
                for i in range(BB_SIZE_CLASSES)
                if counts[i].slabs != 0
            },
        )

    # ---- the bound ----

    def trim(self, target_bytes=0):
        """Give idle memory back to the operating system until `nbytes` is at most a target.

        Parameters
        ----------
        target_bytes : int or str, optional
            By default all idle memory goes.

        Returns
        -------
        int
            Bytes given back: by so much `nbytes` has fallen.

        Notes
        -----
        Blocks in use stay where they are. What lies between those of more than 4096 bytes goes page
        by page; one of up to 4096 bytes keeps its slab of up to 64 KiB.
        """
        return bb_pool_trim(&self.pool, parse_size(target_bytes, "target_bytes"))

    def resize(self, max_bytes):
        """Change the bound; gives idle memory back at once if it has to.

        Parameters
        ----------
        max_bytes : int or str

        Raises
        ------
        ValueError
            If the bound is none, or blocks in use need more. The bound is then as it was.
        """
        cdef uint64_t limit = parse_size(max_bytes)
        self.check_open()
        if not bb_pool_limit(&self.pool, limit):
            raise ValueError(
                f"blocks in use need {self.nbytes} bytes, which is more than max_bytes={limit}"
            )

    def close(self):
        """Give everything back to the operating system; after it, nothing can be allocated.

        Raises
        ------
        BufferError
            If blocks or arrays are in use; nothing has changed then.
        """
        if not bb_pool_close(&self.pool):
            raise BufferError(
                f"the {type(self).__name__} cannot be closed: "
                f"{self.read().blocks} of its blocks are in use"
            )
        self.is_closed = True

    def __enter__(self):
        self.check_open()
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        raise TypeError(
            f"a {type(self).__name__} cannot be copied or pickled: it is memory of this process"
        )

    def __sizeof__(self):
        return object.__sizeof__(self) + self.read().budget.total

    def __repr__(self):
        cdef bb_pool_totals totals = self.read()
        name = "" if self.name is None else f" {self.name!r}"
        return (
            f"<{type(self).__name__}{name}: {totals.blocks:,} blocks, "
            f"{totals.budget.total:,} of {totals.budget.limit:,} bytes>"
        )

    def _ranges(self):
        """``(address, nbytes)`` of all charged pages."""
        cdef Ranges ranges = Ranges(1, 0, NULL)
        try:
            while ranges.count > ranges.room:
                ranges.room = ranges.count
                ranges.count = 0
                PyMem_Free(ranges.numbers)
                ranges.numbers = <uint64_t *> PyMem_Calloc(ranges.room, 2 * sizeof(uint64_t))
                if ranges.numbers == NULL:
                    raise MemoryError
                bb_pool_visit(&self.pool, add_range, &ranges)
            pairs = []
            for i in range(ranges.count):
                pairs.append((ranges.numbers[2 * i], ranges.numbers[2 * i + 1]))
            return pairs
        finally:
            PyMem_Free(ranges.numbers)

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        if not bb_pool_validate(&self.pool, &reason):
            raise AssertionError((<bytes> reason).decode())


bb_publish(<PyTypeObject *> Block, "bytebound.Block")
