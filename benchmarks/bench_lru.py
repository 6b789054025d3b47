"""What a byte-accounted LRU cache costs beside a dict, and beside caches that count entries."""

from collections.abc import Callable

from benchmarks.contestants import BASELINE, MAIN, OURS, find_peers
from benchmarks.operations import (
    ENTRIES,
    OPERATIONS,
    STREAM,
    ZIPF_REQUESTS,
    ZIPF_SHARE,
    contests,
    make_data,
)
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Timing, time_contests


def run(rounds: int) -> Suite:
    """Time every operation for everybody, interleaved."""
    peers, notes = find_peers()
    contestants = MAIN | peers
    data = make_data(ENTRIES)
    times = {name: time_contests(contests(name, contestants, data), rounds) for name in OPERATIONS}
    claims = [
        Claim(f"{name}, times a dict's time", _ratio(times[name], BASELINE), operation.target)
        for name, operation in OPERATIONS.items()
    ]
    for peer in peers:
        ratios = {name: _ratio(of, peer) for name, of in times.items() if peer in of}
        worst = max(ratios, key=ratios.__getitem__)
        claims.append(Claim(f"times {peer}'s time where it is most ({worst})", ratios[worst], 1.0))
    return Suite(
        f"LRUCache: {ENTRIES:,} entries, str keys and values, {rounds} rounds",
        claims,
        [
            _table("median ns", list(contestants), times, lambda timing: timing.median),
            _table("minimum ns", list(contestants), times, lambda timing: timing.minimum),
        ],
        [
            "In brackets: times the dict's. Lookups and overwriting: in random order, or in the "
            "order in which the keys were put.",
            "bytebound: deep sizes and own overhead charged; the others count entries.",
            f"insert+evict: {STREAM * ENTRIES:,} new keys into full caches, once: {ENTRIES:,}; "
            "the dict starts empty and keeps them all.",
            f"zipf: {ZIPF_REQUESTS * ENTRIES:,} requests for {ENTRIES:,} keys by exponent 1, all "
            f"from empty; caches hold {int(ENTRIES * ZIPF_SHARE):,}, the dict keeps them all.",
            "functools: calls of lru_cache(str), which answers misses itself.",
            *notes,
        ],
    )


def _ratio(times: dict[str, Timing], other: str) -> float:
    return times[OURS].median / times[other].median


def _table(
    what: str,
    names: list[str],
    times: dict[str, dict[str, Timing]],
    pick: Callable[[Timing], float],
) -> Table:
    rows = []
    for operation, timings in times.items():
        base = pick(timings[BASELINE])
        taken = {name: pick(timing) for name, timing in timings.items()}
        rows.append(
            [operation]
            + [
                f"{taken[name]:.0f} ({taken[name] / base:.2f})" if name in taken else "-"
                for name in names
            ]
        )
    return Table([what, *names], rows)
