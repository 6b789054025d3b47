# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""The last rows of numbers, in one piece."""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport PyTypeObject
from libc.stdint cimport INT64_MAX
from libc.string cimport memcpy

from bytebound._native.budget cimport make_room
from bytebound._native.core cimport (
    BB_OK,
    BB_OVER_BUDGET,
    bb_array_ring_append,
    bb_array_ring_clear,
    bb_array_ring_close,
    bb_array_ring_extend,
    bb_array_ring_has,
    bb_array_ring_init,
    bb_array_ring_is_usable,
    bb_array_ring_open,
    bb_array_ring_rows,
    bb_array_ring_unview,
    bb_array_ring_validate,
    bb_array_ring_view,
    bb_budget_read,
    bb_budget_totals,
    bb_refusal,
    bb_status,
    bb_system_mirrors,
)
from bytebound._native.mapped_ring cimport MappedView
from bytebound._native.support cimport bb_lock, bb_publish, bb_unlock

from collections import namedtuple
from math import prod
from operator import index as to_index
from sys import byteorder as _byteorder

from bytebound._native.rows import checked_shape, written_bytes
from bytebound._native.units import MAX_SIZE as _MAX_SIZE


class ArrayRingStats(namedtuple("ArrayRingStats", (
    "items", "total", "capacity", "views", "nbytes", "payload_nbytes", "overhead_nbytes",
    "peak_nbytes", "max_bytes",
))):
    """What an ArrayRing has done and what it holds; sizes in bytes.

    Attributes
    ----------
    items, total, capacity : int
        Rows in the ring, rows there ever were, and rows that fit.
    views : int
        Views alive.
    nbytes, payload_nbytes, overhead_nbytes, peak_nbytes, max_bytes : int
        As the ring's attributes of those names.
    """

    __slots__ = ()


ArrayRingStats.__module__ = "bytebound"

# NumPy, which is imported when the first ring is made.
cdef object numpy = None
cdef object ndarray = None


cdef int import_numpy() except -1:
    global numpy, ndarray
    if numpy is None:
        import numpy as module
        ndarray = module.ndarray
        numpy = module
    return 0


cdef inline int enter(ArrayRing self) except -1:
    """Take the lock of a ring that can be used."""
    bb_lock(&self.mutex)
    if not bb_array_ring_is_usable(&self.ring):
        bb_unlock(&self.mutex)
        raise self.unusable()
    return 0


