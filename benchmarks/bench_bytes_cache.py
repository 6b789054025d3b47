"""What a cache of bytes costs beside LRUCache, in time, in memory and for the collector."""

import gc
import json
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from benchmarks.bytes_growth import BOUND, ENTRIES, TIMES
from benchmarks.operations import GET, READ, WRITE
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import BytesCache, LRUCache

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = 200_000
SIZE = 100
COLLECTIONS = 9


def key(number: int) -> bytes:
    return b"key number %012d" % number


def fill(cache: Any, keys: list[bytes], values: list[bytes]) -> Any:
    """Put more than there is room for."""
    for at, name in enumerate(keys):
        cache[name] = values[at % SAMPLE]
    return cache


def time_operations(rounds: int) -> dict[str, dict[str, Timing]]:
    """Time what both do, in turn, with the same keys and values, in caches of one bound."""
    values = [bytes([number % 256]) * SIZE for number in range(SAMPLE)]
    keys = [key(number) for number in range(ENTRIES)]
    caches = {
        "BytesCache": fill(BytesCache(BOUND), keys, values),
        "LRUCache": fill(LRUCache[bytes, bytes](BOUND), keys, values),
    }
    newest = keys[-min(SAMPLE, *map(len, caches.values())) :]
    random.Random(1).shuffle(newest)
    equal = [bytes(bytearray(name)) for name in newest]
    gone = [key(-1 - number) for number in range(SAMPLE)]
    fresh = cycle(
        [[key(ENTRIES * batch + number) for number in range(SAMPLE)] for batch in range(2, 8)]
    )
    batches: dict[int, list[bytes]] = {}

    def next_batch() -> list[bytes]:
        """Give both the same keys, which neither has."""
        turn = len(batches)
        batches[turn] = batches[turn - 1] if turn % 2 else next(fresh)
        return batches[turn]

    bodies: dict[str, tuple[str, Callable[[], list[bytes]]]] = {
        "hit, by another object": (READ, lambda: equal),
        "hit, by the object put": (READ, lambda: newest),
        "miss": (GET, lambda: gone),
        "overwrite": (WRITE, lambda: equal),
        "insert and evict": (WRITE, next_batch),
    }
    return {
        name: time_contests(
            {
                who: Contest(
                    compile_loop("cache, keys, values", body),
                    lambda cache=cache, give=give: (cache, give(), values),
                    len(newest) if name != "insert and evict" else SAMPLE,
                )
                for who, cache in caches.items()
            },
            rounds,
        )
        for name, (body, give) in bodies.items()
    }


def time_collections() -> tuple[float, float]:
    """Nanoseconds of a full collection with a full cache, and without one; the least of some."""
    keys = [key(number) for number in range(ENTRIES)]
    taken: dict[bool, list[int]] = {True: [], False: []}
    for there in [True, False] * COLLECTIONS:
        cache = fill(BytesCache(BOUND), keys[:300_000], [bytes(SIZE)] * SAMPLE) if there else None
        for _ in range(5):
            start = perf_counter_ns()
            gc.collect()
            taken[there].append(perf_counter_ns() - start)
        del cache
    return min(taken[True]), min(taken[False])


def run(rounds: int) -> Suite:
    """Time operations and collections, and measure a process of its own."""
    times = time_operations(rounds)
    command = [sys.executable, "-m", "benchmarks.bytes_growth"]
    growth = json.loads(
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    )
    collected = time_collections()
    wanted = {"hit, by another object": 1.5, "insert and evict": 1.5}
    return Suite(
        f"BytesCache: {ENTRIES:,} entries into {BOUND >> 20} MiB, {rounds} rounds",
        [
            *(
                Claim(
                    f"{name}: times LRUCache's",
                    of["BytesCache"].median / of["LRUCache"].median,
                    wanted.get(name),
                )
                for name, of in times.items()
            ),
            Claim(
                f"MiB that the process grows, replaced {TIMES} times over",
                growth["growth"] / 2**20,
                (BOUND >> 20) + 1,
            ),
            Claim("a full collection with it: times one without", collected[0] / collected[1], 1.0),
        ],
        [
            Table(
                ["median ns", "BytesCache", "LRUCache"],
                [
                    [name, f"{of['BytesCache'].median:.0f}", f"{of['LRUCache'].median:.0f}"]
                    for name, of in times.items()
                ],
            )
        ],
        [
            f"Keys of 23 bytes, values of {SIZE}. LRUCache keeps objects that are there anyway; "
            "BytesCache copies them in, and makes each anew that it gives out.",
            f"Growing: {growth['kept']:,} entries kept, whose keys and values are "
            f"{growth['payload']:,} bytes of {growth['nbytes']:,}.",
        ],
    )
