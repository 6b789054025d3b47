"""What a ring that counts bytes costs beside a deque, which counts items."""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.contestants import padded
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import RingBuffer

HELD = 10_000
ITEMS = 100_000
THEIRS, BY_ITEMS, BY_BYTES = "deque(maxlen)", "RingBuffer(max_items)", "RingBuffer(max_bytes)"
Use = tuple[str, str, Callable[[Any, list[str]], tuple[Any, ...]], int]

WRITE = "for item in items:\n    write(item)"
READ = "for index in indices:\n    ring[index]"
TURN = "for item in items:\n    write(item)\n    take()"
WALK = "for item in ring:\n    pass"


def make_items() -> list[str]:
    """Make str that are objects of their own, all of one size."""
    return [padded("item", number) for number in range(ITEMS)]


def make_rings(items: list[str], count: int) -> dict[str, Any]:
    """Make rings that hold about so many of these items, and drop one for each that comes."""
    probe = RingBuffer(items[:count], count)
    by_bytes = RingBuffer[str](max_bytes=probe.nbytes * 33 // 32)
    rings = {THEIRS: deque[str](maxlen=count), BY_ITEMS: probe, BY_BYTES: by_bytes}
    for ring in rings.values():
        ring.extend(items[:count])
        ring.extend(items[:count])
    return rings


def indices(low: int, high: int) -> list[int]:
    chance = Random(5)
    return [chance.randrange(low, high) for _ in range(2000)]


MIDDLE = indices(ITEMS * 45 // 100, ITEMS * 55 // 100)
ANYWHERE = indices(0, ITEMS)

# What is timed: parameters, loop, what it works on, and how many the rings hold.
USES: dict[str, Use] = {
    "append": ("write, items", WRITE, lambda ring, items: (ring.append, items), HELD),
    "appendleft": ("write, items", WRITE, lambda ring, items: (ring.appendleft, items), HELD),
    "append, popleft": (
        "write, take, items",
        TURN,
        lambda ring, items: (ring.append, ring.popleft, items),
        HELD,
    ),
    "index in the middle": ("ring, indices", READ, lambda ring, items: (ring, MIDDLE), ITEMS),
    "index anywhere": ("ring, indices", READ, lambda ring, items: (ring, ANYWHERE), ITEMS),
    "iterate": ("ring", WALK, lambda ring, items: (ring,), ITEMS),
}
OPERATIONS = {"index in the middle": len(MIDDLE), "index anywhere": len(ANYWHERE)}


def contests(name: str, items: list[str]) -> dict[str, Contest]:
    parameters, loop, given, count = USES[name]
    return {
        who: Contest(
            compile_loop(parameters, loop),
            lambda ring=ring: given(ring, items),
            OPERATIONS.get(name, ITEMS),
        )
        for who, ring in make_rings(items, count).items()
    }


def run(rounds: int) -> Suite:
    """Time every use for everybody, interleaved."""
    items = make_items()
    times = {name: time_contests(contests(name, items), rounds) for name in USES}
    bounds = [("bounded by items", BY_ITEMS, 1.3), ("bounded by bytes", BY_BYTES, 2.0)]
    claims = [
        Claim(f"append, {bound}, times deque's time", ratio(times["append"], who), most)
        for bound, who, most in bounds
    ]
    middle = ratio(times["index in the middle"], BY_ITEMS)
    claims.append(
        Claim(f"index in the middle of {ITEMS:,}, times deque's time", middle, 1 / 20, digits=3)
    )
    rows = [
        [name, *(f"{timing.median:.1f} ({ratio(of, who):.2f})" for who, timing in of.items())]
        for name, of in times.items()
    ]
    return Suite(
        f"RingBuffer: full of str items, {rounds} rounds",
        claims,
        [Table(["median ns", THEIRS, BY_ITEMS, BY_BYTES], rows)],
        [
            "In brackets: times the deque's. Both rings measure every item; the deque counts them.",
            f"Appending: {ITEMS:,} items to rings that hold {HELD:,}; else rings of {ITEMS:,}.",
        ],
    )


def ratio(times: dict[str, Timing], who: str) -> float:
    return times[who].median / times[THEIRS].median
