"""The longest put of an LRU cache that grows, against the longest insert of a dict that does."""

import gc
import subprocess
import sys
from statistics import median
from time import perf_counter_ns
from typing import Any

from benchmarks.contestants import BASELINE, OURS, padded
from benchmarks.report import Claim, Suite
from benchmarks.timing import compile_loop
from bytebound import LRUCache

ENTRIES = 1_000_000

PUT_EACH = """\
longest = 0
for key in keys:
    start = now()
    cache[key] = value
    taken = now() - start
    if taken > longest:
        longest = taken
return longest"""


def run(rounds: int) -> Suite:
    """Take turns; a process for each time, for what was freed before changes how memory grows."""
    longest: dict[str, list[float]] = {BASELINE: [], OURS: []}
    for _ in range(rounds):
        for name, found in longest.items():
            child = subprocess.run(
                [sys.executable, "-m", "benchmarks.bench_lru_growth", name],
                check=True,
                stdout=subprocess.PIPE,
            )
            found.append(int(child.stdout) / 1e6)
    theirs, ours = longest[BASELINE], longest[OURS]
    return Suite(
        f"LRUCache: the longest put, growing to {ENTRIES:,} entries, {rounds} rounds",
        [
            Claim("times a dict's longest insert, medians", median(ours) / median(theirs), 1.0),
            Claim("times a dict's longest insert, minima", min(ours) / min(theirs)),
            Claim("longest put, ms, median", median(ours)),
            Claim("longest insert of a dict, ms, median", median(theirs)),
        ],
    )


def longest_put(name: str) -> int:
    """Return the nanoseconds of the longest put."""
    keys = [padded("key", number) for number in range(ENTRIES)]
    put_each = compile_loop("cache, keys, value, now", PUT_EACH)
    cache: Any = {} if name == BASELINE else LRUCache("1GiB")
    gc.disable()
    return int(put_each(cache, keys, padded("value", 0), perf_counter_ns))


if __name__ == "__main__":
    print(longest_put(sys.argv[1]))
