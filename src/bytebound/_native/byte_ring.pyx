# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""The newest records of bytes, in one block of memory."""

cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_ND,
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.long cimport PyLong_FromUnsignedLongLong
from cpython.number cimport PyNumber_AsSsize_t
from cpython.object cimport PyTypeObject
from cpython.slice cimport PySlice_AdjustIndices, PySlice_Unpack
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, strchr

from bytebound._native.budget cimport make_room
from bytebound._native.byte_ring_base cimport enter
from bytebound._native.core cimport (
    BB_OK,
    BB_OVER_BUDGET,
    BB_PINNED_COPY,
    BB_PINNED_RAISE,
    BB_TOO_LARGE,
    BB_UNSUPPORTED,
    bb_byte_ring_append,
    bb_byte_ring_clear,
    bb_byte_ring_count,
    bb_byte_ring_find,
    bb_byte_ring_least,
    bb_byte_ring_open,
    bb_byte_ring_pop,
    bb_record,
    bb_refusal,
    bb_status,
)
from bytebound._native.support cimport bb_publish, bb_unlock

from operator import index as to_index

from bytebound._native.units import MAX_SIZE as _MAX_SIZE, parse_size


cdef inline object append_bytes(ByteRing self, const void *data, Py_ssize_t length):
    cdef bb_refusal refusal
    cdef bb_status status
    cdef uint64_t seq
    while True:
        # The result is made first: what cannot be made must not have been appended.
        seq = self.ring.next_seq
        result = PyLong_FromUnsignedLongLong(seq)
        enter(self)
        if seq != self.ring.next_seq:
            bb_unlock(&self.mutex)
            continue
        status = bb_byte_ring_append(&self.ring, data, length, &refusal)
        bb_unlock(&self.mutex)
        if status == BB_OK:
            return result
        self.refuse(status, &refusal, length)


cdef bint has_objects(record) except -1:
    """Whether a buffer has references to Python objects, which only their owner keeps alive."""
    cdef Py_buffer buffer
    dtype = getattr(record, "dtype", None)
    if dtype is not None:  # NumPy cannot say the format of some, dates for example
        return dtype.hasobject
    PyObject_GetBuffer(record, &buffer, PyBUF_FORMAT | PyBUF_ND)
    try:
        if buffer.format == NULL or strchr(buffer.format, b"O") == NULL:
            return False
        # Between colons are the names of fields.
        return any("O" in codes for codes in (<bytes> buffer.format).decode().split(":")[::2])
    finally:
        PyBuffer_Release(&buffer)


