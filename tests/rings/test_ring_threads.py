"""Many threads on one ring, and on several under one budget, with and without the GIL."""

import contextlib
import gc
import random
from collections.abc import Callable
from typing import Any

import pytest
from threads import SECONDS, run_threads

from bytebound import Budget, RingBuffer, sizeof

pytestmark = pytest.mark.usefixtures("switch_often")

THREADS = 8
Ring = RingBuffer[Any]
Work = Callable[[random.Random], object]


class Ledger:
    """Counts what entered by hand and left by callback, without a lock of its own."""

    def __init__(self) -> None:
        self.entered = [0] * THREADS
        self.left: list[Any] = []

    def callback(self, item: Any, reason: str) -> None:
        self.left.append(None)  # the append of a list is atomic in both builds
        assert item[0] == "item"


def fresh(chance: random.Random) -> tuple[str, bytes]:
    return ("item", bytes(chance.randrange(300)))


def operations(ring: Ring, ledger: Ledger, lane: int) -> Work:
    """Make a worker of random operations; each item is a new tuple."""

    def append(chance: random.Random) -> None:
        (ring.append if chance.random() < 0.8 else ring.appendleft)(fresh(chance))
        ledger.entered[lane] += 1

    def pop(chance: random.Random) -> None:
        (ring.popleft if chance.random() < 0.8 else ring.pop)()

    def insert(chance: random.Random) -> None:
        ring.insert(chance.randrange(20), fresh(chance))
        ledger.entered[lane] += 1

    def assign(chance: random.Random) -> None:
        ring[chance.randrange(-20, 20)] = fresh(chance)
        ledger.entered[lane] += 1

    def splice(chance: random.Random) -> None:
        items = [fresh(chance) for _ in range(chance.randrange(4))]
        ring[2:5] = items
        ledger.entered[lane] += len(items)

    def delete(chance: random.Random) -> None:
        del ring[chance.randrange(20)]

    def delete_slice(chance: random.Random) -> None:
        del ring[::7]

    def read(chance: random.Random) -> None:
        assert ring[chance.randrange(-20, 20)][0] == "item"

    def search(chance: random.Random) -> None:
        assert "absent" not in ring
        assert ring.count("absent") == 0

    def remove(chance: random.Random) -> None:
        ring.remove(ring[chance.randrange(20)])

    def walk(chance: random.Random) -> None:
        for item in ring if chance.random() < 0.5 else reversed(ring):
            assert item[0] == "item"

    def look(chance: random.Random) -> None:
        stats = ring.stats()
        assert stats.nbytes <= (stats.max_bytes or 0)
        assert stats.payload_nbytes + stats.overhead_nbytes == stats.nbytes
        ring._validate()
        assert sizeof(ring) > 0
        ring.audit()

    def lists(chance: random.Random) -> None:
        assert all(item[0] == "item" for item in [*ring.head(9), *ring.tail(9)])
        if ring.budget is None:  # items of a copy may leave for it, and would be reported
            assert all(item[0] == "item" for item in ring.copy()[1:9])

    turns: list[Work] = [
        lambda chance: ring.rotate(chance.randrange(-9, 9)),
        lambda chance: ring.reverse(),
        lambda chance: ring.clear(),
        lambda chance: ring.trim(3000),
        lambda chance: ring.resize(chance.randrange(50, 100), chance.randrange(8000, 20_000)),
        lambda chance: ring.item_nbytes(3),
        lambda chance: ring.remeasure(3),
    ]
    choices: list[Work] = [append] * 40 + [read] * 20 + [pop] * 15 + [insert, assign, splice] * 4
    choices += [delete, delete_slice, search, remove, walk, look, lists, *turns]

    def work(chance: random.Random) -> None:
        for choice in chance.choices(choices, k=50):
            with contextlib.suppress(IndexError, ValueError):
                try:
                    choice(chance)
                except RuntimeError as error:
                    assert "changed" in str(error)  # noqa: PT017

    return work


def check_at_the_end(ring: Ring, ledger: Ledger) -> None:
    """Check that nothing was lost: entered = left by callback + still there."""
    ring._validate()
    assert ring.payload_nbytes == sum(ring.item_nbytes(at) for at in range(len(ring)))
    assert len(ledger.left) + len(ring) == sum(ledger.entered)


