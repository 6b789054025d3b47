# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What a ring of records does besides taking and giving them: views, copies, refusals, counters."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromObject
from libc.string cimport memcpy, memset

from bytebound._native.budget cimport make_room
from bytebound._native.core cimport (
    BB_OK,
    BB_OVER_BUDGET,
    BB_PINNED,
    BB_TOO_LARGE,
    BB_TOO_MANY,
    bb_budget_read,
    bb_budget_totals,
    bb_byte_ring_aside,
    bb_byte_ring_close,
    bb_byte_ring_count,
    bb_byte_ring_counters,
    bb_byte_ring_find,
    bb_byte_ring_init,
    bb_byte_ring_longest,
    bb_byte_ring_unview,
    bb_byte_ring_validate,
    bb_byte_ring_view,
    bb_record,
    bb_system_mirrors,
)
from bytebound._native.support cimport bb_lock, bb_python_allocator, bb_unlock

from collections import namedtuple

from bytebound._native.errors import EntryTooLargeError


class ByteRingStats(namedtuple("ByteRingStats", (
    "items", "appends", "evictions", "set_aside", "views", "nbytes", "payload_nbytes",
    "overhead_nbytes", "pinned_nbytes", "peak_nbytes", "max_bytes",
))):
    """What a ByteRing has done and what it holds; sizes in bytes.

    Attributes
    ----------
    items : int
        Records in the ring.
    appends, set_aside : int
        Records appended, and overwritten while they were viewed.
    evictions : dict of str to int
        Records dropped by reason, which is always ``"size"``: to make room in the block.
    views : int
        Views alive.
    nbytes, payload_nbytes, overhead_nbytes, pinned_nbytes, peak_nbytes, max_bytes : int
        As the ring's attributes of those names.
    """

    __slots__ = ()


ByteRingStats.__module__ = "bytebound"