@cython.no_gc_clear  # dropping the budget would take it away from below the native ring
cdef class ByteRing(ByteRingBase):
    """ByteRing(capacity, *, on_pinned="raise", budget=None, name=None)
--

    The newest records of bytes, as many as fit into one block of memory that never grows.

    Appending drops the oldest records as needed. Each record has a sequence number, counted
    from 0, by which it is found as long as it is there.

    Parameters
    ----------
    capacity : int or str
        The size of the block, in bytes or as text such as ``"64MiB"``; at least two pages (8 KiB
        mostly), and rounded down to whole ones. Everything is inside: each record takes 8 to
        15 bytes more than its length, and an index one page, or 1/64 to 1/32 of the block where
        that is more. That is half of a block of two pages, and a quarter of one of four.
    on_pinned : {"raise", "copy"}
        What happens when a record has to be overwritten while views of it are alive:
        `append` raises BufferError and changes nothing; or the record is set aside, a page (4 KiB
        mostly) or more that is charged until its last view dies. The views stay as they are,
        at the same address. The ring keeps a file descriptor for that.
    budget : Budget, optional
        A budget above that everything is charged to as well.
    name : str, optional
        What errors and representations call it.

    Attributes
    ----------
    capacity : int
        The size of the block, in bytes.
    on_pinned : str
        As given.

    Raises
    ------
    TypeError, ValueError
        For arguments that make no sense.
    BudgetExceededError
        If a budget above has no room for the block.
    MemoryError
        If there is no such memory, or no file descriptor or mapping left to take it with.
    NotImplementedError
        For ``on_pinned="copy"`` where the platform cannot map memory twice.

    Notes
    -----
    Appending is O(bytes of the record + records dropped), any record is found in O(1), and
    what is read is copied, but for `view`. Safe to use from several threads, with and without the
    GIL.

    The block is charged whole when it is made. `nbytes` is the block and what views take beside
    it, `pinned_nbytes`. `max_bytes` is the block; with ``on_pinned="copy"`` it is twice the block
    and two tables that views are found by, of 8 bytes for each page. That is enough to set aside
    all records in the ring at once, and to look at newer ones; views that outlast several
    laps of the ring may need more, and are refused then.

    Pages take memory when they are first written, and then the kernel counts them once:
    `nbytes` is what control groups count, and the proportional size (PSS) of a process. Its
    resident size (RSS) counts a page once for each address at which it was touched: twice where
    records lay across the end of the ring, and once more where views were read with
    ``on_pinned="copy"``. So does a `Governor` with ``source="resident"``; with ``"rlimit"`` it
    counts addresses, twice the block from the start, and with ``"cgroup"`` each page once.

    Where the platform cannot map memory twice in a row, the block takes twice its size
    of records, and that is charged.

    After a fork a ring can be used in the parent only: the child would change what the parent
    reads. Views that the child inherits show what the parent writes.

    Examples
    --------
    >>> from bytebound import ByteRing
    >>> ring = ByteRing("64KiB")
    >>> ring.append(b"first"), ring.append(bytearray(b"second"))
    (0, 1)
    >>> ring[-1], ring.get(0), len(ring)
    (b'second', b'first', 2)
    >>> bytes(ring.view(0)[1:3])
    b'ir'
    >>> ring.popleft(), ring.first_seq, ring.next_seq
    (b'first', 1, 2)
    """

    def __init__(self, capacity, *, on_pinned="raise", budget=None, name=None):
        cdef bb_refusal refusal
        cdef bb_status status
        cdef size_t least = bb_byte_ring_least()
        size = parse_size(capacity, "capacity")
        if size < least:
            raise ValueError(f"capacity must be at least {least} bytes, not {size}")
        if on_pinned not in ("raise", "copy"):
            raise ValueError(f'on_pinned must be "raise" or "copy", not {on_pinned!r}')
        self.join_budget(budget, name)
        status = BB_OVER_BUDGET
        while status == BB_OVER_BUDGET:
            status = bb_byte_ring_open(
                &self.ring, size, BB_PINNED_COPY if on_pinned == "copy" else BB_PINNED_RAISE,
                &self.budget.core if self.budget is not None else NULL, &refusal,
            )
            if status == BB_OVER_BUDGET:
                make_room(self, self.budget, &refusal, refusal.requested)
        if status == BB_TOO_LARGE:
            raise ValueError(f"capacity must be at most 1 TiB, not {size} bytes")
        if status == BB_UNSUPPORTED:
            raise NotImplementedError('on_pinned="copy": this platform cannot map memory twice')
        if status != BB_OK:
            raise self.error_of(status, &refusal)
        self.capacity = size // (least // 2) * (least // 2)
        self.on_pinned = on_pinned
        self.enlist()

    # ---- writing ----

    def append(self, record, /):
        """Copy a record in and return its sequence number; the oldest leave as needed.

        Parameters
        ----------
        record : bytes-like
            Any object with a C-contiguous buffer: bytes, bytearray, memoryview, array, NumPy
            array or row of one. Its bytes are copied once.

        Returns
        -------
        int
            One more than the last one's.

        Raises
        ------
        TypeError
            If it is not bytes-like, or consists of references to Python objects.
        BufferError, ValueError
            If its buffer is not contiguous; who exports it says so.
        EntryTooLargeError
            If it could not fit even if everything else left.
        BufferError
            If it would overwrite a record that is viewed (with ``on_pinned="raise"``), or
            views would pass `max_bytes` (with ``"copy"``).
        BudgetExceededError
            If a budget above has no room to set a viewed record aside, and others cannot make
            any.

        Notes
        -----
        Whatever is raised, nothing has changed.
        """
        cdef Py_buffer buffer
        if PyBytes_CheckExact(record):
            return append_bytes(self, PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record))
        PyObject_GetBuffer(record, &buffer, PyBUF_SIMPLE)
        try:
            if buffer.itemsize >= <Py_ssize_t> sizeof(void *) and has_objects(record):
                raise TypeError(
                    f"a record is plain bytes, and {type(record).__name__} has Python objects"
                )
            return append_bytes(self, buffer.buf, buffer.len)
        finally:
            PyBuffer_Release(&buffer)

    def extend(self, records, /):
        """Append each of several records.

        Parameters
        ----------
        records : iterable of bytes-like

        Raises
        ------
        TypeError, BufferError, EntryTooLargeError, BudgetExceededError
            As `append`. The records before the one that is refused are in the ring.

        Examples
        --------
        >>> ring = ByteRing("64KiB")
        >>> ring.extend([b"a", b"bc"])
        >>> list(ring)
        [b'a', b'bc']
        """
        if records is self:
            records = list(records)
        for record in records:
            self.append(record)

    def clear(self):
        """Drop every record; sequence numbers go on. Views stay as they are. O(1).

        Without views, what they took is given back too.
        """
        enter(self)
        bb_byte_ring_clear(&self.ring)
        bb_unlock(&self.mutex)

    # ---- reading ----

    cdef bytes at(self, Py_ssize_t index):
        cdef uint64_t seq = 0
        cdef bytes copy = None
        while copy is None:
            if not self.locate(index, &seq):
                raise IndexError(f"there is no record {index} in a ByteRing of {len(self)}")
            copy = self.copy_of(seq)
        return copy

    cdef list between(self, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step):
        cdef Py_ssize_t i, count
        cdef uint64_t first
        enter(self)
        first = self.ring.first_seq
        count = bb_byte_ring_count(&self.ring)
        bb_unlock(&self.mutex)
        count = PySlice_AdjustIndices(count, &start, &stop, step)
        records = []
        for i in range(count):
            record = self.copy_of(first + <uint64_t> (start + i * step))
            if record is not None:
                records.append(record)
        return records

    def __getitem__(self, index):
        """The record at an index, 0 the oldest and -1 the newest, or a list of those in a slice.

        O(1) for each, and the bytes that are copied. Raises IndexError if there is none. A slice
        leaves out records that other threads make leave meanwhile.
        """
        cdef Py_ssize_t start = 0, stop = 0, step = 0
        if isinstance(index, slice):
            PySlice_Unpack(index, &start, &stop, &step)
            return self.between(start, stop, step)
        return self.at(PyNumber_AsSsize_t(index, IndexError))

    def get(self, seq, /):
        """The record of a sequence number.

        Raises
        ------
        IndexError
            If it has left the ring, or is not written yet. (A LookupError.)

        Notes
        -----
        O(1), and the bytes that are copied.

        Examples
        --------
        >>> ring = ByteRing("64KiB")
        >>> ring.extend([b"a", b"b"])
        >>> ring.popleft(), ring.get(1)
        (b'a', b'b')
        >>> ring.get(0)
        Traceback (most recent call last):
            ...
        IndexError: record 0 has left the ByteRing: the oldest there is has number 1
        """
        number = to_index(seq)
        record = self.copy_of(number) if 0 <= number <= _MAX_SIZE else None
        if record is None:
            raise self._missing(number)
        return record

    def _missing(self, number):
        """Why there is no record of a number."""
        if number < 0:
            return IndexError("sequence numbers start at 0")
        if number >= self.next_seq:
            return IndexError(
                f"record {number} is not written yet: the next one has number {self.next_seq}"
            )
        return IndexError(
            f"record {number} has left the ByteRing: the oldest there is has number "
            f"{self.first_seq}"
        )

    def peek(self):
        """The oldest record; IndexError if there is none."""
        return self.at(0)

    def popleft(self):
        """Remove and return the oldest record; IndexError if there is none."""
        cdef bb_record record
        cdef uint64_t seq = 0
        cdef bytes copy = None
        while True:
            enter(self)
            if bb_byte_ring_count(&self.ring) == 0:
                bb_unlock(&self.mutex)
                raise IndexError("popleft from an empty ByteRing")
            record = bb_byte_ring_find(&self.ring, self.ring.first_seq)
            if copy is not None and seq == self.ring.first_seq:
                memcpy(PyBytes_AS_STRING(copy), record.bytes, record.length)
                bb_byte_ring_pop(&self.ring)
                bb_unlock(&self.mutex)
                return copy
            seq = self.ring.first_seq
            bb_unlock(&self.mutex)
            copy = PyBytes_FromStringAndSize(NULL, record.length)

    cdef object pop_into(self, void *data, Py_ssize_t size):
        cdef bb_record record
        cdef uint64_t seq = 0
        length = None
        while True:
            enter(self)
            if bb_byte_ring_count(&self.ring) == 0:
                bb_unlock(&self.mutex)
                raise IndexError("readinto from an empty ByteRing")
            record = bb_byte_ring_find(&self.ring, self.ring.first_seq)
            if length is not None and seq == self.ring.first_seq:
                memcpy(data, record.bytes, record.length)
                bb_byte_ring_pop(&self.ring)
                bb_unlock(&self.mutex)
                return length
            seq = self.ring.first_seq
            bb_unlock(&self.mutex)
            length = record.length  # made first, lest the record be gone and that fail
            if record.length > <size_t> size:
                raise ValueError(f"the oldest record has {length} bytes, and the buffer {size}")

    def readinto(self, buffer, /):
        """Remove the oldest record and write its bytes to a buffer, without making an object.

        Parameters
        ----------
        buffer : bytes-like
            Any object with a writable C-contiguous buffer; what is beyond the record stays.

        Returns
        -------
        int
            The length of the record.

        Raises
        ------
        IndexError
            If there is no record.
        ValueError
            If the buffer is too short; nothing has changed then.

        Examples
        --------
        >>> ring = ByteRing("64KiB")
        >>> ring.extend([b"abc"])
        >>> buffer = bytearray(5)
        >>> ring.readinto(buffer), buffer
        (3, bytearray(b'abc\\x00\\x00'))
        """
        cdef Py_buffer into
        PyObject_GetBuffer(buffer, &into, PyBUF_WRITABLE)
        try:
            return self.pop_into(into.buf, into.len)
        finally:
            PyBuffer_Release(&into)

    def view(self, index, /):
        """A read-only memoryview of the record at an index, without copying.

        It keeps its bytes, at its address, as long as it lives, also when the record has left
        the ring or the ring was closed. See `on_pinned` on what that means to `append`.

        Raises
        ------
        IndexError
            If there is none.
        BufferError, BudgetExceededError
            With ``on_pinned="copy"``, if there is no room for what looking takes: now and
            then 8 bytes for each page of the block.

        Notes
        -----
        O(1), and O(pages of the record) with ``on_pinned="copy"``.

        Examples
        --------
        >>> ring = ByteRing("64KiB")
        >>> ring.extend([b"abc"])
        >>> with ring.view(-1) as view:
        ...     view[0], view.readonly
        (97, True)
        """
        cdef uint64_t seq = 0
        cdef Py_ssize_t number = PyNumber_AsSsize_t(index, IndexError)
        while True:
            if not self.locate(number, &seq):
                raise IndexError(f"there is no record {number} in a ByteRing of {len(self)}")
            view = self.view_of(seq)
            if view is not None:
                return view

bb_publish(<PyTypeObject *> ByteRing, "bytebound.ByteRing")
