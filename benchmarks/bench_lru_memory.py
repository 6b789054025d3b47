"""The native memory that an LRU cache takes for itself, beside what its keys and values take."""

import tracemalloc
from itertools import islice
from math import log

from benchmarks.contestants import padded
from benchmarks.report import Claim, Suite
from bytebound import LRUCache

FIRST = 1_000
LAST = 500_000
VALUE = padded("value", 0)


def run(_rounds: int) -> Suite:
    """Grow a cache entry by entry; nothing here depends on time, so once is enough."""
    keys = [padded("key", number) for number in range(LAST)]
    overheads = grow(keys)
    counts = range(FIRST, LAST + 1)
    each = [overheads[count - 1] / count for count in counts]
    by_size = sum(size / count for size, count in zip(each, counts, strict=True))
    steps = [count for count in counts if overheads[count - 1] != overheads[count - 2]]
    return Suite(
        f"LRUCache: bytes of its own for each entry, growing from {FIRST:,} to {LAST:,}",
        [
            Claim("average over every number of entries", sum(each) / len(each), 56, 1),
            Claim(
                "the same, every size as likely as its double", by_size / log(LAST / FIRST), 56, 1
            ),
            Claim(f"at {LAST:,} entries", each[-1], 64, 1),
            Claim("the most, just after a step", max(each), None, 1),
            Claim(
                "bytes that tracemalloc saw otherwise, at any step", disagreement(keys, steps), 0, 0
            ),
        ],
        notes=[f"{len(steps)} steps; tracemalloc was asked at each of them."],
    )


def grow(keys: list[str]) -> list[int]:
    """Return the overhead after each key."""
    cache: LRUCache[str, str] = LRUCache("1GiB")
    overheads = []
    for key in keys:
        cache[key] = VALUE
        overheads.append(cache.overhead_nbytes)
    return overheads


def disagreement(keys: list[str], steps: list[int]) -> int:
    """Return the most bytes by which overhead and tracemalloc's growth ever differ."""
    cache: LRUCache[str, str] = LRUCache("1GiB")
    rest = iter(keys)
    most = done = seen = 0
    tracemalloc.start()
    try:
        for step in steps:
            batch = list(islice(rest, step - done))
            # Less what the counting itself takes: the same with nothing put.
            seen += traced_put(cache, batch) - traced_put(cache, [])
            done = step
            most = max(most, abs(seen - cache.overhead_nbytes))
    finally:
        tracemalloc.stop()
    return most


def traced_put(cache: "LRUCache[str, str]", keys: list[str]) -> int:
    """Return by how many bytes the traced memory grew while some keys were put."""
    before, _ = tracemalloc.get_traced_memory()
    for key in keys:
        cache[key] = VALUE
    after, _ = tracemalloc.get_traced_memory()
    return after - before
