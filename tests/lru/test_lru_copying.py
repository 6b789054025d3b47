"""Copies and pickles: contents, order and settings; the bound holds on the way in."""

import copy
import pickle
import threading
from typing import Any

import pytest
from hostile import AnyCache, Departures

from bytebound import Budget, LRUCache

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Named(AnyCache):
    """A subclass with attributes of its own and its own arguments."""

    def __init__(self, label: str, **settings: Any) -> None:
        super().__init__("1MiB", **settings)
        self.label = label


class Slotted(AnyCache):
    """A subclass without a dict."""

    __slots__ = ()


GROWTH = {"bytes": 100}


class Growing:
    """A value that says the size set for all of its kind."""

    def __sizeof__(self) -> int:
        return GROWTH["bytes"]


def size_by_length(key: Any, value: Any) -> int:
    return len(value)


def forget(key: Any, value: Any, reason: str) -> None:
    pass


def again(protocol: int) -> Any:
    return lambda cache: pickle.loads(pickle.dumps(cache, protocol))


WAYS: dict[str, Any] = {
    "copy": lambda cache: cache.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": again(protocol) for protocol in PROTOCOLS},
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture
def cache() -> AnyCache:
    """Hold a, b and c, used in the order b, c, a; the size of b was given."""
    made = AnyCache(
        "1MiB", max_items=50, on_evict=forget, sizer="shallow", charge_overhead=False, name="x"
    )
    made.update(a=[1], b=[2], c=[3])
    made.put("b", [2], size=77)
    made["c"], made["a"]
    return made


@every_way
def test_contents_and_order_are_the_same(cache: AnyCache, way: Any) -> None:
    twin = way(cache)
    assert type(twin) is type(cache)
    assert list(twin.items()) == list(cache.items()) == [("b", [2]), ("c", [3]), ("a", [1])]
    twin._validate()


@every_way
def test_settings_are_the_same(cache: AnyCache, way: Any) -> None:
    twin = way(cache)
    for name in ("max_bytes", "max_items", "sizer", "on_evict", "charge_overhead", "name"):
        assert getattr(twin, name) == getattr(cache, name), name


@every_way
def test_settings_are_those_of_now(cache: AnyCache, way: Any) -> None:
    cache.resize("2MiB", None)
    assert (way(cache).max_bytes, way(cache).max_items) == (2**21, None)


@every_way
def test_sizes_given_stay_given(cache: AnyCache, way: Any) -> None:
    twin = way(cache)
    assert twin.entry_nbytes("b") == 77
    assert twin.payload_nbytes == sum(twin.entry_nbytes(key) for key in twin)
    assert twin.audit().drift == 0
    assert twin.remeasure("b") != 77


@every_way
def test_counters_start_at_zero(cache: AnyCache, way: Any) -> None:
    cache["a"], cache.get("absent")
    stats = way(cache).stats()
    assert (stats.hits, stats.misses, stats.inserts, stats.replacements) == (0, 0, 0, 0)
    assert stats.peak_nbytes == stats.nbytes


@every_way
def test_neither_changes_the_other(cache: AnyCache, way: Any) -> None:
    twin = way(cache)
    twin["new"] = 1
    del twin["a"]
    del cache["b"]
    cache["c"]
    assert list(twin) == ["b", "c", "new"]
    assert list(cache) == ["a", "c"]
    cache.clear()
    assert len(twin) == 3
    cache._validate()
    twin._validate()


@every_way
def test_an_empty_cache(way: Any) -> None:
    twin = way(AnyCache(1234))
    assert (len(twin), twin.nbytes, twin.max_bytes) == (0, 0, 1234)
    twin["key"] = 1


@every_way
def test_copying_tells_no_callback(way: Any) -> None:
    departures = Departures()
    cache = AnyCache("1MiB", on_evict=departures)
    cache.update(a=1, b=2)
    twin = way(cache)
    assert departures == []
    assert len(twin) == 2


@every_way
def test_a_full_cache_loses_nothing(way: Any) -> None:
    cache = AnyCache(20_000)
    for number in range(1000):
        cache[number] = "x" * (number % 50)
    twin = way(cache)
    assert list(twin.items()) == list(cache.items())
    assert twin.nbytes <= twin.max_bytes
    twin._validate()


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 12, 13, 25, 26, 60, 200, 1000])
@every_way
def test_a_cache_without_any_slack_fits_its_copy(count: int, way: Any) -> None:
    cache = AnyCache("1MiB", sizer=size_by_length)
    for number in range(count):
        cache[number] = "x" * 10
    cache.trim(cache.nbytes - 1)
    cache.resize(cache.nbytes)
    kept = len(cache)
    twin = way(cache)
    assert len(twin) == len(cache) == kept
    assert twin.nbytes <= twin.max_bytes


@every_way
def test_attributes_of_a_subclass(way: Any) -> None:
    cache = Named("first", name="x")
    cache["key"] = 1
    vars(cache)["more"] = [1, 2]
    twin = way(cache)
    assert type(twin) is Named
    assert (twin.label, vars(twin)["more"], twin["key"]) == ("first", [1, 2], 1)
    twin.label = "second"
    assert cache.label == "first"


