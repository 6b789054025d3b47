"""Many threads on one cache, and on several under one budget, with and without the GIL."""

import contextlib
import gc
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hostile import AnyCache
from threads import SECONDS, run_threads

from bytebound import Budget

THREADS = 8
pytestmark = pytest.mark.usefixtures("switch_often")


class Slow:
    """A key that Python code compares."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 40

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slow) and self.number == other.number


KEYS: dict[str, Callable[[int], Any]] = {
    "int": int,
    "str": str,
    "tuple": lambda number: (number, str(number)),
    "compared in Python": Slow,
}


def number_of(key: Any) -> int:
    if isinstance(key, Slow):
        return key.number
    return int(key[0]) if isinstance(key, tuple) else int(key)


class Ledger:
    """Counts what entered by hand and left by callback, without a lock of its own."""

    def __init__(self) -> None:
        self.entered = [0] * THREADS
        self.left: list[Any] = []

    def callback(self, key: Any, value: Any, reason: str) -> None:
        self.left.append(None)  # the append of a list is atomic in both builds
        assert value[0] == number_of(key)


def operations(cache: AnyCache, make: Callable[[int], Any], ledger: Ledger, lane: int) -> Any:
    """Make a worker of random operations; each value is a new tuple that names its key."""

    def put(chance: random.Random, number: int) -> None:
        size = chance.randrange(10, 400)
        if cache.put(make(number), (number, object()), size=size):
            ledger.entered[lane] += 1

    def read(chance: random.Random, number: int) -> None:
        value = cache.get(make(number))
        assert value is None or value[0] == number
        value = cache.peek(make(number))
        assert value is None or value[0] == number

    def delete(chance: random.Random, number: int) -> None:
        value = cache.pop(make(number), None)
        assert value is None or value[0] == number

    def popitem(chance: random.Random, number: int) -> None:
        try:
            key, value = cache.popitem()
        except KeyError:
            return
        assert value[0] == number_of(key)

    def ends(chance: random.Random, number: int) -> None:
        for end in (cache.oldest, cache.newest):
            try:
                key, value = end()
            except KeyError:
                continue
            assert value[0] == number_of(key)

    def walk(chance: random.Random, number: int) -> None:
        try:
            for key, value in cache.items():
                assert value[0] == number_of(key)
        except RuntimeError as error:
            assert "during iteration" in str(error)  # noqa: PT017

    def resize(chance: random.Random, number: int) -> None:
        cache.resize(chance.randrange(10_000, 40_000))

    def trim(chance: random.Random, number: int) -> None:
        cache.trim(5_000)

    def clear(chance: random.Random, number: int) -> None:
        cache.clear()

    def look(chance: random.Random, number: int) -> None:
        stats = cache.stats()
        assert stats.nbytes <= stats.max_bytes
        assert stats.payload_nbytes + stats.overhead_nbytes == stats.nbytes
        assert cache.nbytes <= 40_000
        cache._validate()

    def copy(chance: random.Random, number: int) -> None:
        if cache.budget is not None:  # entries of the copy may leave for it, and would be reported
            return
        try:
            cache.copy()._validate()
        except RuntimeError as error:
            assert "while it was copied" in str(error)  # noqa: PT017

    choices = [put] * 40 + [read] * 40 + [delete] * 8 + [popitem] * 3 + [ends] * 3
    choices += [walk, resize, trim, clear, look, copy]

    def work(chance: random.Random) -> None:
        for choice in chance.choices(choices, k=50):
            choice(chance, chance.randrange(300))

    return work


def check_at_the_end(cache: AnyCache, ledger: Ledger) -> None:
    """Check that nothing was lost: entered = left by callback + still there."""
    cache._validate()
    assert cache.payload_nbytes == sum(cache.entry_nbytes(key) for key in cache)
    assert len(ledger.left) + len(cache) == sum(ledger.entered)


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_random_operations_on_one_cache(make: Callable[[int], Any]) -> None:
    ledger = Ledger()
    # A copy shares the callback, but nothing leaves it.
    cache = AnyCache(40_000, max_items=200, on_evict=ledger.callback)
    run_threads(*(operations(cache, make, ledger, lane) for lane in range(THREADS)))
    check_at_the_end(cache, ledger)


def test_random_operations_on_several_caches_under_one_budget() -> None:
    root = Budget(70_000)
    budget = Budget(60_000, parent=root)
    ledgers = [Ledger() for _ in range(4)]
    caches = [AnyCache(40_000, budget=budget, on_evict=ledger.callback) for ledger in ledgers]

    def tolerant(lane: int) -> Any:
        cache, ledger = caches[lane % 4], ledgers[lane % 4]
        work = operations(cache, str, ledger, lane)

        def run(chance: random.Random) -> None:
            with contextlib.suppress(MemoryError):
                work(chance)
            assert budget.nbytes <= budget.max_bytes
            assert root.nbytes <= root.max_bytes

        return run

    run_threads(*(tolerant(lane) for lane in range(THREADS)), seconds=2 * SECONDS)
    for cache, ledger in zip(caches, ledgers, strict=True):
        check_at_the_end(cache, ledger)
    gc.collect()
    budget._validate()
    root._validate()
    assert budget.peak_nbytes <= budget.max_bytes
    assert root.peak_nbytes <= root.max_bytes
    assert budget.nbytes == root.nbytes == sum(cache.nbytes for cache in caches)
    caches.clear()
    del cache
    gc.collect()
    assert budget.nbytes == root.nbytes == 0


def test_the_bound_holds_at_every_sample_and_in_every_callback() -> None:
    passed = []

    def look(key: Any, value: Any, reason: str) -> None:
        if cache.nbytes > 20_000:
            passed.append(cache.nbytes)

    cache = AnyCache(20_000, on_evict=look)

    def write(chance: random.Random) -> None:
        for _ in range(50):
            cache.put(chance.randrange(500), 0, size=chance.randrange(5000))

    def sample(chance: random.Random) -> None:
        look(None, None, "")
        if cache.peak_nbytes > 20_000:
            passed.append(cache.peak_nbytes)

    run_threads(*[write] * 6, *[sample] * 2)
    assert passed == []
    cache._validate()


def test_iterating_while_others_write_raises_or_ends() -> None:
    cache = AnyCache("1MiB", max_items=300)
    cache.update({number: number for number in range(300)})

    def walk(chance: random.Random) -> None:
        walks = [cache, reversed(cache), cache.values()]
        try:
            seen = list(chance.choice(walks))
        except RuntimeError as error:
            assert "during iteration" in str(error)  # noqa: PT017
        else:
            assert len(seen) <= 300

    def write(chance: random.Random) -> None:
        for _ in range(20):
            cache[chance.randrange(400)] = 1
        time.sleep(0)

    run_threads(*[walk] * 4, *[write] * 4)
    cache._validate()


def test_iterating_while_others_read_neither_skips_nor_repeats() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: number for number in range(100)})

    def walk(chance: random.Random) -> None:
        assert sorted(cache) == list(range(100))

    def read(chance: random.Random) -> None:
        for _ in range(50):
            number = chance.randrange(100)
            assert cache[number] == number

    run_threads(*[walk] * 4, *[read] * 4)
    cache._validate()


def test_one_iterator_shared_by_threads_gives_each_entry_once() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: number for number in range(20_000)})
    shared = iter(cache)
    parts: list[list[int]] = [[] for _ in range(THREADS)]

    def take(part: list[int]) -> Callable[[random.Random], object]:
        return lambda chance: part.extend(number for number in [next(shared, None)] if number)

    run_threads(*map(take, parts), seconds=SECONDS / 2)
    met = [number for part in parts for number in part]
    assert len(met) == len(set(met))


def test_collections_meanwhile() -> None:
    cache = AnyCache(40_000)

    def write(chance: random.Random) -> None:
        for _ in range(20):
            cycle: list[Any] = [cache]
            cycle.append(cycle)
            cache[chance.randrange(300)] = cycle
            cache.get(chance.randrange(300))

    run_threads(*[write] * 6, *[lambda chance: gc.collect()] * 2)
    cache._validate()


def test_caches_made_and_dropped_under_one_budget() -> None:
    budget = Budget("4GiB")  # with room for those that wait for the collector

    def live(chance: random.Random) -> None:
        cache = AnyCache("64KiB", budget=budget)
        for number in range(chance.randrange(50)):
            cache[number] = str(number)
        if chance.random() < 0.5:
            cache["self"] = cache
        cache.copy()

    run_threads(*[live] * THREADS)
    gc.collect()
    assert budget.nbytes == 0
    budget._validate()


def test_no_two_threads_get_the_same_entry() -> None:
    cache = AnyCache("64MiB")
    taken: list[list[int]] = [[] for _ in range(THREADS)]
    fresh = iter(range(10**9))

    def take(mine: list[int]) -> Callable[[random.Random], object]:
        def work(chance: random.Random) -> None:
            for _ in range(20):
                number = chance.randrange(50)
                value = cache.pop(number, None)
                if value is not None:
                    mine.append(value)
                with contextlib.suppress(KeyError):
                    mine.append(cache.popitem()[1])

        return work

    lock = threading.Lock()
    put = []

    def give(chance: random.Random) -> None:
        for number in range(50):
            with lock:
                value = next(fresh)
            if number not in cache and cache.setdefault(number, value) == value:
                put.append(value)

    run_threads(*map(take, taken), give)
    met = [value for mine in taken for value in mine]
    assert len(met) == len(set(met))
    assert set(met) <= set(put)


def test_threads_that_set_one_default_all_get_the_same() -> None:
    cache = AnyCache("16MiB")
    results: list[list[object]] = [[] for _ in range(4)]
    barrier = threading.Barrier(4)

    def run(mine: list[object]) -> None:
        barrier.wait()
        mine.extend(cache.setdefault(number, object()) for number in range(3000))

    threads = [threading.Thread(target=run, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for same in zip(*results, strict=True):
        assert len(set(map(id, same))) == 1
