"""What a call of a memoized function costs beside one of functools.lru_cache's."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from benchmarks.bench_compat import call_contests, identity
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import memoize

HIT_TARGET = 1.5
MISSES = 2_000


class WithMethods:
    """Has a method of either kind."""

    @functools.lru_cache(None)  # noqa: B019 - to be measured
    def theirs(self, word: str) -> str:
        """Return the word."""
        return word

    @memoize
    def ours(self, word: str) -> str:
        """Return the word."""
        return word


def miss_contests() -> dict[str, Contest]:
    """Return calls with arguments that no result is known of."""

    def contest(decorate: Callable[[Any], Any]) -> Contest:
        body = "for number in numbers:\n    function(number)"
        loop = compile_loop("function, numbers", body)
        return Contest(loop, lambda: (decorate(lambda n: n), range(MISSES)), MISSES)

    return {"functools": contest(functools.lru_cache(None)), "memoize": contest(memoize())}


async def later(word: str) -> str:
    """Return the word."""
    return word


async def _await_all(function: Any, words: list[str]) -> None:
    for word in words:
        await function(word)


def async_contests() -> dict[str, Contest]:
    """Return awaited calls: plain, and with results that are known."""
    words = [f"key-{i}" for i in range(1_000)]
    kept = memoize()(later)
    asyncio.run(_await_all(kept, words))

    def contest(function: Any) -> Contest:
        return Contest(lambda: asyncio.run(_await_all(function, words)), lambda: (), len(words))

    return {"not cached": contest(later), "memoize": contest(kept)}


def run(rounds: int) -> Suite:
    """Time hits, of functions and methods, and misses."""
    holder = WithMethods()
    suites: dict[str, dict[str, Timing]] = {
        "hit on one str": time_contests(
            call_contests(
                {"functools": functools.lru_cache(None)(identity), "memoize": memoize()(identity)}
            ),
            rounds,
        ),
        "hit of a method": time_contests(
            call_contests({"functools": holder.theirs, "memoize": holder.ours}), rounds
        ),
        "miss": time_contests(miss_contests(), rounds),
        "hit of a coroutine function": time_contests(async_contests(), rounds),
    }
    claims = []
    rows = []
    for what, times in suites.items():
        base, (theirs, ours) = next(iter(times)), [timing.median for timing in times.values()]
        target = HIT_TARGET if what == "hit on one str" else None
        claims.append(Claim(f"{what}, times {base}", ours / theirs, target))
        rows.append([what, f"{theirs:.0f}", f"{ours:.0f}"])
    return Suite(
        f"memoize: {rounds} rounds",
        claims,
        [Table(["median ns", "theirs", "memoize"], rows)],
        [
            "A miss of memoize measures the result, looks who else computes it, and keeps it in a "
            "bound of bytes; lru_cache(None) keeps it for ever.",
        ],
    )
