from libc.stdint cimport int64_t, uint64_t

from bytebound._native.core cimport bb_budget, bb_refusal


# What a member offers to give up for others.
cdef struct Nomination:
    uint64_t use    # when the entry was used, by the clock of the tree
    uint64_t rival  # when that of the next best member was: it comes next
    uint64_t spare  # the most bytes that may leave, for the sake of every min_bytes on the way


# What a budget is charged by: containers, reservations, and budgets in turn.
cdef class Member:
    cdef readonly object name
    cdef int64_t rank  # the priority: the least gives first
    cdef object __weakref__

    # How much of `spare` may leave this member.
    cdef uint64_t spare_of(self, uint64_t spare) noexcept
    # The container below whose entry is to leave next, or None.
    cdef Member nominate(self, uint64_t spare, Nomination *nomination)
    # About how many bytes could leave; none that may not.
    cdef uint64_t reclaimable(self, uint64_t spare) except? 0xFFFFFFFFFFFFFFFF
    # Lets it evict, for any level's sake, entries of its own that were used at `until` or before.
    # 1 if that was otherwise.
    cdef int let_yield(self, uint64_t until) except -1
    # Has the oldest entries leave that were used at `until` or before, until `need` bytes are
    # given back, and no more than `spare`. Returns the bytes. Called with no lock held.
    cdef uint64_t reclaim(
        self, uint64_t need, uint64_t until, uint64_t spare
    ) except? 0xFFFFFFFFFFFFFFFF


cdef class Budget(Member):
    cdef bb_budget core
    cdef readonly Budget parent
    cdef uint64_t least  # min_bytes
    cdef dict members    # weak references by their ids
    cdef tuple roster    # the same in a row, made when it is asked for; None once that changed
    cdef int depth
    cdef bint ranked     # at the root: some member has a priority or a min_bytes

    cdef int enlist(self, Member member) except -1
    cdef tuple listed(self)
    cdef list alive(self)
    cdef int forbid_yielding(self) except -1
    cdef bint reclaim_down_to(self, uint64_t target) except -1


cdef class Reservation(Member):
    cdef bb_budget core
    cdef uint64_t size
    cdef bint released
    cdef readonly Budget budget


# Raises BudgetExceededError if `least` bytes would not fit at every level though everybody gave
# back all they can.
cdef int check_room(Budget nearest, const bb_refusal *refusal, uint64_t least) except -1

# Has members give back what the level lacked, so that the `asker` may try again; raises as
# check_room, before anything has changed. Called with no lock held; runs callbacks.
cdef int make_room(
    Member asker, Budget nearest, const bb_refusal *refusal, uint64_t least
) except -1

# The exception for a level above a container that had no room.
cdef object budget_exceeded(Budget nearest, const bb_refusal *refusal)
