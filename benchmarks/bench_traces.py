"""Recorded requests: how many a second, and whether an LRU counts what a simulator counts.

The traces lie in the folder that ``BYTEBOUND_TRACES`` names, with what another implementation
counted on them in ``expected.jsonl`` and the number of size changes in ``manifest.json``.
"""

import csv
import json
import lzma
import os
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, compile_loop, time_contests
from bytebound import LRUCache

ROOT = Path(__file__).resolve().parents[1]
TRACES = ROOT / os.environ.get("BYTEBOUND_TRACES", "../shared/traces")

# Long traces, each with a bound at which some requests hit and others evict.
TIMED = {"cloudphysics": 608_930_816, "mooncake_conv_blocks": 9_069_541, "cache2k_web12": 1_375}

# What is kept under a key is the size that it was put with.
BY_PUT = """\
for key, size in requests:
    if cache.get(key) != size:
        cache.put(key, size, size=size)"""
BY_ITEM = """\
for key, size in requests:
    if cache.get(key) != size:
        cache[key] = size"""

Requests = list[tuple[str, int]]


def run(rounds: int) -> Suite:
    """Replay what there is; a folder that is absent is told by name."""
    title = "LRUCache on recorded traces"
    if not TRACES.is_dir():
        absent = f"SKIPPED: recorded traces: BYTEBOUND_TRACES names no folder ({TRACES})"
        return Suite(title, [], notes=[absent])
    makers, notes = find_makers()
    rates = []
    for name, bound in TIMED.items():
        times = time_contests(contests(makers, read_requests(name), bound), rounds)
        rates.append([name, f"{bound:,}", *(f"{1e3 / of.median:.2f}" for of in times.values())])
    compared, different = compare()
    return Suite(
        title,
        [
            Claim(f"of {compared} rows of another implementation, not met", different, 0, 0),
        ],
        [Table(["million requests a second, median", "bound", *makers], rates)],
        [
            "bytebound and cachetools, cachebox: with the sizes of the trace; the dict: no bound.",
            *notes,
        ],
    )


def read_requests(name: str) -> Requests:
    """Return key and size of every request."""
    with lzma.open(TRACES / f"{name}.csv.xz", "rt") as file:
        return [(row["key"], int(row["size"])) for row in csv.DictReader(file)]


def new_cache(bound: int) -> LRUCache[str, int]:
    """Make a cache that is charged for what the trace says, and nothing else."""
    return LRUCache(bound, charge_overhead=False)


# ---- requests a second ----


def find_makers() -> tuple[dict[str, Callable[[int], Any]], list[str]]:
    """Return what makes a cache of so many bytes, by name, and a line on each peer absent."""
    makers: dict[str, Callable[[int], Any]] = {"dict": lambda _bound: {}, "bytebound": new_cache}
    notes = []
    for module, sizer in (("cachebox", lambda _key, value: value), ("cachetools", int)):
        try:
            kind = import_module(module).LRUCache
        except ImportError as error:
            notes.append(f"SKIPPED: {module}: {error}")
        else:
            makers[module] = partial(kind, getsizeof=sizer)
    return makers, notes


def contests(
    makers: dict[str, Callable[[int], Any]], requests: Requests, bound: int
) -> dict[str, Contest]:
    """Enter everybody for a trace; each round starts with an empty cache."""
    return {
        name: Contest(
            compile_loop("cache, requests", BY_PUT if make is new_cache else BY_ITEM),
            lambda make=make: (make(bound), requests),  # type: ignore[misc]
            len(requests),
        )
        for name, make in makers.items()
    }


# ---- what is counted ----


def compare() -> tuple[int, int]:
    """Return how many rows of ``expected.jsonl`` apply, and how many are counted otherwise.

    Where sizes change, only the rows do whose cache puts what has another size anew.
    """
    manifest = json.loads((TRACES / "manifest.json").read_text())
    changes = {entry["file"].split(".")[0]: entry.get("size_changes") for entry in manifest}
    read = cache(read_requests)
    compared = different = 0
    for line in (TRACES / "expected.jsonl").read_text().splitlines():
        row = json.loads(line)
        fixed = row["policy"] == "LRU" and changes[row["trace"]] == 0
        if fixed or row["policy"] == "LRU_resize_on_hit":
            counts = replay(read(row["trace"]), row["cache"])
            compared += 1
            different += any(row[name] != count for name, count in counts.items())
    return compared, different


def replay(requests: Requests, bound: int) -> dict[str, int]:
    """Replay and count; the names are those of ``expected.jsonl``."""
    lru = new_cache(bound)
    miss_bytes = 0
    for key, size in requests:
        kept = lru.get(key)
        if kept is None:
            miss_bytes += size
        if kept != size:
            lru.put(key, size, size=size)
    stats = lru.stats()
    return {
        "n": stats.hits + stats.misses,
        "n_miss": stats.misses,
        "miss_bytes": miss_bytes,
        "occ": stats.payload_nbytes,
        "nobj": stats.items,
    }
