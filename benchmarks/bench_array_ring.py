"""What a ring of rows costs beside other rings over NumPy arrays."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import ArrayRing

CAPACITY = 1000
APPENDS = 20_000
SMALL, LARGE = 10**3, 10**7
BLOCK = 64
PEERS = {
    "numpy_ringbuffer": "numpy_ringbuffer",
    "dvg-ringbuffer": "dvg_ringbuffer",
}
OURS = "bytebound"
Make = Callable[[int, tuple[int, ...]], Any]

APPEND = "for _ in numbers:\n    append(row)"
VIEW = "for _ in numbers:\n    view()"
EXTEND = "for _ in numbers:\n    extend(rows)"

ROWS = {"a number": 1.5, "a row of 3": np.array([1.0, 2.0, 3.0])}


def make_ours(capacity: int, shape: tuple[int, ...]) -> ArrayRing:
    """Make a ring of float64."""
    return ArrayRing(capacity, float, shape)


def find_makers() -> tuple[dict[str, Make], list[str]]:
    """Return who makes rings by name, and a line on each peer: its version, or why it is absent."""
    makers: dict[str, Make] = {OURS: make_ours}
    notes = []
    for name, module in PEERS.items():
        try:
            kind = import_module(module).RingBuffer
        except ImportError as error:
            notes.append(f"SKIPPED: {name}: {error}")
            continue
        makers[name] = lambda capacity, shape, kind=kind: kind(
            capacity, dtype=(float, shape) if shape else float
        )
        notes.append(f"{name} {version(name)}")
    return makers, notes


def append(make: Make, row: Any) -> Contest:
    """Append to a ring that is full."""
    ring = make(CAPACITY, np.shape(row))
    for _ in range(CAPACITY):
        ring.append(row)
    return Contest(
        compile_loop("append, row, numbers", APPEND),
        lambda: (ring.append, row, range(APPENDS)),
        APPENDS,
    )


def extend(make: Make) -> Contest:
    """Add blocks of rows to a ring that is full."""
    ring = make(CAPACITY, ())
    rows = np.arange(float(BLOCK))
    return Contest(
        compile_loop("extend, rows, numbers", EXTEND),
        lambda: (ring.extend, rows, range(APPENDS // 10)),
        APPENDS // 10,
    )


def view(rows: int) -> Contest:
    """View all of a ring that has wrapped."""
    ring = ArrayRing(rows)
    ring.extend(np.zeros(rows))
    ring.extend(np.zeros(rows // 3))
    return Contest(
        compile_loop("view, numbers", VIEW), lambda: (ring.view, range(APPENDS)), APPENDS
    )


def run(rounds: int) -> Suite:
    """Time everybody side by side."""
    makers, notes = find_makers()
    times = {
        f"append of {text}": time_contests(
            {name: append(make, row) for name, make in makers.items()}, rounds
        )
        for text, row in ROWS.items()
    }
    claims = [
        Claim(f"{text}, times {peer}'s time", ratio(timing, OURS, peer), 1 / 3)
        for text, timing in times.items()
        for peer in makers
        if peer != OURS
    ]
    times[f"extend by {BLOCK} rows"] = time_contests(
        {name: extend(make) for name, make in makers.items()}, rounds
    )
    views = time_contests({str(rows): view(rows) for rows in (SMALL, LARGE)}, rounds)
    claims.append(
        Claim(
            f"view of {LARGE:,} rows, times that of {SMALL:,}",
            ratio(views, str(LARGE), str(SMALL)),
            1.1,
        )
    )
    rows = [
        [text, *(f"{timing[name].median:.0f}" for name in makers)] for text, timing in times.items()
    ]
    rows.append([f"view of {LARGE:,} rows", f"{views[str(LARGE)].median:.0f}"])
    rows[-1] += ["-"] * (len(makers) - 1)
    return Suite(
        f"ArrayRing: float64, full rings of {CAPACITY:,} rows, {rounds} rounds",
        claims,
        [Table(["median ns", *makers], rows)],
        ["The peers' views are copies, once a ring has wrapped.", *notes],
    )


def ratio(times: dict[str, Timing], one: str, other: str) -> float:
    return times[one].median / times[other].median
