# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""A container whose oldest entries leave, for its own bound's sake or for others under a budget.

Entries leave in batches: under the lock they are taken out and released, and without it whoever
wants to know is told. Callbacks may do anything, so each batch looks at the container anew.
"""

from libc.stdint cimport int64_t, uint64_t

from bytebound._native.budget cimport Member, Nomination
from bytebound._native.core cimport BB_BATCH_INLINE, bb_batch, bb_batch_init, bb_budget_read
from bytebound._native.support cimport bb_lock, bb_unlock


cdef class EvictingContainer(BoundedContainer):
    cdef bint offer(self, uint64_t *use, uint64_t *releasable) noexcept:
        return False

    cdef uint64_t held_back(self) noexcept:
        return 0

    cdef uint64_t give(
        self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    ) noexcept:
        return 0

    cdef bint trim_some(self, uint64_t target, bb_batch *batch) noexcept:
        return True

    cdef void unlock(self) noexcept:
        bb_unlock(&self.mutex)

    cdef int drop_batch(self, bb_batch *batch) except -1:
        return 0

    cdef Member nominate(self, uint64_t spare, Nomination *nomination):
        cdef uint64_t releasable
        cdef bint there
        bb_lock(&self.mutex)
        there = self.offer(&nomination.use, &releasable)
        self.unlock()
        nomination.spare = spare
        return self if there and releasable <= spare else None

    cdef uint64_t reclaimable(self, uint64_t spare) except? 0xFFFFFFFFFFFFFFFF:
        cdef uint64_t held_back, total, use
        cdef uint64_t releasable = 0
        cdef bint there
        if self.yields_until == NULL:
            return 0
        bb_lock(&self.mutex)
        held_back = self.held_back()
        total = bb_budget_read(self.own).total
        there = self.offer(&use, &releasable)
        self.unlock()
        if not there or releasable > spare:  # the oldest stays, and what is newer
            return 0
        return min(total - min(total, held_back), spare)

    cdef int let_yield(self, uint64_t until) except -1:
        cdef uint64_t before
        if self.yields_until == NULL:
            return 0
        bb_lock(&self.mutex)
        before = self.yields_until[0]
        self.yields_until[0] = until
        self.unlock()
        return before != until

    cdef uint64_t reclaim(
        self, uint64_t need, uint64_t until, uint64_t spare
    ) except? 0xFFFFFFFFFFFFFFFF:
        cdef bb_batch batch
        cdef uint64_t freed = 0
        cdef bint more = True
        while more and freed < need:
            bb_batch_init(&batch)
            bb_lock(&self.mutex)
            freed += self.give(need - freed, until, spare - freed, &batch)
            self.unlock()
            more = batch.count == BB_BATCH_INLINE and freed < spare
            self.drop_batch(&batch)
        return freed

    cdef uint64_t trim_to(self, uint64_t target, int64_t most) except? 0xFFFFFFFFFFFFFFFF:
        cdef bb_batch batch
        cdef uint64_t before, freed = 0
        cdef bint done = False
        while not done and most >= 0:
            bb_batch_init(&batch)
            bb_lock(&self.mutex)
            before = bb_budget_read(self.own).total
            done = self.trim_some(target, &batch)
            freed += before - bb_budget_read(self.own).total
            self.unlock()
            most -= batch.count
            self.drop_batch(&batch)
        return freed
