"""Many entries in one call: the same as one after the other, and what errors leave."""

from collections import UserDict
from typing import Any

import pytest
from hostile import AnyCache, Departures, HashError, Unhashable

from bytebound import Budget, BudgetExceededError


@pytest.fixture(params=["deep", "shared", "timed"])
def cache(request: pytest.FixtureRequest) -> AnyCache:
    if request.param == "timed":
        return AnyCache("1MiB", ttl=1000)
    return AnyCache("1MiB", sizer=request.param)


PAIRS = {key: [key] for key in "abcdef"}


@pytest.mark.parametrize(
    "pairs", [PAIRS, UserDict(PAIRS), list(PAIRS.items()), iter(PAIRS.items())], ids=type
)
def test_put_many_takes_what_update_takes(pairs: Any) -> None:
    cache = AnyCache("1MiB")
    assert cache.put_many(pairs) == 6
    assert dict(cache) == PAIRS
    cache._validate()


def test_get_many_is_get_for_each(cache: AnyCache) -> None:
    cache.put_many(PAIRS)
    found = cache.get_many(iter(["c", "x", "a", "c"]))
    assert list(found) == ["c", "a"]
    assert found["a"] is PAIRS["a"]
    assert list(cache) == ["b", "d", "e", "f", "a", "c"]
    assert (cache.stats().hits, cache.stats().misses) == (3, 1)
    assert cache.get_many([]) == {}


def test_put_many_leaves_out_what_could_never_fit(cache: AnyCache) -> None:
    cache["b"] = "old"
    large = bytes(2**21)
    assert cache.put_many([("a", 1), ("b", large), ("c", 3)]) == 2
    assert dict(cache) == {"a": 1, "c": 3}


def test_put_many_gives_times() -> None:
    now = 0.0
    cache = AnyCache("1MiB", timer=lambda: now)
    cache.put_many(PAIRS, ttl=5)
    cache.put_many({"z": 1})
    assert (cache.expires_in("a"), cache.expires_in("z")) == (5, None)


