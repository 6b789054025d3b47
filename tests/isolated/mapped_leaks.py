"""Nothing is left behind by many rounds of an operation on a mapped ring.

Argument: the name of one of the functions below.
"""

import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
from leak_check import check, failing

from bytebound import ArrayRing, Budget, BudgetExceededError, ByteRing, EntryTooLargeError

PAGE = mmap.PAGESIZE
RECORD, ROW = bytes(500), np.zeros(3)
WATCHED: list[Any] = [RECORD, ROW]
BUDGET = Budget("64MiB")  # for a while there is garbage
SMALL = Budget(PAGE)
RING = ByteRing(4 * PAGE, budget=BUDGET)
COPYING = ByteRing(4 * PAGE, on_pinned="copy", budget=BUDGET)
ROWS = ArrayRing(100, float, 3, budget=BUDGET)
NUMBERS = ArrayRing(100)


class Log(ByteRing):
    """A ring that may hold a view of itself."""


def append_and_read() -> None:
    for ring in (RING, COPYING):
        ring.extend([RECORD, bytearray(RECORD), memoryview(RECORD)])
        assert ring[-1] == ring.get(ring.next_seq - 1) == ring[-2:][1] == RECORD
        ring.peek(), list(ring), ring.stats(), repr(ring)
        ring.popleft(), ring.readinto(bytearray(600))


def look() -> None:
    for ring in (RING, COPYING):
        ring.append(RECORD)
        view, array = ring.view(-1), np.frombuffer(ring.view(0), np.uint8)
        assert view == RECORD
        del view, array


def set_aside() -> None:
    COPYING.append(RECORD)
    view = COPYING.view(-1)
    COPYING.extend([RECORD] * 40)
    assert view == RECORD


def refused() -> None:
    RING.append(RECORD)
    with RING.view(-1):
        failing(BufferError, RING.extend, [RECORD] * 40)
    failing(EntryTooLargeError, RING.append, bytes(5 * PAGE))
    failing(TypeError, RING.append, "text")
    failing(BufferError, RING.append, memoryview(RECORD)[::2])
    failing(IndexError, RING.__getitem__, 2**70)
    failing(IndexError, RING.get, 2**70)
    failing(ValueError, RING.readinto, bytearray(1))
    iterator = iter(RING)
    RING.append(RECORD)
    failing(RuntimeError, next, iterator)


def come_and_go() -> None:
    log = Log(4 * PAGE, on_pinned="copy", budget=BUDGET, name="log")
    log.append(RECORD)
    log.kept = log.view(0)  # type: ignore[attr-defined]
    log.itself = log  # type: ignore[attr-defined]
    rows = ArrayRing(7, "f4", (2,), budget=BUDGET)
    view = rows.view()
    rows.close()
    del rows, view
    for use in (
        lambda: ByteRing(4 * PAGE, budget=SMALL),
        lambda: ArrayRing(4 * PAGE, budget=SMALL),
    ):
        failing(BudgetExceededError, use)
    failing((TypeError, ValueError), ByteRing, 5)
    failing((TypeError, ValueError), ArrayRing, 5, object)


def add_rows() -> None:
    ROWS.append(ROW)
    ROWS.append([1, 2, 3])
    ROWS.extend(np.zeros((150, 3), "f4"))
    ROWS.extend(ROWS.view()[::-1])
    NUMBERS.append(1.5)
    NUMBERS.append(7)
    failing(ValueError, ROWS.append, [1, 2])
    failing((TypeError, ValueError), ROWS.append, "text")
    failing(TypeError, ROWS.append, np.zeros(3, complex))
    failing(ValueError, ROWS.extend, np.zeros((2, 2)))


def look_at_rows() -> None:
    NUMBERS.extend([1.0, 2.0])
    assert NUMBERS.view(1)[0] == NUMBERS.snapshot()[-1] == NUMBERS[-1] == 2.0
    np.asarray(NUMBERS), np.asarray(NUMBERS, "f4"), list(NUMBERS), NUMBERS.stats(), repr(NUMBERS)
    failing(IndexError, NUMBERS.__getitem__, 100)


def empty() -> None:
    for ring in (RING, COPYING, ROWS, NUMBERS):
        ring.clear()
        assert ring.stats().views == 0
    assert BUDGET.nbytes == RING.nbytes + COPYING.nbytes + ROWS.nbytes
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert maps.read_text().count("memfd:bytebound") <= 2 * 4 + 2


check(globals()[sys.argv[1]], empty, WATCHED)
