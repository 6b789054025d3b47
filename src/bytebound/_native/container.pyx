# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""What every bounded container has: a name, a bound, a lock, and maybe a budget above it."""

from bytebound._native.budget cimport budget_exceeded
from bytebound._native.core cimport (
    BB_CHANGED,
    BB_OVER_BUDGET,
    bb_budget_read,
    bb_status_text,
)
from bytebound._native.support cimport bb_lock, bb_notify, bb_unlock

from collections import namedtuple


class Audit(namedtuple("Audit", ("charged", "measured", "drift"))):
    """Every entry measured anew; all in bytes.

    Attributes
    ----------
    charged : int
        What the entries were charged when they were put.
    measured : int
        What they measure now. Sizes that were given with ``put(size=)`` count as given.
    drift : int
        ``measured - charged``: how much values grew or shrank since.
    """

    __slots__ = ()


Audit.__module__ = "bytebound"

cdef tuple REASONS = (
    "size", "items", "budget", "trimmed", "expired", "replaced", "deleted", "cleared",
)


cdef int check_callback(callback, str what) except -1:
    if callback is not None and not callable(callback):
        raise TypeError(f"{what} must be callable or None, not {type(callback).__name__}")
    return 0


cdef int report_departure(callback, PyObject *item, bb_reason reason) except -1:
    cdef PyObject *arguments[2]
    arguments[0] = item
    arguments[1] = <PyObject *> (<tuple> REASONS)[<Py_ssize_t> reason]
    bb_notify(<PyObject *> callback, arguments, 2)
    return 0


cdef int set_attributes(cache, state) except -1:
    """Restore what a subclass's own state, as object.__getstate__ gives it, says."""
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        setattr(cache, name, value)
    return 0


cdef class BoundedContainer(Member):
    """A container with a bound in bytes."""

    cdef int join_budget(self, budget, name) except -1:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, not {type(name).__name__}")
        if budget is not None and not isinstance(budget, Budget):
            raise TypeError(f"budget must be a Budget or None, not {type(budget).__name__}")
        if self.ready:
            raise RuntimeError(
                f"this {type(self).__name__} is initialised already; make another one instead"
            )
        self.ready = True
        self.budget = budget
        self.name = name
        return 0

    cdef int enlist(self) except -1:
        if self.budget is not None:
            self.budget.enlist(self)
        return 0

    cdef int check_ready(self) except -1:
        if not self.ready:
            raise RuntimeError(f"{type(self).__name__} was not initialised: call its __init__")
        return 0

    cdef bb_budget_totals totals(self):
        cdef bb_budget_totals totals = bb_budget_totals(0, 0, 0)
        bb_lock(&self.mutex)
        if self.own != NULL:  # it is of a class that has a structure
            totals = bb_budget_read(self.own)
        bb_unlock(&self.mutex)
        return totals

    cdef object error_of(self, bb_status status, const bb_refusal *refusal):
        if status == BB_OVER_BUDGET:
            return budget_exceeded(self.budget, refusal)
        if status == BB_CHANGED:
            return RuntimeError(
                f"an entry entered or left the {type(self).__name__} during iteration"
            )
        return MemoryError(bb_status_text(status).decode())

    @property
    def max_bytes(self):
        """int: The bound, in bytes."""
        return self.totals().limit

    @property
    def nbytes(self):
        """int: Bytes charged now; never above `max_bytes`.

        `payload_nbytes`, and `overhead_nbytes` where overhead is charged.
        """
        return self.totals().total

    @property
    def peak_nbytes(self):
        """int: The most `nbytes` has been, since `reset_stats`."""
        return self.totals().peak
