"""What a queue that counts bytes costs beside those that count items, and what a stream takes."""

import asyncio
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import BoundedQueue

ITEMS = 100_000
SIZES = (10, 100, 1000)
BOUND = "64MiB"
OURS, THREADS, TASKS = "BoundedQueue", "queue.Queue", "asyncio.Queue"

STREAM = 10_000 * 2**20
STREAM_BOUND = 16 * 2**20
STREAM_SCRIPT = Path(__file__).parents[1] / "tests" / "isolated" / "queue_stream.py"

PRODUCE = "for item in items:\n    put(item)"
CONSUME = "for _ in items:\n    get()"
BOTH = "for item in items:\n    put(item)\n    get()"

Make = Callable[[int], Any]
MADE: dict[str, Make] = {
    OURS: lambda size: BoundedQueue(BOUND, size),
    THREADS: queue.Queue,
    TASKS: asyncio.Queue,
}


def make_items() -> list[str]:
    """Make texts as messages are."""
    return [f"message number {number}" for number in range(ITEMS)]


def two_threads(make: Make, size: int, items: list[str]) -> Contest:
    """Pass items from one thread to another."""
    produce = compile_loop("items, put", PRODUCE)
    consume = compile_loop("items, get", CONSUME)

    def pass_on(queue_: Any) -> None:
        producer = threading.Thread(target=produce, args=(items, queue_.put))
        producer.start()
        consume(items, queue_.get)
        producer.join()

    return Contest(pass_on, lambda: (make(size),), ITEMS)


def one_thread(make: Make, size: int, items: list[str]) -> Contest:
    """Put an item and get it, with nobody waiting."""
    both = compile_loop("items, put, get", BOTH)
    return Contest(lambda queue_: both(items, queue_.put, queue_.get), lambda: (make(size),), ITEMS)


def names_of(queue_: Any) -> tuple[Any, Any]:
    """Return how a queue is put to and got from by tasks."""
    if isinstance(queue_, BoundedQueue):
        return queue_.aput, queue_.aget
    return queue_.put, queue_.get


def two_tasks(make: Make, size: int, items: list[str]) -> Contest:
    """Pass items from one task to another."""

    async def produce(put: Any) -> None:
        for item in items:
            await put(item)

    async def consume(get: Any) -> None:
        for _ in items:
            await get()

    async def pass_on(queue_: Any) -> None:
        put, get = names_of(queue_)
        await asyncio.gather(produce(put), consume(get))

    return Contest(lambda queue_: asyncio.run(pass_on(queue_)), lambda: (make(size),), ITEMS)


def one_task(make: Make, size: int, items: list[str]) -> Contest:
    """Put an item and get it in a task, with nobody waiting."""

    async def both(queue_: Any) -> None:
        put, get = names_of(queue_)
        for item in items:
            await put(item)
            await get()

    return Contest(lambda queue_: asyncio.run(both(queue_)), lambda: (make(size),), ITEMS)


def stream(how: str) -> tuple[float, float]:
    """Return the most bytes charged and the growth of the process, in MiB."""
    command = [sys.executable, str(STREAM_SCRIPT), str(STREAM), str(STREAM_BOUND), how]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    peak, growth, passed = map(int, output.split())
    assert passed == STREAM
    return peak / 2**20, growth / 2**20


def run(rounds: int) -> Suite:
    """Time every way of passing items on, and stream 10 GB through 16 MiB."""
    items = make_items()
    found: dict[str, dict[str, Timing]] = {}
    claims = []
    ways: list[tuple[str, Any, str, float, tuple[int, ...]]]
    ways = [("between two threads", two_threads, THREADS, 0.5, SIZES)]
    ways += [("put and get in one thread", one_thread, THREADS, 0.5, SIZES[-1:])]
    ways += [("between two tasks of a loop", two_tasks, TASKS, 1.0, SIZES)]
    ways += [("put and get in one task", one_task, TASKS, 1.0, SIZES[-1:])]
    for what, contest, other, target, sizes in ways:
        for size in sizes:
            name = f"{what}, {size:,} items at most"
            contests = {which: contest(MADE[which], size, items) for which in (OURS, other)}
            times = found[name] = time_contests(contests, rounds)
            ratio = times[OURS].median / times[other].median
            claims.append(Claim(f"{name}, times {other}'s time", ratio, target))
    for how in ("threads", "tasks"):
        peak, growth = stream(how)
        claims.append(Claim(f"10 GB by {how} through 16 MiB: most bytes charged, MiB", peak, 16))
        claims.append(Claim(f"10 GB by {how} through 16 MiB: growth, MiB", growth, 20))
    return Suite(
        f"BoundedQueue: {ITEMS:,} str items, {rounds} rounds",
        claims,
        [_table(found)],
        [
            f"bytebound: bound to {BOUND} too, and measuring each item; the others count items.",
            "10 GB: 1 MiB at a time, every page written, to a consumer that sums up one in 64; "
            "nothing lost, in order.",
        ],
    )


def _table(found: dict[str, dict[str, Timing]]) -> Table:
    rows = []
    for name, times in found.items():
        ours, theirs = (timing.median for timing in times.values())
        rows.append([name, f"{ours:,.0f}", f"{theirs:,.0f}"])
    return Table(["median ns an item", OURS, "theirs"], rows)