@pytest.mark.parametrize("wrong", [5, None, [1], [(1,)], [(1, 2, 3)]])
def test_put_many_refuses_what_are_no_pairs(cache: AnyCache, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        cache.put_many(wrong)
    assert len(cache) == 0


def test_what_was_put_before_an_error_stays(cache: AnyCache) -> None:
    with pytest.raises(HashError):
        cache.put_many([("a", 1), (Unhashable(), 2), ("c", 3)])
    assert dict(cache) == {"a": 1}


def test_put_many_evicts_as_it_goes() -> None:
    departures = Departures()
    cache = AnyCache(1000, charge_overhead=False, sizer=lambda k, v: 100, on_evict=departures)
    assert cache.put_many((number, number) for number in range(25)) == 25
    assert list(cache) == list(range(15, 25))
    assert [left.key for left in departures] == list(range(15))


def test_put_many_over_a_budget_keeps_what_was_put() -> None:
    cache = AnyCache(10_000, charge_overhead=False, budget=Budget(500), sizer=lambda k, v: v)
    with pytest.raises(BudgetExceededError):
        cache.put_many([("a", 100), ("b", 600), ("c", 100)])
    assert dict(cache) == {"a": 100}


@pytest.mark.parametrize("sequence", [tuple, list, set, iter])
def test_pop_many_returns_what_it_takes(cache: AnyCache, sequence: Any) -> None:
    cache.put_many(PAIRS)
    assert cache.pop_many(sequence(["c", "x", "a"])) == {"c": ["c"], "a": ["a"]}
    assert list(cache) == ["b", "d", "e", "f"]
    assert (cache.stats().hits, cache.stats().misses) == (2, 1)
    cache._validate()


def test_delete_many_says_how_many_there_were(cache: AnyCache) -> None:
    departures = Departures()
    noisy = AnyCache("1MiB", on_evict=departures)
    noisy.put_many(PAIRS)
    assert noisy.delete_many(["c", "x", "a", "c"]) == 2
    assert [(left.key, left.reason) for left in departures] == [("c", "deleted"), ("a", "deleted")]
    assert (noisy.stats().hits, noisy.stats().misses) == (0, 0)


@pytest.mark.parametrize("method", ["pop_many", "delete_many"])
def test_all_or_none_are_taken(cache: AnyCache, method: str) -> None:
    cache.put_many(PAIRS)
    with pytest.raises(HashError):
        getattr(cache, method)(["a", "b", Unhashable()])
    assert dict(cache) == PAIRS


class Meddler:
    """A key whose comparison changes the cache."""

    def __init__(self, cache: AnyCache) -> None:
        self.cache = cache
        self.calls = 0

    def __hash__(self) -> int:
        return hash("a")

    def __eq__(self, other: object) -> bool:
        self.calls += 1
        if self.calls < 5:
            self.cache["b"] = [self.calls]
        return False


def test_values_replaced_meanwhile_are_those_returned(cache: AnyCache) -> None:
    cache.put_many(PAIRS)
    meddler = Meddler(cache)
    taken = cache.pop_many(["b", meddler])
    assert taken == {"b": [4]}
    assert "b" not in cache
    cache._validate()


def test_get_or_put_calls_only_if_it_must(cache: AnyCache) -> None:
    assert cache.get_or_put("a", lambda: 1) == 1
    assert cache.get_or_put("a", lambda: 1 / 0) == 1
    with pytest.raises(ZeroDivisionError):
        cache.get_or_put("b", lambda: 1 / 0)
    assert (cache.stats().hits, cache.stats().misses) == (1, 2)
    assert dict(cache) == {"a": 1}


def test_get_or_put_returns_what_is_too_large(cache: AnyCache) -> None:
    large = bytes(2**21)
    assert cache.get_or_put("a", lambda: large) is large
    assert len(cache) == 0


def test_get_or_put_takes_what_appeared_meanwhile(cache: AnyCache) -> None:
    def factory() -> str:
        cache["a"], cache["b"] = "first", 2
        return "second"

    assert cache.get_or_put("a", factory) == "first"
    assert list(cache) == ["b", "a"]


def test_get_or_put_takes_size_and_times() -> None:
    now = 0.0
    cache = AnyCache("1MiB", timer=lambda: now)
    cache.get_or_put("a", list, size=500, ttl=7)
    assert (cache.entry_nbytes("a"), cache.expires_in("a")) == (500, 7)


def test_setdefault_promotes_what_appeared_while_it_measured() -> None:
    def sizer(key: Any, value: Any) -> int:
        if value == "default":
            cache["a"], cache["b"] = 1, 2
        return 1

    cache = AnyCache("1MiB", sizer=sizer)
    assert cache.setdefault("a", "default") == 1
    assert list(cache) == ["b", "a"]
    assert (cache.stats().hits, cache.stats().misses) == (0, 1)


@pytest.mark.parametrize("size", [None, 10])
def test_the_callback_is_told_the_key_that_is_kept(size: int | None) -> None:
    departures = Departures()
    cache = AnyCache("1MiB", on_evict=departures)
    kept, given = (1, 2.0), (1, 2)
    cache[kept] = "old"
    cache.put(given, "new", size=size)
    assert [left.key is kept for left in departures] == [True]


@pytest.mark.parametrize("settled", [False, True])
def test_moving_entries_about_leaves_iterators_alone(settled: bool) -> None:
    cache = AnyCache(100_000)
    cache.update(dict.fromkeys(range(500)))
    for key in range(300):
        del cache[key]
    walk = iter(cache)
    assert next(walk) == 300
    if settled:
        cache.get(300)
    before = cache.overhead_nbytes
    cache.trim(cache.nbytes - 1)  # only slack goes
    assert cache.overhead_nbytes < before
    assert len(cache) == 200
    assert list(walk) == list(range(301, 500))
