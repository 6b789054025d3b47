# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""One limit over several containers: who is charged, and who gives back when there is no room."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport UINT64_MAX

from bytebound._native.core cimport (
    BB_OK,
    BB_UNLIMITED,
    bb_budget_close,
    bb_budget_exchange,
    bb_budget_init,
    bb_budget_now,
    bb_budget_read,
    bb_budget_release,
    bb_budget_reset_peak,
    bb_budget_limit_if_it_fits,
    bb_budget_totals,
    bb_budget_validate,
)

from bytebound._native.sizing cimport register_container, visitproc

from operator import index as to_index
from weakref import ref as weak_reference

from bytebound._native.errors import BudgetExceededError
from bytebound._native.report import headlines, report_on
from bytebound._native.units import parse_size


cdef extern from "support.h":
    PyObject *bb_referent(PyObject *reference)
    object bb_steal(PyObject *object)
    void bb_publish(PyTypeObject *, const char *)


# How often reclaiming goes on although other threads took what was given back.
cdef enum:
    MAX_ROUNDS = 1000

# Reclaiming goes down the tree by recursion.
cdef enum:
    MAX_DEPTH = 100


cdef class Member:
    cdef uint64_t spare_of(self, uint64_t spare) noexcept:
        return spare

    cdef Member nominate(self, uint64_t spare, Nomination *nomination):
        return None

    cdef uint64_t reclaimable(self, uint64_t spare) except? 0xFFFFFFFFFFFFFFFF:
        return 0

    cdef int let_yield(self, uint64_t until) except -1:
        return 0

    cdef uint64_t reclaim(
        self, uint64_t need, uint64_t until, uint64_t spare
    ) except? 0xFFFFFFFFFFFFFFFF:
        return 0


cdef inline Member referent(reference):
    cdef PyObject *member = bb_referent(<PyObject *> reference)
    return None if member == NULL else bb_steal(member)


