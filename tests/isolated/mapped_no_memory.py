"""Fails the n-th allocation of an operation on a mapped ring, for every n: all of it or nothing.

Argument: the name of one of the operations below.
"""

import gc
import mmap
import sys
from typing import Any

import numpy as np
from failing_memory import fail_each

from bytebound import ArrayRing, Budget, ByteRing

PAGE = mmap.PAGESIZE
BUDGET = Budget("1MiB")
RECORDS = [bytes([number]) * (500 + number) for number in range(60)]
VIEWS: list[Any] = []
BUFFER = bytearray(2000)
ROWS = np.arange(30.0).reshape(10, 3)


def full() -> ByteRing:
    ring = ByteRing(4 * PAGE, on_pinned="copy", budget=BUDGET)
    ring.extend(RECORDS)
    return ring


def viewed() -> ByteRing:
    ring = full()
    VIEWS.append(ring.view(0))
    return ring


def kept() -> ByteRing:
    """Make a ring whose next view needs another window."""
    ring = viewed()
    ring.extend(RECORDS[:2])
    return ring


def rows() -> ArrayRing:
    ring = ArrayRing(15, float, 3, budget=BUDGET)
    ring.extend(ROWS)
    return ring


OPERATIONS: dict[str, Any] = {
    "append": (full, lambda ring: ring.append(RECORDS[0])),
    "append_buffer": (full, lambda ring: ring.append(memoryview(RECORDS[0]))),
    "append_setting_aside": (viewed, lambda ring: ring.append(RECORDS[0])),
    "popleft": (full, lambda ring: ring.popleft()),
    "readinto": (full, lambda ring: ring.readinto(BUFFER)),
    "peek": (full, lambda ring: ring.peek()),
    "read": (full, lambda ring: (ring[3], ring.get(ring.next_seq - 1), ring[1:9])),
    "iterate": (full, list),
    "view": (full, lambda ring: ring.view(0)),
    "view_by_another_window": (kept, lambda ring: ring.view(0)),
    "stats": (full, lambda ring: (ring.stats(), repr(ring), ring.pinned_nbytes)),
    "clear": (full, lambda ring: ring.clear()),
    "close": (viewed, lambda ring: ring.close()),
    "construct": (full, lambda ring: ByteRing(4 * PAGE, on_pinned="copy", budget=BUDGET)),
    "rows_append": (rows, lambda ring: ring.append([1, 2, 3])),
    "rows_append_array": (rows, lambda ring: ring.append(ROWS[1])),
    "rows_extend": (rows, lambda ring: ring.extend(ROWS[::2])),
    "rows_extend_by_its_own": (rows, lambda ring: ring.extend(ring)),
    "rows_view": (rows, lambda ring: ring.view(5)),
    "rows_snapshot": (rows, lambda ring: ring.snapshot()),
    "rows_read": (rows, lambda ring: (ring[3], ring[::2], np.asarray(ring, "f4"))),
    "rows_construct": (rows, lambda ring: ArrayRing(5, "i4", (2, 2), budget=BUDGET, name="x")),
}

OPENING = {"view", "view_by_another_window"}


def state(ring: Any) -> tuple[Any, ...]:
    if isinstance(ring, ArrayRing):
        return ring.snapshot().tolist(), ring.stats(), BUDGET.nbytes
    return list(ring), ring.first_seq, ring.stats(), BUDGET.nbytes


def main(name: str) -> None:
    make, operate = OPERATIONS[name]

    def check(ring: Any, before: Any, nth: int, failed: bool) -> None:
        ring._validate()
        if failed and name not in OPENING:
            assert state(ring) == before, f"allocation {nth}"
        elif failed:
            # A window that was opened stays for the next view.
            assert list(ring) == before[0]
            assert ring.stats().views == len(VIEWS)
        VIEWS.clear()

    def make_alone() -> Any:
        gc.collect()
        assert BUDGET.nbytes == 0, "the ring before has left something charged"
        return make()

    print(name, "failed", fail_each(make_alone, operate, check, state), "times")
    gc.collect()
    assert BUDGET.nbytes == 0


main(sys.argv[1])
