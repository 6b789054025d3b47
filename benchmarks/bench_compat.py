"""What the modules of bytebound.compat cost beside those whose places they take."""

import functools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound.compat import cachetools as our_cachetools
from bytebound.compat import functools as our_functools

ENTRIES = 10_000
STREAM = 40_000
CALLS = 1_000
TTL = 3600
BOUND = "16MiB"

KEYS = [f"key-{i}" for i in range(ENTRIES)]
FRESH = [f"fresh-{i}" for i in range(STREAM)]
NEW_VALUES = [f"val-{i}" for i in range(ENTRIES)]
CAPACITY = sum(map(len, KEYS))

# What is timed: the loop, and whether it goes over all keys or over those that are new.
OPERATIONS = {
    "hit": "for key in keys:\n    cache[key]",
    "overwrite": "for key, value in zip(keys, values):\n    cache[key] = value",
    "insert with eviction": "for key in fresh:\n    cache[key] = key",
}
LEAST_TIMES_FASTER = 4
ONE_ARGUMENT_TARGET = 1.15
BOUNDED_TARGET = 1.4


def fill(make: Callable[[], Any]) -> tuple[Any, ...]:
    """Return a full cache and what the loops want."""
    cache = make()
    for key in KEYS:
        cache[key] = key
    return cache, KEYS, NEW_VALUES, FRESH


def cache_contests(kind: str, operation: str, getsizeof: Any, modules: Any) -> dict[str, Contest]:
    """Return the same loop over one kind of cache of each module."""
    extra = (TTL,) if kind == "TTLCache" else ()
    count = STREAM if "fresh" in OPERATIONS[operation] else ENTRIES
    return {
        name: Contest(
            compile_loop("cache, keys, values, fresh", OPERATIONS[operation]),
            lambda module=module: fill(
                lambda: getattr(module, kind)(CAPACITY, *extra, getsizeof=getsizeof)
            ),
            count,
        )
        for name, module in modules.items()
    }


def call_contests(functions: dict[str, Callable[[str], Any]]) -> dict[str, Contest]:
    """Return calls of each function with arguments that it knows."""
    words = KEYS[:CALLS]
    for function in functions.values():
        for word in words:
            function(word)
    body = "for word in words:\n    function(word)"
    return {
        name: Contest(
            compile_loop("function, words", body),
            lambda function=function: (function, words),
            CALLS,
        )
        for name, function in functions.items()
    }


def identity(word: str) -> str:
    """Return the word: the least that a function can do."""
    return word


def run(rounds: int) -> Suite:
    """Time every kind of cache at every operation, and calls of cached functions."""
    claims: list[Claim] = []
    rows: list[list[str]] = []
    notes = [
        "getsizeof is len, or a lambda that calls len: that one call of Python code costs both "
        "caches the same, so their ratio is less with it.",
        f"Caches of {ENTRIES:,} str; lru_cache: {CALLS:,} results.",
    ]
    if find_spec("cachetools") is None:
        notes.append("cachetools is not installed.")
    else:
        import cachetools

        modules = {"cachetools": cachetools, "bytebound": our_cachetools}
        for kind in ("LRUCache", "TTLCache"):
            for label, getsizeof in {"len": len, "a lambda": lambda value: len(value)}.items():
                for operation in OPERATIONS:
                    times = time_contests(
                        cache_contests(kind, operation, getsizeof, modules), rounds
                    )
                    ratio = times["bytebound"].median / times["cachetools"].median
                    text = f"{kind}, getsizeof {label}, {operation}, times cachetools' time"
                    target = 1 / LEAST_TIMES_FASTER if label == "len" else None
                    claims.append(Claim(text, ratio, target))
                    rows.append(row(f"{kind} {operation} ({label})", times, "cachetools"))
    times = time_contests(
        call_contests(
            {
                "functools": functools.lru_cache(None)(identity),
                "bytebound": our_functools.lru_cache(None)(identity),
                BOUND: our_functools.lru_cache(None, max_bytes=BOUND)(identity),
            }
        ),
        rounds,
    )
    base = times["functools"].median
    claims += [
        Claim(
            "lru_cache, hit on one str, times functools' own",
            times["bytebound"].median / base,
            ONE_ARGUMENT_TARGET,
        ),
        Claim(f"the same with {BOUND}", times[BOUND].median / base, BOUNDED_TARGET),
    ]
    rows.append(row("lru_cache hit", times, "functools"))
    return Suite(
        f"bytebound.compat: {rounds} rounds",
        claims,
        [Table(["median ns", "theirs", "ours", "times faster"], rows)],
        notes,
    )


def row(what: str, times: dict[str, Timing], theirs: str) -> list[str]:
    """Return a row of the table of medians."""
    other, ours = times[theirs].median, times["bytebound"].median
    return [what, f"{other:.0f}", f"{ours:.0f}", f"{other / ours:.1f}"]