# Containers hold a pointer to `core`; the collector must not take a parent away before
# everything below it is gone. The trash can frees a chain of parents without recursion.
@cython.no_gc_clear
@cython.trashcan(True)
@cython.final
cdef class Budget(Member):
    """Budget(max_bytes, *, parent=None, name=None, min_bytes=0, priority=0)
--

    A bound on the bytes of several containers together.

    Containers join with ``budget=``, and budgets with ``parent=`` or `child`, so that they form
    a tree. Whatever is charged goes up through every parent, or happens nowhere. Where a level
    has no room, the members of that level give back first: those of the lowest `priority`, and
    among equals the entry that was used longest ago, whichever container holds it. If that
    cannot be enough, `BudgetExceededError` says who holds what, and nothing has changed.

    Parameters
    ----------
    max_bytes : int, str or None
        The bound, in bytes or as text such as ``"64MiB"``. None only with a parent: then those
        above hold.
    parent : Budget, optional
        A budget that everything charged here is charged to as well.
    name : str, optional
        What errors, reports and representations call it.
    min_bytes : int or str, default 0
        What its containers keep when others of the parent need room: reclaiming never brings
        `nbytes` below it.
    priority : int, default 0
        Among the members of the parent, those of the lowest priority give back first. Containers
        that join a budget directly have 0.

    Raises
    ------
    TypeError, ValueError
        For an argument that is none, or `min_bytes` above `max_bytes`.

    Notes
    -----
    Safe to use from several threads, with and without the GIL; the bound is never passed
    whatever they do. A charge costs O(depth). Reclaiming costs O(members) beside the entries that
    leave, and takes no two locks at once; callbacks get reason ``"budget"`` and may use any
    container. What has no entries to give (queues, rings of fixed size, blocks in use, what a
    tracker counts, reservations) is charged but never asked.

    When an entry was used is known to the charge: of entries that were used with no charge
    anywhere in the tree between, any may leave first; of a `RingBuffer` to a part of its length.
    An entry too large for what `min_bytes` leaves free stays, and so does what is newer in
    that container; where that shows only after others have left, a refusal comes after it.
    Entries whose time is up count as what they are until they leave. Two containers whose
    callbacks put into each other what left may do so without end.

    Members are held weakly: a container that dies gives its bytes back. A budget belongs to the
    running process: it cannot be pickled, and copies of a container share it.

    Examples
    --------
    >>> from bytebound import Budget, LRUCache
    >>> budget = Budget("1MiB", name="all")
    >>> results = LRUCache("1MiB", budget=budget)
    >>> pages = LRUCache("1MiB", budget=budget.child("pages", min_bytes="64KiB", priority=1))
    >>> results["answer"] = "forty-two"
    >>> pages["index"] = "<html>"
    >>> budget.nbytes == results.nbytes + pages.nbytes
    True
    """

    def __cinit__(
        self, max_bytes, *, Budget parent=None, name=None, min_bytes=0, priority=0
    ):
        unbounded = max_bytes is None and parent is not None
        limit = BB_UNLIMITED if unbounded else parse_size(max_bytes)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, not {type(name).__name__}")
        least = parse_size(min_bytes, "min_bytes")
        if least > limit:
            raise ValueError(f"min_bytes={least} is above max_bytes={limit}")
        try:
            self.rank = to_index(priority)
        except TypeError:
            raise TypeError(
                f"priority must be an int, not {type(priority).__name__}: {priority!r}"
            ) from None
        except OverflowError:
            raise ValueError(f"priority must fit into 64 bits, and is {priority}") from None
        self.least = least
        if parent is not None and parent.depth == MAX_DEPTH:
            raise ValueError(f"budgets may be nested {MAX_DEPTH} deep, no deeper")
        self.depth = 1 if parent is None else parent.depth + 1
        self.parent = parent
        self.name = name
        self.members = {}
        bb_budget_init(&self.core, limit, &parent.core if parent is not None else NULL, True)
        if parent is not None:
            parent.enlist(self)
            if self.rank != 0 or self.least != 0:
                root_of(parent).forbid_yielding()

    def __dealloc__(self):
        bb_budget_close(&self.core)

    @classmethod
    def from_system(cls, fraction=0.5, *, name=None):
        """A budget of a share of the memory that the process may use.

        Parameters
        ----------
        fraction : float, default 0.5
            Of `memory_limit`: the control groups' limit, else physical memory.
        name : str, optional

        Raises
        ------
        TypeError, ValueError
            If `fraction` is not above 0 and at most 1.

        Examples
        --------
        >>> Budget.from_system(0.25).max_bytes <= memory_limit().nbytes // 4
        True
        """
        from bytebound.system import share_of_limit
        return cls(share_of_limit(fraction), name=name)

    # ---- members ----

    cdef int enlist(self, Member member) except -1:
        cdef object reference = weak_reference(member)
        cdef Py_ssize_t count = len(self.members)
        if count >= 16 and count & (count - 1) == 0:  # now and then: amortised
            for dead in self.listed():
                if referent(dead) is None:
                    self.members.pop(id(dead), None)
        with cython.critical_section(self):
            self.members[id(reference)] = reference
            self.roster = None
        return 0

    cdef tuple listed(self):
        """The weak references of all members, alive or not."""
        cdef tuple roster
        with cython.critical_section(self):
            if self.roster is None:
                # Of a copy: another thread may strike out the dead meanwhile.
                self.roster = tuple(self.members.copy().values())
            roster = self.roster
        return roster

    cdef list alive(self):
        """The members there are now, held."""
        cdef list members = []
        cdef Member member
        for reference in self.listed():
            member = referent(reference)
            if member is not None:
                members.append(member)
        return members

    def child(self, name=None, max_bytes=None, min_bytes=0, priority=0):
        """A budget below this one.

        Parameters
        ----------
        name : str, optional
        max_bytes : int or str, optional
            A bound of its own; without one only this budget's holds.
        min_bytes, priority
            See `Budget`.

        Returns
        -------
        Budget

        Examples
        --------
        >>> root = Budget("1GiB", name="agent")
        >>> root.child("tools", max_bytes="64MiB").parent is root
        True
        """
        return Budget(
            max_bytes, parent=self, name=name, min_bytes=min_bytes, priority=priority
        )

    def reserve(self, nbytes, *, name=None):
        """Charge for memory that is kept elsewhere: a model's weights, a library's buffers.

        Parameters
        ----------
        nbytes : int or str
            Bytes.
        name : str, optional
            What reports call it.

        Returns
        -------
        Reservation
            Charged until its `release`, the end of its ``with`` block, or its death.

        Raises
        ------
        BudgetExceededError
            If a level has no room for it, and its members cannot give back enough.

        Examples
        --------
        >>> budget = Budget("1MiB")
        >>> with budget.reserve("256KiB", name="weights"):
        ...     budget.nbytes
        262144
        >>> budget.nbytes
        0
        """
        return Reservation(self, nbytes, name)

    # ---- reclaiming ----

    cdef uint64_t spare_of(self, uint64_t spare) noexcept:
        cdef uint64_t total = bb_budget_read(&self.core).total
        return min(spare, total - self.least if total > self.least else 0)

    cdef uint64_t reclaimable(self, uint64_t spare) except? 0xFFFFFFFFFFFFFFFF:
        cdef uint64_t total = 0
        cdef Member member
        for member in self.alive():
            total += member.reclaimable(member.spare_of(spare))
        return min(total, spare)

    cdef Member nominate(self, uint64_t spare, Nomination *nomination):
        cdef Nomination offered
        cdef Member member, offering, chosen = None
        cdef int64_t rank = 0
        for reference in self.listed():
            member = referent(reference)
            if member is None or (chosen is not None and member.rank > rank):
                continue
            offered.rival = UINT64_MAX
            offering = member.nominate(member.spare_of(spare), &offered)
            if offering is None:
                continue
            if chosen is None or member.rank < rank:
                nomination[0] = offered
                chosen = offering
                rank = member.rank
            elif offered.use < nomination.use:
                offered.rival = min(offered.rival, nomination.use)
                nomination[0] = offered
                chosen = offering
            else:
                nomination.rival = min(nomination.rival, offered.use)
        return chosen

    cdef int forbid_yielding(self) except -1:
        """From now on only the whole tree tells who is next, not a use alone."""
        self.ranked = True
        return self.let_yield(0)

    cdef int let_yield(self, uint64_t until) except -1:
        for member in self.alive():
            (<Member> member).let_yield(until)
        return 0

    cdef bint reclaim_down_to(self, uint64_t target) except -1:
        """Have members give back until the total is at most `target`; whether it ever was."""
        cdef Nomination nomination
        cdef Member chosen
        cdef uint64_t total = bb_budget_read(&self.core).total
        cdef int idle = 0
        while total > target and idle < MAX_ROUNDS:
            nomination.rival = UINT64_MAX
            chosen = self.nominate(UINT64_MAX, &nomination)
            if chosen is None:
                return bb_budget_read(&self.core).total <= target
            idle += 1
            if chosen.reclaim(total - target, nomination.rival, nomination.spare) != 0:
                idle = 0
            total = bb_budget_read(&self.core).total
        return total <= target

    def trim(self, target_bytes=0):
        """Have members give back, the entries used longest ago first.

        Parameters
        ----------
        target_bytes : int or str, default 0
            The total to come down to, as far as `min_bytes` of members and what they cannot give
            allow.

        Returns
        -------
        int
            Bytes given back.
        """
        target = parse_size(target_bytes, "target_bytes")
        before = self.nbytes
        self.reclaim_down_to(max(target, self.least))
        return max(0, before - self.nbytes)

    def resize(self, max_bytes):
        """Change the bound; what no longer fits leaves at once.

        Raises
        ------
        TypeError, ValueError
            For a bound that is none, or one below `min_bytes`.
        BudgetExceededError
            If the members cannot give back enough; then nothing has changed.
        """
        cdef uint64_t limit = parse_size(max_bytes)
        cdef uint64_t total
        cdef bb_refusal refusal
        if limit < self.least:
            raise ValueError(f"max_bytes={limit} is below min_bytes={self.least}")
        for _ in range(MAX_ROUNDS):  # others may take at once what was given back
            if bb_budget_limit_if_it_fits(&self.core, limit):
                return
            total = bb_budget_read(&self.core).total
            if total > limit and self.reclaimable(UINT64_MAX) < total - limit:
                break
            if not self.reclaim_down_to(limit):
                break
        refusal.level = &self.core
        refusal.limit = limit
        refusal.total = bb_budget_read(&self.core).total
        refusal.requested = 0
        raise budget_exceeded(self, &refusal)

    # ---- what it holds ----

    @property
    def max_bytes(self):
        """int or None: The bound, in bytes; None where only those above hold."""
        cdef uint64_t limit = bb_budget_read(&self.core).limit
        return None if limit == BB_UNLIMITED else limit

    @property
    def min_bytes(self):
        """int: Bytes that reclaiming for others leaves here."""
        return self.least

    @property
    def priority(self):
        """int: The lowest among the members of a budget gives back first."""
        return self.rank

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

    def report(self):
        """What everything below holds, as data that prints as a table.

        Returns
        -------
        BudgetReport

        Examples
        --------
        >>> budget = Budget("1MiB", name="agent")
        >>> tools = budget.child("tools", max_bytes="256KiB")
        >>> report = budget.report()
        >>> report.name, report.nbytes, [member.name for member in report.members]
        ('agent', 0, ['tools'])
        """
        return report_on(self)

    def _members(self):
        """The members alive, for reports."""
        return self.alive()

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
        bound = "" if totals.limit == BB_UNLIMITED else f" of {totals.limit:,}"
        return f"<Budget{name}: {totals.total:,}{bound} bytes>"

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        if not bb_budget_validate(&self.core, &reason):
            raise AssertionError((<bytes>reason).decode())