@cython.no_gc_clear  # dropping the budget would take it away from below the native ring
cdef class ArrayRing(MappedRing):
    """ArrayRing(capacity, dtype=..., shape=(), *, budget=None, name=None)
--

    The last rows of numbers, as one contiguous array wherever the ring has wrapped.

    Parameters
    ----------
    capacity : int
        How many rows are kept, at least 1.
    dtype : numpy.dtype or what makes one
        Of the numbers, or of structured rows; none with Python objects.
    shape : int or tuple of int
        Of a row; ``()`` for a single number or structure. One dimension less than NumPy's most.
    budget : Budget, optional
        A budget above that the memory is charged to as well.
    name : str, optional
        What errors and representations call it.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the numbers in the rows.
    shape : tuple of int
        Of a row. That of a dtype with a shape of its own is a part of it.

    Raises
    ------
    TypeError, ValueError
        For arguments that make no sense, and for a dtype with Python objects.
    BudgetExceededError
        If a budget above has no room.
    MemoryError
        If there is no such memory.

    Notes
    -----
    The rows lie in pages of memory that are mapped twice in a row, so the last n rows are in one
    piece for every n, and `view` takes the same time for a thousand and for ten million. Where
    the platform cannot do that, every row is written to two places instead, and both are charged.

    Charged once, when the ring is made: ``capacity`` rows, in whole pages. Only rows that were
    written are ever shown. The padding of a dtype is zero in them, but in an array of just that
    dtype that is C-contiguous, which is taken byte by byte.

    Once every page has been written, `nbytes` is what control groups count, and the proportional
    size (PSS) of a process. Its resident size (RSS) counts a page once for each address at which
    it was touched: up to twice `nbytes` when the ring has wrapped and been read. So does a
    `Governor` with ``source="resident"``; with ``"rlimit"`` it counts addresses, twice `nbytes`
    from the start, and with ``"cgroup"`` each page once.

    Appending is O(bytes of the row), extending O(bytes that stay). Safe to use from several
    threads, with and without the GIL; what views show while others write may be half written,
    `snapshot` is of one instant.

    After a fork a ring can be used in the parent only: the child would change what the parent
    reads. Views that the child inherits show what the parent writes.

    NumPy is imported when the first ring is made.

    Examples
    --------
    >>> from bytebound import ArrayRing
    >>> ring = ArrayRing(3)
    >>> ring.append(1.0)
    >>> ring.extend([2.0, 3.0, 4.0])
    >>> ring.view().tolist(), ring.view(2).tolist(), float(ring[-1]), ring.total
    ([2.0, 3.0, 4.0], [3.0, 4.0], 4.0, 4)
    >>> ArrayRing(1000, "f4", (2, 3)).view().shape
    (0, 2, 3)
    """

    def __cinit__(self, *args, **kwargs):
        bb_array_ring_init(&self.ring, &bb_system_mirrors)
        self.own = &self.ring.budget
        self.is_closed = &self.ring.closed

    def __init__(self, capacity, dtype=float, shape=(), *, budget=None, name=None):
        cdef bb_refusal refusal
        cdef bb_status status
        import_numpy()
        try:
            rows = to_index(capacity)
        except TypeError:
            raise TypeError(
                f"capacity must be an int, not {type(capacity).__name__}: {capacity!r}"
            ) from None
        if rows < 1:
            raise ValueError(f"capacity must be at least 1, not {rows}")
        kind = numpy.dtype(dtype)
        row_shape = checked_shape(shape) + kind.shape
        kind = kind.base
        if kind.hasobject:
            raise TypeError(f"an ArrayRing keeps plain numbers, and {kind!r} has Python objects")
        row_bytes = kind.itemsize * prod(row_shape)
        if row_bytes < 1:
            raise ValueError(f"a row must have at least one byte, and {kind!r} has none")
        if rows > _MAX_SIZE or row_bytes > _MAX_SIZE:
            raise MemoryError(f"there is no memory for {rows} rows of {row_bytes} bytes")
        try:
            numpy.empty((0,) + row_shape, kind)
        except ValueError as error:
            raise ValueError(
                f"NumPy makes no array of rows of {len(row_shape)} dimensions: {error}"
            ) from None
        written = written_bytes(kind)
        self.join_budget(budget, name)
        status = BB_OVER_BUDGET
        while status == BB_OVER_BUDGET:
            status = bb_array_ring_open(
                &self.ring, rows, row_bytes,
                &self.budget.core if self.budget is not None else NULL, &refusal,
            )
            if status == BB_OVER_BUDGET:
                make_room(self, self.budget, &refusal, refusal.requested)
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        self.dtype = kind
        self.shape = row_shape
        self.written = numpy.array(written, "u1") if 0 in written else None
        if row_shape == () and kind.isnative and kind.kind in "iuf" and self.written is None:
            self.expect_numbers()
        self.enlist()

    def __dealloc__(self):
        bb_array_ring_close(&self.ring)

    cdef void close_core(self) noexcept:
        bb_array_ring_close(&self.ring)

    cdef bint check_core(self, const char **reason) noexcept:
        return bb_array_ring_validate(&self.ring, reason)

    cdef void look_away(self, MappedView view) noexcept:
        bb_array_ring_unview(&self.ring)

    # ---- writing ----

    def append(self, row, /):
        """Add a row; the oldest leaves if the ring is full.

        Parameters
        ----------
        row : array_like
            Of the ring's `shape`. Python objects are converted as ``numpy.asarray(row, dtype)``
            does, which makes 1 of 1.5 for an int. An array or number of NumPy's of another
            dtype must be of the same kind, as ``numpy.can_cast(..., casting="same_kind")`` has it.

        Raises
        ------
        TypeError, ValueError, OverflowError
            If it cannot be converted or has another shape; nothing has changed then.
        """
        if self.number != NUMBER_OTHER and self.append_number(row):
            return
        if type(row) is self.scalar:
            self.write(row, True)
            return
        if type(row) is ndarray and self.append_array(row):
            return
        array = self.as_rows(row)
        if array.shape != self.shape:
            raise ValueError(f"a row has shape {self.shape}, not {array.shape}")
        self.write(array, True)

    cdef int expect_numbers(self) except -1:
        """Find out which numbers can be written without NumPy."""
        self.scalar = self.dtype.type
        if self.dtype.kind == "f":
            self.number = {8: NUMBER_FLOAT64, 4: NUMBER_FLOAT32}.get(
                self.dtype.itemsize, NUMBER_OTHER
            )
        elif _byteorder == "little":  # an integer's lowest bytes come first
            bounds = numpy.iinfo(self.dtype)
            self.least = bounds.min
            self.most = min(bounds.max, INT64_MAX)
            self.number = NUMBER_INTEGER
        return 0

    cdef bint append_number(self, row) except -1:
        """Whether it is a number that needs no NumPy, and was appended."""
        cdef double real = 0
        cdef float short_real = 0
        cdef long long whole = 0
        cdef const void *source
        cdef int overflow = 0
        if PyLong_CheckExact(row):
            whole = PyLong_AsLongLongAndOverflow(row, &overflow)
            if overflow != 0:
                return False
            real = <double> whole
        elif PyFloat_Check(row) and self.number != NUMBER_INTEGER:
            real = PyFloat_AS_DOUBLE(row)
        else:
            return False
        if self.number == NUMBER_FLOAT64:
            source = &real
        elif self.number == NUMBER_FLOAT32:
            short_real = <float> real
            source = &short_real
        elif self.least <= whole <= self.most:
            source = &whole
        else:
            return False
        enter(self)
        bb_array_ring_append(&self.ring, source, self.ring.row_bytes)
        bb_unlock(&self.mutex)
        return True

    cdef bint append_array(self, row) except -1:
        """Whether it is an array that needs no conversion, and was appended."""
        if row.dtype is not self.dtype or row.shape != self.shape or not row.flags.c_contiguous:
            return False
        self.write(row, True)
        return True

    def extend(self, rows, /):
        """Add several rows, oldest first, in one step; as many of the oldest leave as need be.

        Parameters
        ----------
        rows : array_like or iterator
            Of any length, each row of the ring's `shape`. Converted as in `append`.

        Raises
        ------
        TypeError, ValueError, OverflowError
            If they cannot be converted or have another shape; nothing has changed then.

        Notes
        -----
        O(bytes that stay), besides the conversion.
        """
        if rows is self:
            rows = self.copy_of(_MAX_SIZE)
        elif hasattr(rows, "__next__"):
            rows = list(rows)
        array = self.as_rows(rows)
        if array.shape == (0,):
            return
        if array.ndim == 0 or array.shape[1:] != self.shape:
            raise ValueError(f"rows have shape {self.shape} each, and these are {array.shape}")
        self.write(array, False)

    cdef object as_rows(self, rows):
        """A C-contiguous array of the ring's dtype."""
        if self.dtype is None:
            raise self.unusable()
        if not hasattr(rows, "dtype"):
            array = numpy.asarray(rows, dtype=self.dtype, order="C")
        else:
            array = rows if type(rows) is ndarray else numpy.asarray(rows)
            array = array.astype(self.dtype, "C", "same_kind", True, False)  # only if need be
        return array if self.written is None or array is rows else self.without_padding(array)

    cdef object without_padding(self, array):
        """A copy whose padding is zero: NumPy leaves there what was in the memory before."""
        values = array.reshape(-1).view("u1").reshape(-1, len(self.written)) & self.written
        return values.reshape(-1).view(self.dtype).reshape(array.shape)

    cdef int write(self, array, bint one) except -1:
        """Append what is in a C-contiguous array, or number, of the right dtype and shape."""
        cdef Py_buffer buffer
        PyObject_GetBuffer(array, &buffer, PyBUF_SIMPLE)
        if bb_array_ring_has(&self.ring, buffer.buf):
            # Rows of the ring itself would be overwritten while they are read.
            PyBuffer_Release(&buffer)
            array = array.copy()
            PyObject_GetBuffer(array, &buffer, PyBUF_SIMPLE)
        try:
            enter(self)
            bb_array_ring_extend(
                &self.ring, buffer.buf, 1 if one else buffer.len // self.ring.row_bytes
            )
            bb_unlock(&self.mutex)
        finally:
            PyBuffer_Release(&buffer)
        return 0

    def clear(self):
        """Forget every row, but not how many there were; what views show stays. O(1)."""
        enter(self)
        bb_array_ring_clear(&self.ring)
        bb_unlock(&self.mutex)

    # ---- reading ----

    cdef uint64_t as_count(self, n) except? 0xFFFFFFFFFFFFFFFF:
        if n is None:
            return _MAX_SIZE
        count = to_index(n)
        if count < 0:
            raise ValueError(f"n must not be negative, and is {count}")
        return min(count, _MAX_SIZE)

    def view(self, n=None, *, copy=False):
        """The last rows, oldest first, as one contiguous read-only array.

        Parameters
        ----------
        n : int, optional
            How many; all by default, and all if there are fewer.
        copy : bool
            Whether to copy the rows, as `snapshot` does.

        Returns
        -------
        numpy.ndarray
            Of shape ``(n, *shape)``. Without `copy` it is a window that moves on: it shows the
            memory of the ring, in which later rows overwrite these. It keeps the memory, also
            after the ring was closed.

        Notes
        -----
        O(1) without `copy`.

        Examples
        --------
        >>> ring = ArrayRing(2, int)
        >>> ring.extend([1, 2])
        >>> window, stable = ring.view(), ring.snapshot()
        >>> ring.append(3)
        >>> ring.view().tolist(), stable.tolist()
        ([2, 3], [1, 2])
        """
        cdef MappedView view
        cdef uint64_t count = self.as_count(n)
        if copy:
            return self.copy_of(count)
        view = MappedView.__new__(MappedView)
        enter(self)
        count = min(count, self.ring.count)
        view.start = bb_array_ring_rows(&self.ring, count)
        view.nbytes = count * self.ring.row_bytes
        bb_array_ring_view(&self.ring)
        view.ring = self
        bb_unlock(&self.mutex)
        return ndarray((count,) + self.shape, self.dtype, view)

    cdef object copy_of(self, uint64_t most):
        cdef Py_buffer into
        cdef uint64_t count
        cdef bint there = False
        while not there:
            enter(self)
            count = min(most, self.ring.count)
            bb_unlock(&self.mutex)
            copy = numpy.empty((count,) + self.shape, self.dtype)
            PyObject_GetBuffer(copy, &into, PyBUF_WRITABLE)
            try:
                enter(self)
                there = count <= self.ring.count
                if there:
                    memcpy(
                        into.buf, bb_array_ring_rows(&self.ring, count),
                        count * self.ring.row_bytes,
                    )
                bb_unlock(&self.mutex)
            finally:
                PyBuffer_Release(&into)
        return copy

    def snapshot(self, n=None):
        """A copy of the last `n` rows, oldest first, as they were at one instant.

        Parameters
        ----------
        n : int, optional
            How many; all by default, and all if there are fewer.

        Returns
        -------
        numpy.ndarray
            Writable, and its own.
        """
        return self.copy_of(self.as_count(n))

    def __getitem__(self, index):
        """``view()[index]``: a number is a copy, arrays of rows are windows that move on."""
        return self.view()[index]

    def __array__(self, dtype=None, copy=None):
        """What `numpy.asarray` takes: a window, or a copy if one is asked for or has to be."""
        if dtype is None or numpy.dtype(dtype) == self.dtype:
            return self.view(copy=bool(copy))
        if copy is not None and not copy:
            raise ValueError(f"cannot turn {self.dtype!r} into {dtype!r} without copying")
        return self.snapshot().astype(dtype)

    def __iter__(self):
        """Iterate over a snapshot."""
        return iter(self.snapshot())

    def __len__(self):
        cdef uint64_t count
        bb_lock(&self.mutex)
        count = self.ring.count
        bb_unlock(&self.mutex)
        return count

    # ---- what it takes ----

    @property
    def capacity(self):
        """int: How many rows fit."""
        return self.ring.capacity

    @property
    def total(self):
        """int: Rows that were ever added."""
        cdef uint64_t total
        bb_lock(&self.mutex)
        total = self.ring.total
        bb_unlock(&self.mutex)
        return total

    @property
    def payload_nbytes(self):
        """int: Bytes of the rows in the ring."""
        return len(self) * self.ring.row_bytes

    def stats(self):
        """What the ring has done and holds, at one instant.

        Returns
        -------
        ArrayRingStats
        """
        cdef bb_budget_totals totals
        cdef uint64_t count, total, views
        bb_lock(&self.mutex)
        totals = bb_budget_read(&self.ring.budget)
        count = self.ring.count
        total = self.ring.total
        views = self.ring.views
        bb_unlock(&self.mutex)
        return ArrayRingStats(
            items=count,
            total=total,
            capacity=self.ring.capacity,
            views=views,
            nbytes=totals.total,
            payload_nbytes=count * self.ring.row_bytes,
            overhead_nbytes=totals.total - count * self.ring.row_bytes,
            peak_nbytes=totals.peak,
            max_bytes=totals.limit,
        )

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        state = "closed" if self.closed else f"{len(self):,} of {self.capacity:,} rows"
        return (
            f"<{type(self).__name__}{name}: {state} of {self.dtype} {self.shape}, "
            f"{self.nbytes:,} bytes>"
        )


bb_publish(<PyTypeObject *> ArrayRing, "bytebound.ArrayRing")
