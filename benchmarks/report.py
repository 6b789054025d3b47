"""What a suite found, and how it is printed."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Claim(NamedTuple):
    """A figure, and the most it may be; a claim without a target only informs."""

    text: str
    figure: float
    target: float | None = None
    digits: int = 2

    @property
    def reached(self) -> bool | None:
        """Whether the figure as it is printed keeps to the target; None without one."""
        return None if self.target is None else round(self.figure, self.digits) <= self.target

    def cells(self) -> list[str]:
        """Return the claim as a row of the table."""
        figure = f"{self.figure:,.{self.digits}f}"
        if self.target is None:
            return [self.text, figure, "", ""]
        target = f"<= {self.target:,.{self.digits}f}"
        return [self.text, figure, target, "yes" if self.reached else "NO"]


class Table(NamedTuple):
    """Figures behind the claims."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class Suite(NamedTuple):
    """What a suite found."""

    title: str
    claims: Sequence[Claim]
    details: Sequence[Table] = ()
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        """Return title, claims, details and notes as text."""
        tables = [*self.details]
        if self.claims:
            header = ["claim", "figure", "target", "reached"]
            tables.insert(0, Table(header, [claim.cells() for claim in self.claims]))
        return "\n".join([f"== {self.title}", "\n\n".join(map(_format, tables)), *self.notes, ""])

    def as_json(self) -> dict[str, Any]:
        """Return the same for ``--json``."""
        return {
            "title": self.title,
            "claims": [claim._asdict() | {"reached": claim.reached} for claim in self.claims],
            "details": [table._asdict() for table in self.details],
            "notes": list(self.notes),
        }


def _format(table: Table) -> str:
    """Align a table: its first column to the left, the others to the right."""
    rows = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )
