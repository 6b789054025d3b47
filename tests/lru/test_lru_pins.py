"""Pinned entries: what they withstand, what they forbid, and how pins end."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hostile import AnyCache, Departures

from bytebound import Budget, BudgetExceededError, PinnedError


@pytest.fixture
def cache() -> AnyCache:
    cache = AnyCache(10_000, charge_overhead=False)
    for key in "abcde":
        cache.put(key, [key], size=1000)
    return cache


def test_a_pin_gives_the_value_and_counts_as_a_lookup(cache: AnyCache) -> None:
    with cache.pin("b") as value:
        assert value is cache.peek("b")
        assert list(cache) == ["a", "c", "d", "e", "b"]
        assert (cache.stats().hits, cache.stats().misses) == (1, 0)
    with pytest.raises(KeyError), cache.pin("x"):
        pass
    assert cache.stats().misses == 1


EVICTIONS: dict[str, Callable[[AnyCache], Any]] = {
    "insert": lambda cache: [cache.put(number, 0, size=2000) for number in range(9)],
    "large": lambda cache: cache.put("x", 0, size=8500),
    "trim": lambda cache: cache.trim(0),
    "resize": lambda cache: cache.resize(1500),
    "resize_items": lambda cache: cache.resize(max_items=1),
    "popitem": lambda cache: [cache.popitem() for _ in range(4)],
}


@pytest.mark.parametrize("name", EVICTIONS)
def test_nothing_evicts_what_is_pinned(cache: AnyCache, name: str) -> None:
    departures = Departures()
    twin = AnyCache(10_000, charge_overhead=False, on_evict=departures)
    for key in "abcde":
        twin.put(key, [key], size=1000)
    with twin.pin("a") as value:
        for key in "bcde":
            twin.get(key)
        EVICTIONS[name](twin)
        assert twin["a"] is value
        assert "a" not in [left.key for left in departures]
        twin._validate()
    assert twin.put("last", 0, size=twin.max_bytes)
    assert list(twin) == ["last"]


def test_a_budget_evicts_others() -> None:
    budget = Budget(5000)
    cache = AnyCache(10_000, charge_overhead=False, budget=budget)
    for number in range(5):
        cache.put(number, 0, size=900)
    with cache.pin(0):
        for number in range(1, 5):
            cache.get(number)
        cache.put("x", 0, size=3900)
        assert set(cache) == {0, "x"}
        with pytest.raises((PinnedError, BudgetExceededError)):
            cache.put("y", 0, size=4900)
        assert set(cache) == {0, "x"}
    cache._validate()


FORBIDDEN: dict[str, Callable[[AnyCache], Any]] = {
    "delete": lambda cache: cache.__delitem__("a"),
    "pop": lambda cache: cache.pop("a"),
    "pop_default": lambda cache: cache.pop("a", None),
    "pop_many": lambda cache: cache.pop_many(["b", "a", "c"]),
    "delete_many": lambda cache: cache.delete_many(["b", "a", "c"]),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.__setitem__("a", 0),
    "put": lambda cache: cache.put("a", 0, size=5),
    "put_too_large": lambda cache: cache.put("a", 0, size=50_000),
    "resize": lambda cache: cache.resize(500),
    "no_room": lambda cache: cache.put("x", 0, size=9500),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_a_pin_forbids_is_an_error_and_changes_nothing(cache: AnyCache, name: str) -> None:
    with cache.pin("a"):
        before = list(cache.items()), cache.nbytes, cache.max_bytes
        with pytest.raises(PinnedError):
            FORBIDDEN[name](cache)
        assert (list(cache.items()), cache.nbytes, cache.max_bytes) == before
        cache._validate()
    FORBIDDEN[name](cache)


def test_the_same_value_may_be_put_again(cache: AnyCache) -> None:
    with cache.pin("a") as value:
        cache.put("a", value, size=2000)
        assert cache.entry_nbytes("a") == 2000
        assert cache.stats().pinned_nbytes == 2000
        with pytest.raises(PinnedError):
            del cache["a"]


def test_a_value_that_outgrew_the_bound_stays(cache: AnyCache) -> None:
    grown = AnyCache(1000, charge_overhead=False)
    grown["a"] = []
    with grown.pin("a") as value:
        value.extend("x" * 1000)
        with pytest.raises(PinnedError):
            grown.remeasure("a")
        assert "a" in grown
        grown._validate()
    assert grown.remeasure("a") == 0


def test_popitem_says_that_everything_is_pinned() -> None:
    cache = AnyCache(1000, charge_overhead=False)
    cache.update(a=1)
    with cache.pin("a"), pytest.raises(PinnedError):
        cache.popitem()
    assert cache.popitem() == ("a", 1)


def test_pins_nest_and_the_last_one_counts(cache: AnyCache) -> None:
    pin = cache.pin("a")
    with pin, pin, cache.pin("a"):
        assert cache.stats().pinned_items == 1
        with pin:
            pass
        with pytest.raises(PinnedError):
            del cache["a"]
    assert cache.stats().pinned_items == 0
    del cache["a"]
    with pytest.raises(RuntimeError, match="not entered"):
        pin.__exit__(None, None, None)


@pytest.mark.parametrize("sizer", ["deep", "shared"])
def test_stats_tell_what_is_pinned(sizer: str) -> None:
    cache = AnyCache("1MiB", sizer=sizer)
    common = ["common" * 50]
    for number in range(20):
        cache[number] = [common, [number + 0.5]]
    payload = cache.payload_nbytes
    pins = [cache.pin(number) for number in range(20)]
    for pin in pins[:10]:
        pin.__enter__()
    some = cache.stats()
    assert some.pinned_items == 10
    assert 0 < some.pinned_nbytes < payload
    for pin in pins[10:]:
        pin.__enter__()
    assert cache.stats().pinned_nbytes == payload == cache.payload_nbytes
    del pins, pin
    assert (cache.stats().pinned_items, cache.stats().pinned_nbytes) == (0, 0)
    cache._validate()


def test_pins_are_charged_and_given_back() -> None:
    cache = AnyCache("1MiB")
    cache.update(dict.fromkeys(range(100)))
    before = cache.nbytes
    pins = [cache.pin(number) for number in range(100)]
    for pin in pins:
        pin.__enter__()
    assert before + 16 * 100 <= cache.nbytes <= before + 64 * 100
    for pin in pins:
        pin.__exit__()
    assert cache.nbytes == before


def test_a_pin_suspends_expiry() -> None:
    now = 0.0
    cache = AnyCache("1MiB", ttl=10, timer=lambda: now)
    cache["a"] = 1
    with cache.pin("a"):
        now = 20.0
        assert cache.expire() == 0
        assert (cache["a"], len(cache), list(cache), cache.expires_in("a")) == (1, 1, ["a"], 0.0)
    assert (cache.get("a"), len(cache)) == (None, 0)
    assert cache.stats().evictions["expired"] == 1


def test_an_exception_ends_the_pin(cache: AnyCache) -> None:
    with pytest.raises(ZeroDivisionError), cache.pin("a"):
        raise ZeroDivisionError
    del cache["a"]


def test_a_pin_that_dies_ends(cache: AnyCache) -> None:
    pin = cache.pin("a")
    pin.__enter__()
    del pin
    del cache["a"]


def test_a_pin_keeps_its_cache() -> None:
    cache = AnyCache(1000)
    cache["a"] = 1
    pin = cache.pin("a")
    pin.__enter__()
    alive = weakref.ref(cache)
    del cache
    assert alive() is not None
    del pin
    assert alive() is None


def test_a_pinned_cycle_is_collected() -> None:
    cache = AnyCache("1MiB")
    pin = cache.pin("a")
    cache["a"] = [cache, pin]
    pin.__enter__()
    alive = weakref.ref(cache)
    del cache, pin
    gc.collect()
    assert alive() is None


def test_a_copy_has_no_pins(cache: AnyCache) -> None:
    with cache.pin("a"):
        made = cache.copy()
    del made["a"]
    assert made.stats().pinned_items == 0


def test_many_threads_pin_and_unpin() -> None:
    cache = AnyCache(20_000)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for step in range(300):
                key = (seed * 7 + step) % 20
                cache.setdefault(key, [key])
                try:
                    with cache.pin(key) as value:
                        assert cache.peek(key) is value
                        cache.put(1000 + step, None, size=1500)
                        assert cache.peek(key) is value
                except (KeyError, PinnedError):
                    pass
                assert cache.nbytes <= cache.max_bytes
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert cache.stats().pinned_items == 0
    cache._validate()