@every_way
def test_a_subclass_without_a_dict(way: Any) -> None:
    cache = Slotted("1MiB")
    cache["key"] = 1
    twin = way(cache)
    assert type(twin) is Slotted
    assert not hasattr(twin, "__dict__")
    assert twin == {"key": 1}


def test_a_copy_shares_keys_and_values_a_deep_one_does_not(cache: AnyCache) -> None:
    assert cache.copy().peek("a") is cache.peek("a")
    deep = copy.deepcopy(cache)
    assert deep.peek("a") is not cache.peek("a")
    deep["a"].append(2)
    assert cache["a"] == [1]


def test_a_deep_copy_of_a_cache_within_itself() -> None:
    cache = AnyCache("1MiB")
    cache["self"] = cache
    twin = copy.deepcopy(cache)
    assert twin is not cache
    assert twin["self"] is twin


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_of_a_cache_within_itself(protocol: int) -> None:
    cache = AnyCache("1MiB")
    cache["list"] = [cache]
    twin = again(protocol)(cache)
    assert twin["list"][0] is twin


@pytest.mark.parametrize("way", [copy.deepcopy, *map(again, PROTOCOLS)])
def test_what_now_measures_more_evicts_on_the_way_in(way: Any) -> None:
    GROWTH["bytes"] = 100
    cache = AnyCache(10_000, charge_overhead=False, sizer="shallow")
    for number in range(20):
        cache[number] = Growing()
    assert len(cache) == 20
    try:
        GROWTH["bytes"] = 3000
        twin = way(cache)
    finally:
        GROWTH["bytes"] = 100
    assert list(twin) == [17, 18, 19]
    assert twin.nbytes <= 10_000
    assert twin.peak_nbytes <= 10_000
    twin._validate()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_cannot_fit_any_more_is_left_out(protocol: int) -> None:
    GROWTH["bytes"] = 100
    cache = AnyCache(10_000, charge_overhead=False, sizer="shallow")
    cache.update(a=Growing(), b=1)
    pickled = pickle.dumps(cache, protocol)
    try:
        GROWTH["bytes"] = 20_000
        twin = pickle.loads(pickled)
    finally:
        GROWTH["bytes"] = 100
    assert list(twin) == ["b"]
    twin._validate()


def test_a_sizer_measures_on_the_way_in() -> None:
    cache = AnyCache(1000, sizer=size_by_length, charge_overhead=False)
    cache.update(a="x" * 300, b="y" * 300)
    twin = pickle.loads(pickle.dumps(cache))
    assert twin.sizer is size_by_length
    assert twin.payload_nbytes == 600


def test_a_cache_under_a_budget_cannot_be_pickled_and_says_why() -> None:
    cache = AnyCache("1MiB", budget=Budget("1MiB"))
    with pytest.raises(TypeError, match="a Budget cannot be pickled"):
        pickle.dumps(cache)


def test_a_deep_copy_stays_under_the_same_budget() -> None:
    budget = Budget("1MiB")
    cache = AnyCache("1MiB", budget=budget)
    cache["key"] = [1]
    twin = copy.deepcopy(cache)
    assert twin.budget is budget
    assert budget.nbytes == cache.nbytes + twin.nbytes


def test_what_cannot_be_pickled_changes_nothing() -> None:
    cache = AnyCache("1MiB")
    cache["lock"] = threading.Lock()
    for way in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="lock"):
            way(cache)
    assert len(cache) == 1


def test_a_state_is_not_taken_twice() -> None:
    cache = AnyCache(1000)
    reduced: Any = cache.__reduce__()
    with pytest.raises(RuntimeError, match="initialised already"):
        cache.__setstate__(reduced[2])


def test_values_that_write_while_they_are_pickled() -> None:
    cache = AnyCache("1MiB")
    Writing.cache = cache
    cache.update(a=Writing(), b=Writing())
    twin = pickle.loads(pickle.dumps(cache))
    assert list(twin) == ["a", "b"]
    assert len(cache) == 4


class Writing:
    """A value that puts more into the cache when it is pickled."""

    cache: AnyCache

    def __reduce__(self) -> tuple[object, ...]:
        self.cache[id(self)] = 1
        return Writing, ()


def test_what_never_entered_is_not_reported_as_evicted() -> None:
    """A state may have been made under another bound; what does not fit has not left either."""
    departures = Departures()
    cache = AnyCache("1MiB", on_evict=departures)
    cache.update(a=1, b=2, c=3)
    (max_bytes, _max_items, *settings), entries, attributes = cache.__reduce__()[2]  # type: ignore[misc]
    restored: AnyCache = LRUCache.__new__(LRUCache)
    restored.__setstate__(((max_bytes, 2, *settings), entries, attributes))
    assert list(restored.items()) == [("b", 2), ("c", 3)]
    assert departures == []
    assert restored.stats().evictions["items"] == 0
    restored.popitem()
    assert departures == [("b", 2, "deleted")]
