"""How far a process grows when 400,000 nested messages go through a "32 MiB" cache.

Each cache has a process of its own. What counts is resident memory, from after the imports
and the first messages to the most it ever was.
"""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

from benchmarks.report import Claim, Suite, Table

MESSAGES = 400_000
BOUND = 32 << 20
GROWTH_TARGET = 1.10

# Timed together; they are held twice meanwhile, so they are few.
BATCH = 20
OURS = "bytebound"

Put = Callable[[str, Any], object]


class Footprint(NamedTuple):
    """What a stream of messages did to a process."""

    grown: int
    entries: int
    seconds: float


def make_message(number: int) -> dict[str, Any]:
    """Return a message of a conversation that shares nothing that counts with any other."""
    words = [f"word{number + place:07}" for place in range(0, 400, 20)]
    return {
        "id": f"message-{number:08}",
        "role": "assistant",
        "content": [
            {"type": "text", "text": " ".join(words)},
            {"type": "tool_use", "name": "search", "input": {"words": words, "limit": number}},
        ],
        "usage": {"input_tokens": number + 1000, "output_tokens": number + 2000},
        "scores": [number + place / 7 for place in range(8)],
    }


def shallow(key: object, value: object) -> int:
    """Measure as the documentation of every peer does."""
    return sys.getsizeof(key) + sys.getsizeof(value)


def make_bytebound() -> tuple[Put, Any]:
    """Deep sizes and the cache's own memory, as by default."""
    cache = import_module("bytebound").LRUCache(BOUND)
    return cache.put, cache.__len__


def make_cachetools() -> tuple[Put, Any]:
    """Sizes of values alone, for it measures no keys."""
    cache = import_module("cachetools").LRUCache(BOUND, getsizeof=sys.getsizeof)
    return cache.__setitem__, cache.__len__


def make_cachetools_deep() -> tuple[Put, Any]:
    """What it takes with a peer's cache to have what is ours by default."""
    sizer = import_module("pympler.asizeof").asizeof
    cache = import_module("cachetools").LRUCache(BOUND, getsizeof=sizer)
    return cache.__setitem__, cache.__len__


def make_cachebox() -> tuple[Put, Any]:
    """Sizes of keys and values."""
    cache = import_module("cachebox").LRUCache(BOUND, getsizeof=shallow)
    return cache.__setitem__, cache.__len__


def make_moka() -> tuple[Put, Any]:
    """Sizes of keys and values, and what it evicts late evicted now and then."""
    cache = import_module("moka_py").Moka(BOUND, policy="lru", weigher=shallow)
    return cache.set, cache.count


# By the distributions it takes: how it is made, and how it measures.
CONTESTANTS = {
    OURS: (make_bytebound, "deep, and own memory"),
    "cachetools": (make_cachetools, "getsizeof"),
    "cachebox": (make_cachebox, "getsizeof"),
    "moka-py": (make_moka, "getsizeof"),
    "cachetools+pympler": (make_cachetools_deep, "deep"),
}


def stream(name: str) -> Footprint:
    """Put all messages into one cache, in this process."""
    from bytebound.cli.measure import peak_resident_nbytes, resident_nbytes

    put, count = CONTESTANTS[name][0]()
    for number in range(-100, 0):
        put(f"key-{number:08}", make_message(number))
    gc.collect()
    start, peak = resident_nbytes(), 0
    seconds = 0.0
    for first in range(0, MESSAGES, BATCH):
        batch = [(f"key-{n:08}", make_message(n)) for n in range(first, first + BATCH)]
        begun = time.perf_counter()
        for key, message in batch:
            put(key, message)
        seconds += time.perf_counter() - begun
        del batch, key, message
        peak = max(peak, resident_nbytes())
    return Footprint(max(peak, peak_resident_nbytes()) - start, count(), seconds)


def stream_apart(name: str) -> Footprint:
    """Do the same in a child process."""
    command = [sys.executable, "-m", "benchmarks.bench_footprint", name]
    child = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Footprint(*json.loads(child.stdout))


def run(_rounds: int) -> Suite:
    """Run each cache that is installed, once."""
    rows, notes = [], []
    ratios = {}
    for name, (_, sizes) in CONTESTANTS.items():
        try:
            notes.append(", ".join(f"{part} {version(part)}" for part in name.split("+")))
        except ImportError as error:
            notes.append(f"SKIPPED: {name}: {error}")
            continue
        footprint = stream_apart(name)
        ratios[name] = footprint.grown / BOUND
        per_put = footprint.seconds / MESSAGES * 1e6
        rows.append(
            [
                name,
                sizes,
                f"{footprint.grown / (1 << 20):.1f}",
                f"{ratios[name]:.2f}",
                f"{footprint.entries:,}",
                f"{per_put:.2f}",
            ]
        )
    return Suite(
        f"footprint: {MESSAGES:,} nested messages through {BOUND >> 20} MiB",
        [Claim("growth of the process, times the bound", ratios[OURS], GROWTH_TARGET)],
        [Table(["", "sizes", "grown MiB", "/ bound", "entries", "us a put"], rows)],
        notes,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(stream(sys.argv[1])))
    else:
        print(run(1))