@cython.no_gc_clear
@cython.final
cdef class Reservation(Member):
    """Bytes charged for memory that is kept elsewhere; see `Budget.reserve`.

    A context manager. Safe to use from several threads.
    """

    def __cinit__(self, Budget budget not None, nbytes, name):
        cdef bb_refusal refusal
        cdef uint64_t size = parse_size(nbytes, "nbytes")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, not {type(name).__name__}")
        self.name = name
        self.budget = budget
        bb_budget_init(&self.core, BB_UNLIMITED, &budget.core, False)
        while bb_budget_exchange(&self.core, 0, size, &refusal) != BB_OK:
            make_room(self, budget, &refusal, size)
        self.size = size
        budget.enlist(self)

    def __dealloc__(self):
        bb_budget_close(&self.core)

    @property
    def nbytes(self):
        """int: Bytes charged; 0 once released."""
        return bb_budget_read(&self.core).total

    def release(self):
        """Give the bytes back; again is nothing."""
        cdef uint64_t size
        with cython.critical_section(self):
            size = self.size
            self.size = 0
            self.released = True
        bb_budget_release(&self.core, size)

    def __enter__(self):
        if self.released:
            raise RuntimeError("this Reservation was released: reserve anew")
        return self

    def __exit__(self, *_exception):
        self.release()

    def __reduce__(self):
        raise TypeError("a Reservation cannot be copied or pickled: it is charged once")

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        return f"<Reservation{name}: {self.nbytes:,} bytes>"


