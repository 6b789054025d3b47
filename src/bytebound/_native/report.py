"""What a budget holds, as data and as a table."""

import sys
from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGEST = 3
EVICTIONS = ("size", "items", "budget")


class BudgetReport:
    """What a member of a budget holds; sizes in bytes. Prints as a table.

    Attributes
    ----------
    kind : str
        The name of its class.
    name : str or None
    nbytes : int
        Bytes charged now.
    max_bytes : int or None
        The bound of its own, None without one.
    peak_nbytes : int
        The most it has been.
    share : float
        Its part of what the budget that was asked holds, 0.0 to 1.0.
    evictions : int
        Entries that left for a bound or a budget, here and below.
    pinned_nbytes : int
        Bytes of entries that must not leave, here and below.
    members : tuple of BudgetReport
        What is below, largest first.
    """

    def __init__(
        self,
        kind: str,
        name: str | None,
        nbytes: int,
        max_bytes: int | None,
        peak_nbytes: int,
        evictions: int,
        pinned_nbytes: int,
        share: float,
        members: "tuple[BudgetReport, ...]",
    ) -> None:
        self.kind = kind
        self.name = name
        self.nbytes = nbytes
        self.max_bytes = max_bytes
        self.peak_nbytes = peak_nbytes
        self.evictions = evictions
        self.pinned_nbytes = pinned_nbytes
        self.share = share
        self.members = members

    def __eq__(self, other: object) -> bool:
        """Compare all figures."""
        return isinstance(other, BudgetReport) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def label(self) -> str:
        """Return kind and name."""
        return self.kind if self.name is None else f"{self.kind} {self.name!r}"

    def headline(self) -> str:
        """Return the total and the largest members in a line."""
        bound = "" if self.max_bytes is None else f" of {self.max_bytes:,}"
        largest = ", ".join([f"{one.label()} {one.nbytes:,}" for one in self.members[:LARGEST]])
        more = len(self.members) - LARGEST
        rest = f" and {more} more" if more > 0 else ""
        inside = f": {largest}{rest}" if largest else ""
        return f"{self.label()} {self.nbytes:,}{bound}{inside}"

    def rows(self, depth: int = 0) -> list[list[str]]:
        """Return the cells of the table, a row for each member, indented by its depth."""
        bound = "" if self.max_bytes is None else f"{self.max_bytes:,}"
        row = [
            "  " * depth + self.label(),
            f"{self.nbytes:,}",
            bound,
            f"{self.peak_nbytes:,}",
            f"{self.share:.1%}",
            f"{self.evictions:,}",
            f"{self.pinned_nbytes:,}",
        ]
        return [row, *[line for member in self.members for line in member.rows(depth + 1)]]

    def __str__(self) -> str:
        """Return the table."""
        header = ["name", "used", "bound", "peak", "share", "evictions", "pinned"]
        rows = [header, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return the headline."""
        return f"<BudgetReport: {self.headline()}>"


def report_on(member: "Any", depth: int = sys.maxsize) -> BudgetReport:
    """Return the report on a budget, as many levels deep."""
    return _report(member, member.nbytes, depth)


def headlines(reports: list[BudgetReport]) -> str:
    """Return the headlines of several reports in a line."""
    return "; ".join([report.headline() for report in reports])


def _report(member: "Any", whole: int, depth: int) -> BudgetReport:
    nbytes: int = getattr(member, "charged_nbytes", member.nbytes)
    alive = member._members() if depth > 0 and hasattr(member, "_members") else ()
    # Lists, not generators: CPython 3.13 crashes where it has no memory to make one of those.
    below = [_report(one, whole, depth - 1) for one in alive]
    below.sort(key=attrgetter("nbytes"), reverse=True)
    counted = member.stats() if hasattr(member, "stats") else None
    left: dict[str, int] = getattr(counted, "evictions", {})
    return BudgetReport(
        kind=type(member).__name__,
        name=member.name,
        nbytes=nbytes,
        max_bytes=getattr(member, "max_bytes", None),
        peak_nbytes=getattr(member, "peak_nbytes", nbytes),
        evictions=sum([left.get(reason, 0) for reason in EVICTIONS])
        + sum([report.evictions for report in below]),
        pinned_nbytes=getattr(counted, "pinned_nbytes", 0)
        + sum([report.pinned_nbytes for report in below]),
        share=nbytes / whole if whole else 0.0,
        members=tuple(below),
    )


BudgetReport.__module__ = "bytebound"
