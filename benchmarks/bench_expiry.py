"""What a time to live costs: each operation with one beside the same without, and expiring."""

import gc
from collections.abc import Callable
from functools import partial
from itertools import cycle
from statistics import median
from time import perf_counter_ns
from typing import Any

from benchmarks.contestants import padded
from benchmarks.operations import GET, READ, WRITE
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, compile_loop, time_contests
from bytebound import LRUCache

ENTRIES = 1_000_000
SAMPLE = 200_000  # of random keys, for each loop
EXPIRED = 100_000
ROUNDS = 5  # the most; each takes seconds

KINDS: dict[str, dict[str, Any]] = {
    "without": {},
    "ttl": {"ttl": 3600},
    "idle_ttl": {"idle_ttl": 3600},
}


def run(rounds: int) -> Suite:
    """Time every operation, with and without times."""
    keys = [padded("key", number) for number in range(ENTRIES)]
    step = 7_919  # a prime, so that keys are met in an order that no cache line helps
    some = [keys[at * step % ENTRIES] for at in range(SAMPLE)]
    fresh = cycle(
        [[padded(f"new{batch}", number) for number in range(SAMPLE)] for batch in range(3)]
    )
    caches = {kind: fill(keys, settings) for kind, settings in KINDS.items()}
    bodies: dict[str, tuple[str, Callable[[], Any]]] = {
        "hit c[k]": (READ, lambda: some),
        "get": (GET, lambda: some),
        "miss": (GET, lambda: next(fresh)),
        "overwrite": (WRITE, lambda: some),
        "insert+evict": (WRITE, lambda: next(fresh)),
    }
    claims, rows = [], []
    for name, (body, prepare) in bodies.items():
        contests = {
            kind: Contest(
                compile_loop("cache, keys, values", body),
                partial(lambda cache, prepare: (cache, prepare(), keys), cache, prepare),
                SAMPLE,
            )
            for kind, cache in caches.items()
        }
        times = time_contests(contests, min(rounds, ROUNDS))
        plain = times["without"].median
        for kind in ("ttl", "idle_ttl"):
            share = times[kind].median / plain
            claims.append(Claim(f"{name} with {kind}, times without", share, 1.3))
        rows.append([name, *(f"{timing.median:.0f}" for timing in times.values())])
    del caches
    gc.collect()
    each = median(time_expire() for _ in range(min(rounds, ROUNDS)))
    claims.append(Claim(f"expire() of {EXPIRED:,}, ns each", each, 200, digits=0))
    return Suite(
        f"Expiry: {ENTRIES:,} entries, str keys and values",
        claims,
        [Table(["median ns", *KINDS], rows)],
        ["The timer is time.monotonic. Keys are met in an order as good as random."],
    )


def fill(keys: list[str], settings: dict[str, Any]) -> LRUCache[str, str]:
    """Make a full cache."""
    cache: LRUCache[str, str] = LRUCache("4GiB", max_items=ENTRIES, **settings)
    cache.put_many(zip(keys, keys, strict=True))
    return cache


def time_expire() -> float:
    """Time how long what has expired takes to leave, a piece."""
    now = 0.0
    cache: LRUCache[str, int] = LRUCache("4GiB", ttl=60, timer=lambda: now)
    cache.put_many((padded("key", number), number) for number in range(EXPIRED))
    now = 61.0
    start = perf_counter_ns()
    expired = cache.expire()
    taken = perf_counter_ns() - start
    if expired != EXPIRED:
        raise RuntimeError(f"{expired} entries expired, not {EXPIRED}")
    return taken / expired
