"""Many threads on one cache of bytes, and on several under one budget."""

import contextlib
import random
import time
from typing import Any

import pytest
from threads import run_threads

from bytebound import Budget, BudgetExceededError, BytesCache, PinnedError

THREADS = 6
pytestmark = pytest.mark.usefixtures("switch_often")


def value_of(key: bytes, chance: random.Random) -> bytes:
    return key + bytes(chance.choice([0, 10, 100, 100, 1000, 5000]))


def operate(cache: BytesCache, chance: random.Random, views: list[Any]) -> None:
    key = b"%d." % chance.randrange(300)
    choice = chance.randrange(20)
    if choice < 8:
        with contextlib.suppress(PinnedError):  # the others' views may leave no room
            cache[key] = value_of(key, chance)
    elif choice < 14:
        assert cache.get(key, key).startswith(key)
    elif choice == 14:
        assert cache.pop(key, key).startswith(key)
    elif choice == 15 and chance.randrange(20) == 0:
        cache.trim(chance.randrange(cache.max_bytes))
    elif choice == 16:
        with contextlib.suppress(KeyError):
            views.append((key, cache.view(key)))
        assert all(bytes(view[: len(key)]) == key for key, view in views)
        del views[:-3]
    elif choice == 17:
        with contextlib.suppress(KeyError):
            key, value = cache.popitem()
            assert value.startswith(key)
    elif choice == 18 and chance.randrange(10) == 0:
        assert all(value.startswith(key) for key, value in cache._pairs())
    elif choice == 19:
        with contextlib.suppress(RuntimeError):
            assert all(value.startswith(key) for key, value in cache.items())
    assert cache.nbytes <= cache.max_bytes


@pytest.mark.parametrize("told", [False, True])
def test_one_cache_for_all(told: bool) -> None:
    left: list[bytes] = []

    def note(key: bytes, value: bytes, reason: str) -> None:
        assert value.startswith(key)
        left.append(key)

    cache = BytesCache("200KiB", on_evict=note if told else None, ttl=0.05)
    views: list[list[Any]] = [[] for _ in range(THREADS)]

    def worker(lane: int) -> Any:
        return lambda chance: operate(cache, chance, views[lane])

    run_threads(*(worker(lane) for lane in range(THREADS)))
    cache._validate()
    views.clear()
    stats = cache.stats()
    assert stats.pinned_items == 0
    time.sleep(0.06)
    cache.expire()
    stats = cache.stats()
    assert stats.inserts == sum(stats.evictions.values()) - stats.replacements
    assert len(cache) == 0
    assert bool(left) == told
    cache.clear()
    assert cache.nbytes == 0


def test_several_under_one_budget() -> None:
    budget = Budget("300KiB")
    caches = [BytesCache("200KiB", budget=budget) for _ in range(3)]

    def worker(chance: random.Random) -> None:
        with contextlib.suppress(BudgetExceededError, PinnedError):
            operate(chance.choice(caches), chance, [])
        assert budget.nbytes <= budget.max_bytes

    run_threads(*[worker] * THREADS)
    assert budget.nbytes == sum(cache.nbytes for cache in caches)
    for cache in caches:
        cache._validate()
