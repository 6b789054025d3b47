"""Plain tables."""

from collections.abc import Iterable, Sequence


def format_table(rows: Iterable[Sequence[str]]) -> str:
    """Align rows of text: the first column to the left, the others to the right.

    Examples
    --------
    >>> print(format_table([("hits", "9"), ("misses", "10")]))
    hits     9
    misses  10
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )
