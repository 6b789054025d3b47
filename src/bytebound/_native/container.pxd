from cpython.object cimport PyObject

from bytebound._native.budget cimport Budget, Member
from bytebound._native.core cimport bb_budget, bb_budget_totals, bb_reason, bb_refusal, bb_status
from bytebound._native.support cimport bb_mutex


cdef class BoundedContainer(Member):
    cdef bb_mutex mutex
    # The container's own budget, inside its native structure: set by the __cinit__ of the subclass.
    cdef bb_budget *own
    cdef bint ready
    cdef readonly Budget budget

    # Takes a name and a budget to charge to, once; checks both first.
    cdef int join_budget(self, budget, name) except -1
    # Lets the budget know of it, when its native structure is as it is to be.
    cdef int enlist(self) except -1
    cdef int check_ready(self) except -1
    cdef bb_budget_totals totals(self)
    # The exception for a status other than BB_OK and BB_TOO_LARGE.
    cdef object error_of(self, bb_status status, const bb_refusal *refusal)


cdef int check_callback(callback, str what) except -1
# Restores what a subclass's own state, as object.__getstate__ gives it, says.
cdef int set_attributes(container, state) except -1
# Tells a callback of an item that left.
cdef int report_departure(callback, PyObject *item, bb_reason reason) except -1
# The words that callbacks and stats() have for a bb_reason, by its number.
cdef tuple REASONS