cdef int visit_nothing(PyObject *self, visitproc visit, void *argument) noexcept:
    """Who measures a container is not to find its budget's other members."""
    return 0


register_container(Budget, visit_nothing)
bb_publish(<PyTypeObject *> Budget, "bytebound.Budget")
bb_publish(<PyTypeObject *> Reservation, "bytebound.Reservation")


cdef Budget level_of(Budget nearest, const bb_refusal *refusal):
    cdef Budget level = nearest
    while level is not None and &level.core != refusal.level:
        level = level.parent
    return level


cdef Budget root_of(Budget level):
    while level.parent is not None:
        level = level.parent
    return level


cdef int check_room(Budget nearest, const bb_refusal *refusal, uint64_t least) except -1:
    cdef Budget level = nearest
    cdef bb_budget_totals totals
    cdef bb_refusal above
    cdef uint64_t kept
    while level is not None:
        totals = bb_budget_read(&level.core)
        kept = totals.total - min(totals.total, level.reclaimable(UINT64_MAX))
        if kept > totals.limit or least > totals.limit - kept:
            above = bb_refusal(&level.core, totals.limit, totals.total, least)
            raise budget_exceeded(
                nearest, refusal if &level.core == refusal.level else &above
            )
        level = level.parent
    return 0


cdef int make_room(
    Member asker, Budget nearest, const bb_refusal *refusal, uint64_t least
) except -1:
    cdef Budget level = level_of(nearest, refusal)
    cdef bb_budget_totals totals = bb_budget_read(&level.core)
    cdef uint64_t target = totals.limit - min(totals.limit, refusal.requested)
    cdef uint64_t now = bb_budget_now(&level.core)
    cdef uint64_t need
    cdef Nomination nomination
    cdef Member chosen
    if totals.total <= target and refusal.requested <= totals.limit:
        return 0
    need = totals.total - min(totals.total, target)
    nomination.rival = UINT64_MAX
    chosen = level.nominate(UINT64_MAX, &nomination)
    # One member that can give it all, and nothing given up in exchange: no need to ask everybody.
    if (
        chosen is None or least > refusal.requested
        or refusal.requested > totals.limit or chosen.reclaimable(nomination.spare) < need
        or nearest.parent is not None
    ):
        check_room(nearest, refusal, least)
    if chosen is asker and level.parent is None and not level.ranked:
        # What others hold, or will put, was used later. Until then it need not ask again, and
        # knows best how few of its own have to leave.
        if chosen.let_yield(min(nomination.rival, now)):
            return 0
    if chosen is not None:
        chosen.reclaim(need, nomination.rival, nomination.spare)
    if not level.reclaim_down_to(target):
        raise budget_exceeded(nearest, refusal)
    return 0


cdef object budget_exceeded(Budget nearest, const bb_refusal *refusal):
    cdef Budget level = level_of(nearest, refusal)
    name = "" if level.name is None else f" {level.name!r}"
    reports = []
    while nearest is not None:
        reports.append(report_on(nearest, 1))
        nearest = nearest.parent
    return BudgetExceededError(
        f"budget{name} has no room for {refusal.requested} more bytes: "
        f"{refusal.total} of max_bytes={refusal.limit} are in use ({headlines(reports)})",
        refusal.requested,
        refusal.limit - min(refusal.limit, refusal.total),
        refusal.limit,
        tuple(reports),
    )
