"""Fails the n-th allocation of each operation on a ring: it happens whole or not at all.

Argument: the name of one of the operations below.
"""

import gc
import sys
from typing import Any

from failing_memory import fail_each

from bytebound import Budget, RingBuffer

Ring = RingBuffer[Any]


def lose(item: Any, reason: str) -> None:
    LOST.append(item)


def small() -> Ring:
    """Make a ring whose slots the next item makes grow."""
    ring = Ring(ITEMS[:20], max_bytes="1MiB", budget=BUDGET)
    ring.trim(ring.nbytes - 1)
    while ring.overhead_nbytes > 16 * len(ring):
        ring.append(ITEMS[20])
    return ring


def full() -> Ring:
    """Make a ring that evicts for the next item, and tells."""
    ring = Ring(ITEMS[:100], max_bytes="1MiB", on_evict=lose, budget=BUDGET)
    ring.resize(max_bytes=ring.nbytes)
    return ring


LOST: list[Any] = []
BUDGET = Budget("64MiB")
ITEMS = [(number,) for number in range(200)]
NEW, LARGE = ("new",), tuple(range(300))
SOME = ITEMS[100:110]

OPERATIONS: dict[str, Any] = {
    "append_first": (
        lambda: Ring(max_bytes="1MiB", budget=BUDGET),
        lambda ring: ring.append(NEW),
    ),
    "append_growing": (small, lambda ring: ring.append(NEW)),
    "append_evicting": (full, lambda ring: ring.append(NEW)),
    "append_evicting_many": (full, lambda ring: ring.append(LARGE)),
    "appendleft_evicting_many": (full, lambda ring: ring.appendleft(LARGE)),
    "insert": (small, lambda ring: ring.insert(5, NEW)),
    "assign": (full, lambda ring: ring.__setitem__(5, LARGE)),
    "assign_slice": (small, lambda ring: ring.__setitem__(slice(2, 8), SOME)),
    "assign_steps": (small, lambda ring: ring.__setitem__(slice(0, 20, 2), SOME)),
    "delete": (full, lambda ring: ring.__delitem__(7)),
    "delete_slice": (full, lambda ring: ring.__delitem__(slice(5, 90, 3))),
    "pop": (full, lambda ring: ring.pop()),
    "remove": (full, lambda ring: ring.remove((5,))),
    "clear": (full, lambda ring: ring.clear()),
    "extend": (small, lambda ring: ring.extend(SOME)),
    "repeat": (small, lambda ring: ring.__imul__(3)),
    "add": (small, lambda ring: ring + ring),
    "slice": (full, lambda ring: ring[5:50:3]),
    "head": (full, lambda ring: ring.head(30)),
    "copy": (full, lambda ring: ring.copy()),
    "trim": (full, lambda ring: ring.trim(500)),
    "resize": (full, lambda ring: ring.resize(3, 4000)),
    "remeasure": (full, lambda ring: ring.remeasure(3)),
    "audit": (full, lambda ring: ring.audit()),
    "stats": (full, lambda ring: ring.stats()),
    "reduce": (full, lambda ring: ring.__reduce__()),
    "iterate": (full, list),
    # Not repr(): without memory CPython forgets to take an object off its list of those shown.
    "look": (full, lambda ring: (NEW in ring, ring.count(NEW), ring == ring)),
    "construct": (full, lambda ring: Ring(SOME, 30, "1MiB", budget=BUDGET, name="x")),
}
# These may be interrupted between two items, each of which enters or leaves whole.
PIECEWISE = {"extend", "repeat", "trim"}


def state(ring: Ring) -> tuple[Any, ...]:
    return (
        ring.head(len(ring)),
        [ring.item_nbytes(index) for index in range(len(ring))],
        ring.nbytes,
        ring.overhead_nbytes,
        ring.max_bytes,
        ring.max_items,
        ring.stats().inserts,
        BUDGET.nbytes,
    )


def main(name: str) -> None:
    make, operate = OPERATIONS[name]

    def check(ring: Ring, before: Any, nth: int, failed: bool) -> None:
        ring._validate()
        BUDGET._validate()
        if failed and name not in PIECEWISE:
            same = [one == other for one, other in zip(state(ring), before, strict=True)]
            assert all(same), f"allocation {nth} changed parts {same}"
        LOST.clear()

    def make_alone() -> Ring:
        gc.collect()
        assert BUDGET.nbytes == 0, "the ring before has left something charged"
        return make()  # type: ignore[no-any-return]

    print(name, "failed", fail_each(make_alone, operate, check, state), "times")
    gc.collect()
    assert BUDGET.nbytes == 0


main(sys.argv[1])
