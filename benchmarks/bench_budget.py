"""One budget over several containers: what it costs, and what it is worth on recorded requests."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench_traces import TRACES, Requests, read_requests
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, compile_loop, time_contests
from bytebound import Budget, LRUCache

COUNT = 50_000
SIZE = 100
UNFILLED = "1GiB"

LOAD_SCRIPT = Path(__file__).parents[1] / "tests" / "isolated" / "budget_load.py"
LOAD_BYTES = 64 * 2**20
LOAD_SECONDS = 60

# The first is asked nine times as often as the second.
HOT, COLD = "mooncake_conv_blocks", "tau_context"
BOUND = 9_069_541

Cache = LRUCache[Any, Any]
Merged = list[tuple[int, str, int]]


def run(rounds: int) -> Suite:
    """Time puts at several depths, replay two traces at once, and run the load."""
    claims, rows = cost_of_levels(rounds)
    details = [Table(["ns a put, median and minimum", "median", "minimum"], rows)]
    details.append(Table(["members that share a budget", "ns a put that evicts"], crowds(rounds)))
    notes = []
    if TRACES.is_dir():
        worth, table = worth_on_traces()
        claims += worth
        details.append(table)
    else:
        notes.append(f"SKIPPED: recorded traces: BYTEBOUND_TRACES names no folder ({TRACES})")
    claims += load()
    return Suite("Budget", claims, details, notes)


# ---- what it costs ----

FILL = "for key in keys:\n    cache.put(key, key, size=SIZE)".replace("SIZE", str(SIZE))


def levels(depth: int) -> Budget | None:
    """Make a budget so many levels deep."""
    budget = None
    for _ in range(depth):
        budget = Budget(UNFILLED) if budget is None else budget.child()
    return budget


def cost_of_levels(rounds: int) -> tuple[list[Claim], list[list[str]]]:
    """Time filling a cache, where each put is charged at every level."""
    keys = list(range(COUNT))

    def fill(depth: int) -> Contest:
        def prepare() -> tuple[Cache, list[int]]:
            return Cache(UNFILLED, budget=levels(depth)), keys

        return Contest(compile_loop("cache, keys", FILL), prepare, COUNT)

    times = time_contests({str(depth): fill(depth) for depth in (0, 1, 3)}, rounds)
    more = times["3"].minimum - times["0"].minimum
    claims = [Claim("a put charged through three levels, more than without: ns", more, 10, 1)]
    rows = [
        [f"{depth} levels above the cache", f"{time.median:.1f}", f"{time.minimum:.1f}"]
        for depth, time in times.items()
    ]
    return claims, rows


def crowds(rounds: int) -> list[list[str]]:
    """Time puts that evict for the budget's sake, among so many members."""

    def crowd(count: int) -> Contest:
        def prepare() -> tuple[list[Cache], list[int]]:
            budget = Budget(COUNT * SIZE)
            members = [Cache(UNFILLED, budget=budget, charge_overhead=False) for _ in range(count)]
            for number in range(COUNT):
                members[number % count].put(number, number, size=SIZE)
            return members, list(range(COUNT, 2 * COUNT))

        body = (
            "count = len(members)\n"
            f"for key in keys:\n    members[key % count].put(key, key, size={SIZE})"
        )
        return Contest(compile_loop("members, keys", body), prepare, COUNT)

    times = time_contests({str(count): crowd(count) for count in (1, 2, 8, 32)}, rounds)
    return [[count, f"{time.median:.0f}"] for count, time in times.items()]


# ---- what it is worth ----


def merge(first: Requests, second: Requests) -> Merged:
    """Interleave two traces evenly, so that both end together."""
    placed = [
        (number / len(requests), which, key, size)
        for which, requests in enumerate((first, second))
        for number, (key, size) in enumerate(requests)
    ]
    placed.sort()
    return [(which, f"{which} {key}", size) for _place, which, key, size in placed]


def hit_ratio(requests: Merged, caches: Sequence[Cache]) -> float:
    """Replay, each trace in its own cache."""
    hits = 0
    for which, key, size in requests:
        cache = caches[which]
        if cache.get(key) == size:
            hits += 1
        elif size <= cache.max_bytes:
            cache.put(key, size, size=size)
    return hits / len(requests)


def plain(max_bytes: int, budget: Budget | None = None) -> Cache:
    """Make a cache that is charged for what the trace says, and nothing else."""
    return Cache(max_bytes, charge_overhead=False, budget=budget)


def worth_on_traces() -> tuple[list[Claim], Table]:
    """Compare two caches under a budget with one cache, and with shares fixed beforehand."""
    requests = merge(read_requests(HOT), read_requests(COLD))
    single = plain(BOUND)
    budget = Budget(BOUND)
    ratios = {
        "a single LRU over both": hit_ratio(requests, (single, single)),
        "two caches under a budget": hit_ratio(requests, [plain(BOUND, budget) for _ in "12"]),
    }

    def split(percent: int) -> float:
        share = BOUND * percent // 100
        return hit_ratio(requests, (plain(share), plain(BOUND - share)))

    best = max((split(percent), percent) for percent in (*range(5, 95, 5), *range(94, 100)))
    one, shared = ratios.values()
    ratios[f"the best fixed split, {best[1]} % to the first"] = best[0]
    claims = [
        Claim("hit ratio below that of a single LRU, in % of it", 100 * (1 - shared / one), 1),
        Claim("hit ratio of the best fixed split, of the budget's", best[0] / shared, 1, 4),
    ]
    rows = [[name, f"{ratio:.4f}"] for name, ratio in ratios.items()]
    return claims, Table([f"{HOT} and {COLD} at once, {BOUND:,} bytes", "hit ratio"], rows)


# ---- under load ----


def load() -> list[Claim]:
    """Have eight threads work on eight containers of different kinds."""
    ended = subprocess.run(
        [sys.executable, LOAD_SCRIPT, str(LOAD_SECONDS), str(LOAD_BYTES)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout)
    told: Callable[..., Claim] = partial(Claim, digits=0)
    return [
        told("eight containers, eight threads: peak of the root, MiB", found["peak"] / 2**20, 64),
        told("looks at the root that found it passed", found["passed"], 0),
        told("looks", found["looks"]),
        told("rounds after which all totals were exact and nothing had drifted", found["rounds"]),
    ]