@cython.no_gc_clear
cdef class ByteRingBase(MappedRing):
    """A ring of records: views, copies, refusals, counters."""

    def __cinit__(self, *args, **kwargs):
        bb_byte_ring_init(&self.ring, bb_python_allocator(), &bb_system_mirrors)
        self.own = &self.ring.budget
        self.is_closed = &self.ring.closed

    def __dealloc__(self):
        bb_byte_ring_close(&self.ring)

    cdef void close_core(self) noexcept:
        bb_byte_ring_close(&self.ring)

    cdef bint check_core(self, const char **reason) noexcept:
        return bb_byte_ring_validate(&self.ring, reason)

    cdef void look_away(self, MappedView view) noexcept:
        bb_byte_ring_unview(&self.ring, &(<_RecordView> view).view)

    cdef int refuse(self, bb_status status, const bb_refusal *refusal, Py_ssize_t length) except -1:
        """Raise for a status, unless others under the budget made room to try again."""
        if status == BB_OVER_BUDGET:
            return make_room(self, self.budget, refusal, refusal.requested)
        if status == BB_PINNED:
            raise BufferError(
                f"record {self.ring.blocker} would be overwritten while views of it are alive: "
                'release them, or make the ring with on_pinned="copy"'
            )
        if status == BB_TOO_MANY:
            raise BufferError("too many views of one ByteRing are alive")
        if status == BB_TOO_LARGE and refusal.level == NULL:
            raise EntryTooLargeError(
                f"a record of {length} bytes cannot fit into capacity={self.capacity}: the longest "
                f"has {bb_byte_ring_longest(&self.ring)}",
                length, self.capacity,
            )
        if status == BB_TOO_LARGE:
            raise BufferError(
                f"views need {refusal.requested} more bytes beside the block, and {refusal.total} "
                f"of max_bytes={refusal.limit} are in use: release some"
            )
        raise self.error_of(status, refusal)

    cdef bytes copy_of(self, uint64_t seq):
        """A record, or None if it is not there (any more)."""
        cdef bb_record record
        cdef bytes copy
        enter(self)
        if seq < self.ring.first_seq or seq >= self.ring.next_seq:
            bb_unlock(&self.mutex)
            return None
        record = bb_byte_ring_find(&self.ring, seq)
        bb_unlock(&self.mutex)
        # No Python allocation happens under the lock, so the record may be gone after it.
        copy = PyBytes_FromStringAndSize(NULL, record.length)
        bb_lock(&self.mutex)
        if not bb_byte_ring_is_usable(&self.ring) or seq < self.ring.first_seq:
            bb_unlock(&self.mutex)
            return None
        record = bb_byte_ring_find(&self.ring, seq)
        memcpy(PyBytes_AS_STRING(copy), record.bytes, record.length)
        bb_unlock(&self.mutex)
        return copy

    cdef bint locate(self, Py_ssize_t index, uint64_t *seq) except -1:
        """The sequence number at an index, if there is one."""
        cdef uint64_t count
        cdef bint there
        enter(self)
        count = bb_byte_ring_count(&self.ring)
        if index < 0:
            there = <uint64_t> -(index + 1) < count
            seq[0] = self.ring.next_seq - <uint64_t> -(index + 1) - 1
        else:
            there = <uint64_t> index < count
            seq[0] = self.ring.first_seq + <uint64_t> index
        bb_unlock(&self.mutex)
        return there

    cdef object view_of(self, uint64_t seq):
        """A view of a record, or None if it is not there any more."""
        cdef _RecordView view = _RecordView.__new__(_RecordView)
        cdef bb_refusal refusal
        cdef bb_status status
        while True:
            enter(self)
            if seq < self.ring.first_seq:
                bb_unlock(&self.mutex)
                return None
            status = bb_byte_ring_view(&self.ring, seq, &view.view, &refusal)
            bb_unlock(&self.mutex)
            if status == BB_OK:
                break
            self.refuse(status, &refusal, 0)
        view.start = view.view.record.bytes
        view.nbytes = view.view.record.length
        view.ring = self
        return PyMemoryView_FromObject(view)

    def __iter__(self):
        cdef _ByteRingIterator iterator = _ByteRingIterator.__new__(_ByteRingIterator)
        iterator.ring = self
        enter(self)
        iterator.first = iterator.following = self.ring.first_seq
        iterator.last = self.ring.next_seq
        bb_unlock(&self.mutex)
        return iterator

    def __len__(self):
        cdef uint64_t count
        bb_lock(&self.mutex)
        count = bb_byte_ring_count(&self.ring)
        bb_unlock(&self.mutex)
        return count

    # ---- what it takes ----

    @property
    def first_seq(self):
        """int: The sequence number of the oldest record; `next_seq` if there is none."""
        cdef uint64_t seq
        bb_lock(&self.mutex)
        seq = self.ring.first_seq
        bb_unlock(&self.mutex)
        return seq

    @property
    def next_seq(self):
        """int: The sequence number that the next record gets: how many there ever were."""
        cdef uint64_t seq
        bb_lock(&self.mutex)
        seq = self.ring.next_seq
        bb_unlock(&self.mutex)
        return seq

    @property
    def payload_nbytes(self):
        """int: The lengths of the records in the ring, together."""
        cdef uint64_t payload
        bb_lock(&self.mutex)
        payload = self.ring.payload
        bb_unlock(&self.mutex)
        return payload

    @property
    def pinned_nbytes(self):
        """int: Bytes charged for views beside the block; a part of `overhead_nbytes`.

        Pages that are set aside, and a table or more of 8 bytes for each page of the block. The
        last table stays when the last view dies, for the next one; `clear` without views
        and `close` give it back. 0 with ``on_pinned="raise"``: views look at the block then.
        """
        cdef uint64_t aside
        bb_lock(&self.mutex)
        aside = bb_byte_ring_aside(&self.ring)
        bb_unlock(&self.mutex)
        return aside

    def stats(self):
        """What the ring has done and holds, at one instant.

        Returns
        -------
        ByteRingStats
        """
        cdef bb_byte_ring_counters counters
        cdef bb_budget_totals totals
        cdef uint64_t count, payload, aside, views
        bb_lock(&self.mutex)
        counters = self.ring.counters
        totals = bb_budget_read(&self.ring.budget)
        count = bb_byte_ring_count(&self.ring)
        payload = self.ring.payload
        aside = bb_byte_ring_aside(&self.ring)
        views = self.ring.views
        bb_unlock(&self.mutex)
        return ByteRingStats(
            items=count,
            appends=counters.appends,
            evictions={"size": counters.evictions},
            set_aside=counters.set_aside,
            views=views,
            nbytes=totals.total,
            payload_nbytes=payload,
            overhead_nbytes=totals.total - payload,
            pinned_nbytes=aside,
            peak_nbytes=totals.peak,
            max_bytes=totals.limit,
        )

    def reset_stats(self):
        """Set every counter to zero and `peak_nbytes` to what is charged now."""
        cdef bb_byte_ring_counters none
        memset(&none, 0, sizeof(none))
        bb_lock(&self.mutex)
        self.ring.counters = none
        bb_unlock(&self.mutex)
        MappedRing.reset_stats(self)

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        state = "closed" if self.closed else f"{len(self):,} records, {self.payload_nbytes:,} bytes"
        return f"<{type(self).__name__}{name}: {state}, in {self.nbytes:,} of {self.max_bytes:,}>"


@cython.no_gc_clear
@cython.final
cdef class _RecordView(MappedView):
    """What a memoryview of a record holds."""


@cython.final
cdef class _ByteRingIterator:
    """From the oldest record to the newest; raises RuntimeError once the ring has changed."""

    def __iter__(self):
        return self

    def __next__(self):
        cdef ByteRingBase ring = self.ring
        cdef bytes copy
        cdef uint64_t seq
        cdef bint changed
        if self.following == self.last:
            raise StopIteration
        enter(ring)
        seq = self.following
        changed = self.first != ring.ring.first_seq or self.last != ring.ring.next_seq
        self.following = self.last if changed else seq + 1
        bb_unlock(&ring.mutex)
        copy = None if changed else ring.copy_of(seq)
        if copy is None:
            raise RuntimeError("the ByteRing changed during iteration")
        return copy
