"""Fails the n-th allocation of each operation, for every n: it happens whole or not at all.

Argument: the name of one of the operations below.
"""

import contextlib
import gc
import sys
from typing import Any

from failing_memory import fail_each

from bytebound import Budget, LRUCache, SizeTracker

Cache = LRUCache[Any, Any]


class Key:
    """A key that Python code compares."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return 5

    def __eq__(self, other: object) -> bool:
        return self is other or self.number == other.number  # type: ignore[attr-defined]


VALUES = [(number,) for number in range(200)]
LOST: list[Any] = []


def lose(key: Any, value: Any, reason: str) -> None:
    LOST.append(key)


def small() -> Any:
    """Make a cache whose tables the next insert makes grow."""
    cache = Cache("1MiB", budget=BUDGET)
    for number in range(20):
        cache.put(VALUES[number], VALUES[number], size=10)
    cache.trim(cache.nbytes - 1)
    return cache


def full() -> Any:
    """Make a cache that evicts on the next insert, and tells."""
    cache = Cache(10_000, charge_overhead=False, on_evict=lose, budget=BUDGET)
    for number in range(100):
        cache.put(VALUES[number], VALUES[number], size=100)
    return cache


def timed() -> Any:
    """Make a cache that evicts on the next insert, of entries that expire."""
    cache = Cache(10_000, ttl=3600, on_evict=lose, budget=BUDGET)
    for number in range(100):
        cache.put(VALUES[number], VALUES[number], size=50)
    return cache


def colliding() -> Any:
    cache = Cache("1MiB", budget=BUDGET)
    for number in range(5):
        cache.put(Key(number), VALUES[number], size=10)
    return cache


def walked() -> Any:
    """Make a cache with an iterator that a promotion has to keep the order for."""
    cache = full()
    WALK[:] = [iter(cache)]
    next(WALK[0])
    return cache


def sharing() -> Any:
    """Make a cache that evicts on the next insert, of entries that share parts."""
    cache = Cache(9_000, sizer="shared", on_evict=lose, budget=BUDGET)
    for number in range(40):
        cache[VALUES[number]] = [VALUES[number // 2], VALUES[number // 3], [SNAPSHOT, 1.5 * number]]
    cache.put(VALUES[50], SNAPSHOT, size=100)
    return cache


def tracker() -> Any:
    made = SizeTracker()
    for number in range(40):
        made.add(SHARERS[number])
    for _ in range(1000):
        made.add(SHARERS[0])
    return made


WALK: list[Any] = []
BUDGET = Budget("64MiB")
NEW, ABSENT = ("new",), Key(99)
SNAPSHOT = ["".join(["x"] * number) for number in range(2, 12)]
SHARERS = [[SNAPSHOT, VALUES[number // 2], [1.5 * number]] for number in range(40)]
DEEP = [VALUES[number] for number in range(50)] + [{"a": [VALUES[3]]}]
BOTH = [
    SNAPSHOT,
    DEEP,
]  # not in the operation: 3.13 without GIL crashes where a list cannot be made

OPERATIONS: dict[str, Any] = {
    "insert": (lambda: Cache("1MiB", budget=BUDGET), lambda cache: cache.put(NEW, 1, size=10)),
    "insert_growing": (small, lambda cache: cache.put(NEW, 1, size=10)),
    "insert_measured": (small, lambda cache: cache.__setitem__(NEW, DEEP)),
    "insert_evicting": (full, lambda cache: cache.put(NEW, 1, size=10)),
    "insert_evicting_many": (full, lambda cache: cache.put(NEW, 1, size=5000)),
    "insert_compared": (colliding, lambda cache: cache.put(ABSENT, 1, size=10)),
    "overwrite": (full, lambda cache: cache.put(VALUES[50], 1, size=5000)),
    "put_with_ttl": (full, lambda cache: cache.put(VALUES[50], 1, size=10, ttl=60)),
    "timed_insert": (timed, lambda cache: cache.put(NEW, 1, size=10)),
    "timed_expire": (timed, lambda cache: cache.expire()),
    "timed_copy": (timed, lambda cache: cache.copy()),
    "pin": (full, lambda cache: cache.pin(VALUES[50]).__enter__()),
    "get_many": (full, lambda cache: cache.get_many(VALUES[40:60])),
    "delete_many": (full, lambda cache: cache.delete_many(VALUES[40:60])),
    "pop_many": (full, lambda cache: cache.pop_many(VALUES[40:60])),
    "get_or_put": (full, lambda cache: cache.get_or_put(NEW, object)),
    "setdefault": (full, lambda cache: cache.setdefault(NEW, DEEP)),
    "lookup": (colliding, lambda cache: cache.get(ABSENT)),
    "delete": (full, lambda cache: cache.__delitem__(VALUES[3])),
    "pop": (full, lambda cache: cache.pop(VALUES[3])),
    "popitem": (full, lambda cache: cache.popitem()),
    "clear": (full, lambda cache: cache.clear()),
    "trim": (full, lambda cache: cache.trim(500)),
    "resize": (full, lambda cache: cache.resize(500)),
    "resize_items": (full, lambda cache: cache.resize(max_items=3)),
    "remeasure": (full, lambda cache: cache.remeasure(VALUES[3])),
    "copy": (full, lambda cache: cache.copy()),
    "audit": (full, lambda cache: cache.audit()),
    "stats": (full, lambda cache: cache.stats()),
    "reduce": (full, lambda cache: cache.__reduce__()),
    "iterate": (full, list),
    "items": (full, lambda cache: list(cache.items())),
    "promote": (walked, lambda cache: cache.get(VALUES[50])),
    "ends": (full, lambda cache: (cache.oldest(), cache.newest())),
    "merge": (full, lambda cache: cache | {1: 2}),
    "construct": (full, lambda cache: Cache("1MiB", budget=BUDGET, name="x")),
    "shared_insert": (sharing, lambda cache: cache.put(NEW, BOTH)),
    "shared_insert_given": (sharing, lambda cache: cache.put(NEW, DEEP, size=4000)),
    "shared_first": (
        lambda: Cache("1MiB", sizer="shared", budget=BUDGET),
        lambda cache: cache.put(NEW, DEEP),
    ),
    "shared_overwrite": (sharing, lambda cache: cache.__setitem__(VALUES[39], DEEP)),
    "shared_setdefault": (sharing, lambda cache: cache.setdefault(NEW, DEEP)),
    "shared_delete": (sharing, lambda cache: cache.__delitem__(VALUES[39])),
    "shared_remeasure": (sharing, lambda cache: cache.remeasure(VALUES[39])),
    "shared_resize": (sharing, lambda cache: cache.resize(3000)),
    "shared_trim": (sharing, lambda cache: cache.trim(3000)),
    "shared_copy": (sharing, lambda cache: cache.copy()),
    "shared_reduce": (sharing, lambda cache: cache.__reduce__()),
    "shared_audit": (sharing, lambda cache: cache.audit()),
    "tracker_add": (tracker, lambda made: made.add(BOTH)),
    "tracker_add_again": (tracker, lambda made: made.add(SHARERS[0])),
    "tracker_remove": (tracker, lambda made: made.remove(SHARERS[1])),
    "tracker_remove_one": (tracker, lambda made: made.remove(SHARERS[0])),
    "tracker_clear": (tracker, lambda made: made.clear()),
    "tracker_audit": (tracker, lambda made: made.audit()),
}
# These may be interrupted between two entries, each of which leaves whole.
PIECEWISE = {"get_many", "trim", "resize", "resize_items", "merge", "shared_resize", "shared_trim"}


def state(cache: Any) -> tuple[Any, ...]:
    if isinstance(cache, SizeTracker):
        tracked = [thing in cache for thing in SHARERS]
        return len(cache), cache.nbytes, tracked  # tables may have grown in vain
    return (
        list(cache.items()),
        [cache.entry_nbytes(key) for key in cache],
        cache.nbytes,
        cache.overhead_nbytes,
        cache.max_bytes,
        cache.max_items,
        cache.stats().inserts,
        BUDGET.nbytes,
    )


def main(name: str) -> None:
    make, operate = OPERATIONS[name]

    def check(cache: Any, before: Any, nth: int, failed: bool) -> None:
        cache._validate()
        BUDGET._validate()
        if failed and name not in PIECEWISE:
            same = [one == other for one, other in zip(state(cache), before, strict=True)]
            assert all(same), f"allocation {nth} changed parts {same}"
        if WALK and not failed:
            finish_walk()
        WALK.clear()
        LOST.clear()

    def make_alone() -> Any:
        gc.collect()
        assert BUDGET.nbytes == 0, "the cache before has left something charged"
        return make()

    print(name, "failed", fail_each(make_alone, operate, check, state), "times")
    gc.collect()
    assert BUDGET.nbytes == 0


def finish_walk() -> None:
    """Check that an iterator whose order could not be kept says so."""
    with contextlib.suppress(MemoryError):
        assert list(WALK[0]) == VALUES[1:100]


main(sys.argv[1])