def test_random_operations_on_one_ring() -> None:
    ledger = Ledger()
    ring = Ring(max_items=100, max_bytes=20_000, on_evict=ledger.callback)
    run_threads(*(operations(ring, ledger, lane) for lane in range(THREADS)))
    check_at_the_end(ring, ledger)


def test_random_operations_on_several_rings_under_one_budget() -> None:
    root = Budget(24_000)
    budget = Budget(20_000, parent=root)
    ledgers = [Ledger() for _ in range(4)]
    rings = [Ring(max_bytes=20_000, budget=budget, on_evict=ledger.callback) for ledger in ledgers]

    def tolerant(lane: int) -> Work:
        work = operations(rings[lane % 4], ledgers[lane % 4], lane)

        def run(chance: random.Random) -> None:
            with contextlib.suppress(MemoryError):
                work(chance)
            assert budget.nbytes <= budget.max_bytes
            assert root.nbytes <= root.max_bytes

        return run

    run_threads(*(tolerant(lane) for lane in range(THREADS)))
    for ring, ledger in zip(rings, ledgers, strict=True):
        check_at_the_end(ring, ledger)
    gc.collect()
    budget._validate()
    root._validate()
    assert root.peak_nbytes <= root.max_bytes
    assert budget.nbytes == root.nbytes == sum(ring.nbytes for ring in rings)


def test_every_item_is_taken_once_and_in_order() -> None:
    """Producers at the right, consumers at the left: a queue that loses nothing."""
    ring = Ring(max_items=10**6)
    given = [0] * 4
    taken: list[list[tuple[int, int]]] = [[] for _ in range(4)]

    def give(lane: int) -> Work:
        def work(chance: random.Random) -> None:
            for _ in range(20):
                ring.append((lane, given[lane]))
                given[lane] += 1

        return work

    def take(mine: list[tuple[int, int]]) -> Work:
        def work(chance: random.Random) -> None:
            for _ in range(30):
                with contextlib.suppress(IndexError):
                    mine.append(ring.popleft())

        return work

    run_threads(*map(give, range(4)), *map(take, taken), seconds=SECONDS / 2)
    everything = [item for mine in (*taken, [*ring]) for item in mine]
    assert sorted(everything) == [(lane, n) for lane in range(4) for n in range(given[lane])]
    for mine in taken:
        for lane in range(4):
            of_lane = [number for giver, number in mine if giver == lane]
            assert of_lane == sorted(of_lane)


def test_one_iterator_shared_by_threads_gives_each_item_once() -> None:
    ring = Ring(range(50_000), 50_000)
    shared = iter(ring)
    parts: list[list[int]] = [[] for _ in range(THREADS)]

    def take(part: list[int]) -> Work:
        return lambda chance: part.extend(number for number in [next(shared, None)] if number)

    run_threads(*map(take, parts), seconds=SECONDS / 2)
    met = [number for part in parts for number in part]
    assert len(met) == len(set(met))


def test_collections_and_restarts_meanwhile() -> None:
    ring = Ring(max_items=50)

    def write(chance: random.Random) -> None:
        for _ in range(20):
            cycle: list[Any] = [ring]
            cycle.append(cycle)
            ring.append(cycle)

    def start_over(chance: random.Random) -> None:
        ring.__init__([1, 2], chance.randrange(1, 60))  # type: ignore[misc]

    run_threads(*[write] * 5, start_over, *[lambda chance: gc.collect()] * 2, seconds=SECONDS / 2)
    ring._validate()


def test_rings_made_and_dropped_under_one_budget() -> None:
    budget = Budget("4GiB")  # with room for those that wait for the collector

    def live(chance: random.Random) -> None:
        ring = Ring(range(chance.randrange(50)), max_bytes="64KiB", budget=budget)
        if chance.random() < 0.5:
            ring.append(ring)
        ring.copy()

    run_threads(*[live] * THREADS, seconds=SECONDS / 2)
    gc.collect()
    assert budget.nbytes == 0
    budget._validate()
