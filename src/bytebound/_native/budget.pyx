# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, boundscheck=False, wraparound=False
"""One limit over several containers."""

cimport cython
from cpython.object cimport PyTypeObject

from bytebound._native.core cimport (
    bb_budget_close,
    bb_budget_init,
    bb_budget_read,
    bb_budget_reset_peak,
    bb_budget_totals,
    bb_budget_validate,
)

from bytebound._native.errors import BudgetExceededError
from bytebound._native.units import parse_size


cdef extern from "support.h":
    void bb_publish(PyTypeObject *, const char *)


# Containers hold a pointer to `core`; the collector must not take a parent away before
# everything below it is gone. The trash can frees a long chain of parents without recursion.
@cython.no_gc_clear
@cython.trashcan(True)
@cython.final
cdef class Budget:
    """Budget(max_bytes, *, parent=None, name=None)
--

    A bound on the bytes of several containers together.

    Containers join with ``budget=``. Whatever they charge goes up through every parent, or
    happens nowhere. A container for which a level has no room evicts entries of its own; if
    that is not enough, it raises `BudgetExceededError` and nothing changes.

    Parameters
    ----------
    max_bytes : int or str
        The bound, in bytes or as text such as ``"64MiB"``.
    parent : Budget, optional
        A budget that everything charged here is charged to as well.
    name : str, optional
        What errors and representations call it.

    Notes
    -----
    Safe to use from several threads, with and without the GIL; the bound is never passed
    whatever they do. A charge costs O(depth).

    A budget belongs to the running process: it cannot be pickled, and copies of a container
    share it.

    Examples
    --------
    >>> from bytebound import Budget, LRUCache
    >>> budget = Budget("1MiB", name="all")
    >>> results, pages = LRUCache("1MiB", budget=budget), LRUCache("1MiB", budget=budget)
    >>> results["answer"] = "forty-two"
    >>> pages["index"] = "<html>"
    >>> budget.nbytes == results.nbytes + pages.nbytes
    True
    """

    def __cinit__(self, max_bytes, *, Budget parent=None, name=None):
        limit = parse_size(max_bytes)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, not {type(name).__name__}")
        self.parent = parent
        self.name = name
        bb_budget_init(&self.core, limit, &parent.core if parent is not None else NULL, True)

    def __dealloc__(self):
        if self.core.root != NULL:  # it was not refused its arguments
            bb_budget_close(&self.core)

    @property
    def max_bytes(self):
        """int: The bound, in bytes."""
        return bb_budget_read(&self.core).limit

    @property
    def nbytes(self):
        """int: Bytes charged now by everything below."""
        return bb_budget_read(&self.core).total

    @property
    def peak_nbytes(self):
        """int: The most that was ever charged at once, since `reset_peak`."""
        return bb_budget_read(&self.core).peak

    def reset_peak(self):
        """Start `peak_nbytes` anew from what is charged now."""
        bb_budget_reset_peak(&self.core)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TypeError(
            "a Budget cannot be pickled: it is shared by the live containers of one process"
        )

    def __repr__(self):
        cdef bb_budget_totals totals = bb_budget_read(&self.core)
        name = "" if self.name is None else f" {self.name!r}"
        return f"<Budget{name}: {totals.total:,} of {totals.limit:,} bytes>"

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        if not bb_budget_validate(&self.core, &reason):
            raise AssertionError((<bytes>reason).decode())


bb_publish(<PyTypeObject *> Budget, "bytebound.Budget")


cdef object budget_exceeded(Budget nearest, const bb_refusal *refusal):
    cdef Budget level = nearest
    while level is not None and &level.core != refusal.level:
        level = level.parent
    name = "" if level is None or level.name is None else f" {level.name!r}"
    return BudgetExceededError(
        f"budget{name} has no room for {refusal.requested} more bytes: "
        f"{refusal.total} of max_bytes={refusal.limit} are in use",
        refusal.requested,
        refusal.limit - min(refusal.limit, refusal.total),
        refusal.limit,
    )
