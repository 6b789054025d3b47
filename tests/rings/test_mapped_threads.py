"""Many threads on one mapped ring, and on several under one budget, with and without the GIL."""

import contextlib
import itertools
import random
from typing import Any

import numpy as np
import pytest
from threads import run_threads

from bytebound import ArrayRing, Budget, BudgetExceededError, ByteRing

pytestmark = pytest.mark.usefixtures("switch_often")
SECONDS = 0.5
KIB = 1024


def make_record(chance: random.Random) -> bytes:
    """Return a record of which each byte tells the others."""
    return bytes([chance.randrange(256)]) * chance.choice([0, 1, 30, 700, 5000])


def check_record(record: Any) -> None:
    assert len(set(record)) <= 1
    assert len(record) in (0, 1, 30, 700, 5000)


@pytest.mark.parametrize("on_pinned", ["raise", "copy"])
def test_records_stay_whole(on_pinned: Any) -> None:
    budget = Budget("1MiB")
    ring = ByteRing(64 * KIB, on_pinned=on_pinned, budget=budget)
    kept: list[Any] = []

    def append(chance: random.Random) -> None:
        with contextlib.suppress(BufferError):
            ring.append(make_record(chance))
            ring.extend([make_record(chance), make_record(chance)])

    def read(chance: random.Random) -> None:
        with contextlib.suppress(IndexError):
            for record in (ring[chance.randrange(20)], ring[-1], ring.peek(), *ring[2:9]):
                check_record(record)
            check_record(ring.get(ring.first_seq + 3))
        with contextlib.suppress(RuntimeError):
            for record in ring:
                check_record(record)

    def take(chance: random.Random) -> None:
        buffer = bytearray(5000)
        with contextlib.suppress(IndexError):
            check_record(ring.popleft())
            check_record(buffer[: ring.readinto(buffer)])
        if chance.random() < 0.01:
            ring.clear()

    def look(chance: random.Random) -> None:
        with contextlib.suppress(IndexError, BufferError):
            view = ring.view(chance.choice([0, -1, 5]))
            check_record(view)
            kept.append((view, bytes(view)))
        if len(kept) > 6:
            with contextlib.suppress(IndexError):
                seen, expected = kept.pop(chance.randrange(3))
                assert seen == expected

    def watch(_chance: random.Random) -> None:
        stats = ring.stats()
        assert stats.payload_nbytes <= stats.nbytes <= stats.max_bytes
        assert ring.capacity <= budget.nbytes <= 2 * ring.capacity
        ring._validate()

    run_threads(append, append, read, take, look, look, watch, seconds=SECONDS)
    ring._validate()
    kept.clear()
    assert ring.stats().views == 0
    ring.close()
    assert budget.nbytes == 0


def test_sequence_numbers_are_given_once() -> None:
    ring = ByteRing("1MiB")
    given: list[list[int]] = [[] for _ in range(4)]

    def append(lane: int) -> Any:
        return lambda _chance: given[lane].append(ring.append(b"x"))

    run_threads(*map(append, range(4)), seconds=SECONDS)
    assert all(numbers == sorted(numbers) for numbers in given)
    assert sorted(itertools.chain(*given)) == list(range(ring.next_seq))


def test_rows_stay_whole() -> None:
    ring = ArrayRing(1000, "i8", 3)

    def append(chance: random.Random) -> None:
        number = chance.randrange(2**60)
        ring.append(np.full(3, number))
        ring.append([number] * 3)
        ring.extend(np.full((chance.choice([0, 10, 1500]), 3), number))

    def read(chance: random.Random) -> None:
        rows = ring.snapshot(chance.choice([0, 5, None]))
        assert (rows == rows[:, :1]).all()
        window = ring.view()
        assert window.shape == (len(window), 3)
        window.sum()
        assert len(ring) <= 1000
        ring._validate()
        if chance.random() < 0.05:
            ring.clear()

    run_threads(append, append, append, read, read, seconds=SECONDS)
    ring._validate()
    assert ring.stats().views == 0


def test_rings_come_and_go_under_one_budget() -> None:
    budget = Budget(400 * KIB)
    shared: dict[int, Any] = {}

    def come(chance: random.Random) -> None:
        with contextlib.suppress(BudgetExceededError):
            ring = ByteRing(64 * KIB, on_pinned="copy", budget=budget)
            ring.append(b"one")
            shared[chance.randrange(4)] = (ring, ring.view(0))
        with contextlib.suppress(BudgetExceededError):
            rows = ArrayRing(10_000, budget=budget)
            rows.extend(np.ones(100))
            shared[chance.randrange(4, 8)] = (rows, rows.view())

    def use(chance: random.Random) -> None:
        ring, view = shared.get(chance.randrange(8), (None, None))
        if ring is None:
            return
        assert view[0] in (111, 1.0)
        with contextlib.suppress(ValueError, IndexError, BudgetExceededError):
            ring.append(b"x" * 1000 if isinstance(ring, ByteRing) else 1.0)
            assert ring.view(0) is not None
        if chance.random() < 0.3:
            ring.close()
            assert view[0] in (111, 1.0)

    def watch(_chance: random.Random) -> None:
        assert budget.nbytes <= budget.max_bytes

    run_threads(come, come, use, use, use, watch, seconds=SECONDS)
    shared.clear()
    assert budget.nbytes == 0
