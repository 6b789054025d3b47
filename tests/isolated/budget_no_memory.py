"""Fails the n-th allocation of what has others reclaim, for every n: each total stays exact.

Argument: the name of one of the operations below.
"""

import contextlib
import sys
import sysconfig
from collections.abc import Callable
from typing import Any, NamedTuple

from failing_memory import fail_each

from bytebound import (
    BoundedQueue,
    Budget,
    BudgetExceededError,
    LRUCache,
    MemoryPool,
    RingBuffer,
    SizeTracker,
)

LIMIT = 200_000
THINGS = [bytes(1000) for _ in range(300)]
LOST: list[Any] = []


def lose(*left: Any) -> None:
    LOST.append(left)


class Crew(NamedTuple):
    """A tree that has no room left."""

    root: Budget
    inner: Budget
    first: LRUCache[Any, Any]
    second: LRUCache[Any, Any]
    ring: RingBuffer[Any]
    queue: BoundedQueue[Any]
    pool: MemoryPool
    tracker: SizeTracker


def make() -> Crew:
    root = Budget(LIMIT, name="root")
    inner = root.child("inner", min_bytes=10_000)
    crew = Crew(
        root,
        inner,
        LRUCache(LIMIT, budget=root, on_evict=lose),
        LRUCache(LIMIT, budget=inner, on_evict=lose, sizer="shared"),
        RingBuffer(max_bytes=LIMIT, budget=root, on_evict=lose),
        BoundedQueue(LIMIT, budget=root),
        MemoryPool(LIMIT, budget=inner),
        SizeTracker(budget=root),
    )
    crew.queue.put(THINGS[0])
    crew.tracker.add(THINGS[1])
    for number in range(200):
        crew.first.put(number, THINGS[number])
        crew.second.put(number, THINGS[number])
        crew.ring.append(THINGS[number])
    return crew


def state(crew: Crew) -> None:
    """Keep nothing: what left for an operation that failed afterwards may be gone."""


def check(crew: Crew, before: None, nth: int, failed: bool) -> None:
    parts = sum(getattr(one, "charged_nbytes", one.nbytes) for one in crew[2:])
    assert crew.root.nbytes == parts <= LIMIT, (nth, crew.root.nbytes, parts)
    assert crew.inner.nbytes == crew.second.nbytes + crew.pool.nbytes, nth
    assert not failed or "new" not in crew.first, nth
    for one in crew:
        one._validate()
    for one in (crew.first, crew.second, crew.ring, crew.tracker):
        assert one.audit().drift == 0, nth
    LOST.clear()


LARGE = bytes(5000)


def reserve(crew: Crew) -> None:
    with crew.inner.reserve(20_000, name="weights"):
        pass


def allocate(crew: Crew) -> None:
    crew.pool.alloc(30_000).release()


def refuse(crew: Crew) -> None:
    """Ask for what no one can make room for."""
    with contextlib.suppress(BudgetExceededError):
        crew.root.reserve(LIMIT - 5000)


OPERATIONS: dict[str, Callable[[Crew], object]] = {
    "put": lambda crew: crew.first.put("new", LARGE),
    "put_shared": lambda crew: crew.second.put("new", LARGE),
    "append": lambda crew: crew.ring.append(LARGE),
    "queue": lambda crew: crew.queue.put(LARGE),
    "track": lambda crew: crew.tracker.add(LARGE),
    "reserve": reserve,
    "allocate": allocate,
    "trim": lambda crew: crew.root.trim(LIMIT // 2),
    "resize": lambda crew: crew.root.resize(LIMIT // 2),
    "child": lambda crew: crew.inner.child("below", priority=-1),
    "report": lambda crew: str(crew.root.report()),
    "refuse": refuse,
}

if sys.argv[1] in ("report", "refuse") and sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("skip: CPython 3.13 without GIL crashes where what a generator yields is sorted")
    sys.exit()
failures = fail_each(make, OPERATIONS[sys.argv[1]], check, state)
assert failures > 0, "nothing could fail"
print(failures)
