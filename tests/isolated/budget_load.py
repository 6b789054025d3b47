"""Eight containers of different kinds under one budget, eight threads, and a look at every total.

Arguments: seconds, bytes of the budget. Each round stops the threads, adds everything up and
measures it anew. Prints what was found as JSON; an error names what did not hold.
"""

import contextlib
import json
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bytebound import (
    ArrayRing,
    BoundedQueue,
    Budget,
    ByteRing,
    LRUCache,
    MemoryPool,
    PinnedError,
    RingBuffer,
    SizeTracker,
)

THREADS = 8
ROUND_SECONDS = 1.0
KEYS = 4000


class Crew(NamedTuple):
    """The budget and what is charged to it."""

    root: Budget
    plain: LRUCache[int, Any]
    shared: LRUCache[int, Any]
    ring: RingBuffer[Any]
    records: ByteRing
    rows: ArrayRing
    queue: BoundedQueue[Any]
    pool: MemoryPool
    tracker: SizeTracker

    def members(self) -> list[Any]:
        """Return the eight."""
        return list(self[1:])


looks = passed = evicted = refused = 0
failures: list[str] = []


def look(root: Budget) -> None:
    """Count, and see that the root holds."""
    global looks, passed
    looks += 1
    if root.nbytes > root.max_bytes:
        passed += 1


def make_crew(max_bytes: int) -> Crew:
    """Make the eight, some below a level of their own that protects or prefers them."""
    root = Budget(max_bytes, name="root")
    kept = root.child("kept", min_bytes=max_bytes // 8)
    first = root.child("first", max_bytes=max_bytes // 2, priority=-1)

    def tell(*_what: object) -> None:
        global evicted
        evicted += 1
        look(root)

    return Crew(
        root,
        LRUCache(max_bytes, budget=root, on_evict=tell),
        LRUCache(max_bytes, budget=kept, sizer="shared", on_evict=tell),
        RingBuffer(max_bytes=max_bytes, budget=first, on_evict=tell),
        ByteRing(max_bytes // 32, budget=root),
        ArrayRing(4096, float, (16,), budget=kept),
        BoundedQueue(max_bytes // 4, budget=root, overflow="drop_oldest", on_drop=tell),
        MemoryPool(max_bytes // 2, budget=first),
        SizeTracker(budget=root),
    )


def message(chance: random.Random) -> dict[str, Any]:
    """Make a nested one of 1 to 32 KiB."""
    return {"role": "tool", "content": chance.randbytes(chance.randrange(1000, 32000)), "n": [1.5]}


def works(crew: Crew, chance: random.Random) -> list[Callable[[], object]]:
    """Return what a thread may do next."""
    blocks: list[Any] = []
    tracked: list[Any] = []

    def allocate() -> None:
        blocks.append(crew.pool.alloc(chance.randrange(1, 60000)))
        if len(blocks) > 100:
            del blocks[chance.randrange(100)]

    def track() -> None:
        thing = message(chance)
        crew.tracker.add(thing)
        tracked.append(thing)
        if len(tracked) > 20:
            crew.tracker.remove(tracked.pop(chance.randrange(20)))

    def pop(container: Any) -> None:
        with contextlib.suppress(LookupError):
            container.popitem() if hasattr(container, "popitem") else container.popleft()

    def pin() -> None:
        with contextlib.suppress(KeyError), crew.plain.pin(chance.randrange(KEYS)):
            crew.plain.put(-1, message(chance))

    def take() -> None:
        if not crew.queue.empty():
            crew.queue.get_many(3)

    def put(cache: LRUCache[int, Any]) -> None:
        cache.put(chance.randrange(KEYS), message(chance))

    return [
        *[lambda: put(crew.plain), lambda: put(crew.shared)] * 3,
        *[lambda: crew.plain.get(chance.randrange(KEYS))] * 4,
        *[lambda: crew.ring.append(message(chance))] * 3,
        lambda: crew.records.append(chance.randbytes(chance.randrange(10000))),
        lambda: crew.rows.append(np.zeros(16)),
        *[lambda: crew.queue.put(message(chance))] * 2,
        take,
        *[allocate] * 3,
        track,
        pin,
        lambda: pop(chance.choice([crew.plain, crew.shared, crew.ring, crew.records])),
        lambda: chance.choice([crew.plain, crew.ring, crew.pool]).trim(chance.randrange(2**20)),
        lambda: crew.root.report(),
    ]


def work(crew: Crew, number: int, gate: threading.Barrier, stop: threading.Event) -> None:
    """Do anything, round after round; what was not expected ends the whole run."""
    try:
        serve(crew, number, gate, stop)
    except threading.BrokenBarrierError:
        pass
    except BaseException:
        failures.append(traceback.format_exc())
        gate.abort()


def serve(crew: Crew, number: int, gate: threading.Barrier, stop: threading.Event) -> None:
    global refused
    chance = random.Random(number)
    todo = works(crew, chance)
    while not stop.is_set():
        until = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < until:
            try:
                chance.choice(todo)()
            except (MemoryError, PinnedError):
                refused += 1
            look(crew.root)
        gate.wait()
        gate.wait()


def add_up(crew: Crew) -> None:
    """See that every total is the sum of its parts, and that measuring anew finds the same."""
    parts = sum(getattr(one, "charged_nbytes", one.nbytes) for one in crew.members())
    if parts != crew.root.nbytes:
        raise SystemExit(f"the parts add up to {parts}, the root says {crew.root.nbytes}")

    def check(report: Any) -> None:
        if report.members and sum(one.nbytes for one in report.members) != report.nbytes:
            raise SystemExit(f"not the sum of its parts:\n{report}")
        for one in report.members:
            check(one)

    check(crew.root.report())
    for one in (crew.plain, crew.shared, crew.ring, crew.tracker):
        audit = one.audit()
        if audit.drift != 0:
            raise SystemExit(f"{type(one).__name__} drifts: {audit}")
    for one in crew.members():
        one._validate()
    crew.root._validate()


def main(seconds: float, max_bytes: int) -> None:
    """Run, and print what was found."""
    crew = make_crew(max_bytes)
    gate = threading.Barrier(THREADS + 1)
    stop = threading.Event()
    threads = [
        threading.Thread(target=work, args=(crew, number, gate, stop), daemon=True)
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    rounds = 0
    while not stop.is_set() and not failures:
        with contextlib.suppress(threading.BrokenBarrierError):
            gate.wait(timeout=120)
            add_up(crew)
            rounds += 1
            if time.monotonic() > end:
                stop.set()
            gate.wait(timeout=120)
    if failures:
        raise SystemExit("\n".join(failures))
    for thread in threads:
        thread.join(120)
    found = {
        "rounds": rounds,
        "looks": looks,
        "evicted": evicted,
        "refused": refused,
        "passed": passed,
        "peak": crew.root.peak_nbytes,
        "max_bytes": max_bytes,
    }
    print(json.dumps(found))


main(float(sys.argv[1]), int(sys.argv[2]))
