"""Bounds while the cache lives: resize, trim, clear, max_items, charge_overhead."""

from typing import Any

import pytest
from hostile import AnyCache, Departures


def tens(count: int = 10, **settings: Any) -> AnyCache:
    """Make a cache of so many entries of 10 bytes that charges nothing else."""
    cache = AnyCache("1MiB", charge_overhead=False, **settings)
    for number in range(count):
        cache.put(number, -number, size=10)
    return cache


# ---- max_items ----


def test_max_items_evicts_the_oldest() -> None:
    cache = AnyCache("1MiB", max_items=3)
    for number in range(10):
        cache[number] = number
        assert len(cache) <= 3
    assert list(cache) == [7, 8, 9]
    assert cache.stats().evictions["items"] == 7


def test_max_items_of_one() -> None:
    cache = AnyCache("1MiB", max_items=1)
    for number in range(5):
        cache[number] = number
        assert list(cache.items()) == [(number, number)]
    cache._validate()


def test_overwriting_at_max_items_evicts_nothing() -> None:
    cache = AnyCache("1MiB", max_items=2)
    cache.update(a=1, b=2)
    cache["a"] = 3
    assert list(cache.items()) == [("b", 2), ("a", 3)]


def test_both_bounds_at_once() -> None:
    departures = Departures()
    cache = AnyCache(100, max_items=3, charge_overhead=False, on_evict=departures)
    for number in range(3):
        cache.put(number, 0, size=30)
    cache.put(3, 0, size=80)
    assert list(cache) == [3]
    assert departures.keys == [0, 1, 2]
    assert set(departures.reasons) == {"items", "size"}
    cache._validate()


# ---- charge_overhead ----


def test_nbytes_is_payload_and_overhead() -> None:
    cache = AnyCache("1MiB")
    for number in range(100):
        cache[number] = str(number)
        assert cache.nbytes == cache.payload_nbytes + cache.overhead_nbytes
    assert cache.overhead_nbytes >= 100 * 44


def test_without_overhead_nbytes_is_payload() -> None:
    cache = tens(100)
    assert cache.nbytes == cache.payload_nbytes == 1000
    assert cache.overhead_nbytes >= 100 * 44


def test_the_bound_covers_the_structure() -> None:
    cache = AnyCache(10_000, sizer=lambda key, value: 0)
    for number in range(1000):
        cache[number] = None
        assert cache.nbytes <= 10_000
    assert 100 < len(cache) < 10_000 / 44
    cache._validate()


def test_without_overhead_the_bound_does_not() -> None:
    cache = AnyCache(1000, sizer=lambda key, value: 1, charge_overhead=False)
    for number in range(2000):
        cache[number] = None
    assert len(cache) == 1000


def test_nothing_free_costs_anything() -> None:
    cache = AnyCache(0, sizer=lambda key, value: 0, charge_overhead=False)
    cache.update(a=1, b=2)
    assert (len(cache), cache.nbytes) == (2, 0)


# ---- resize ----


def test_a_smaller_bound_evicts_the_oldest_at_once() -> None:
    cache = tens()
    cache.resize(45)
    assert list(cache) == [6, 7, 8, 9]
    assert (cache.max_bytes, cache.nbytes) == (45, 40)
    cache._validate()


def test_a_smaller_bound_on_items_evicts_the_oldest_at_once() -> None:
    cache = tens(100)
    cache.resize(max_items=3)
    assert list(cache) == [97, 98, 99]
    assert cache.max_items == 3
    cache._validate()


def test_a_bound_on_items_can_be_lifted() -> None:
    cache = tens(max_items=10)
    cache.resize(max_items=None)
    assert cache.max_items is None
    cache.put("new", 0, size=10)
    assert len(cache) == 11


def test_both_bounds_can_change_at_once() -> None:
    departures = Departures()
    cache = tens(on_evict=departures)
    cache.resize(max_bytes=70, max_items=5)
    assert list(cache) == [5, 6, 7, 8, 9]
    assert departures.reasons == ["size"] * 3 + ["items"] * 2


def test_a_larger_bound_takes_more() -> None:
    cache = AnyCache(50, charge_overhead=False)
    assert not cache.put("key", 1, size=60)
    cache.resize("1kB")
    assert cache.put("key", 1, size=60)
    assert cache.max_bytes == 1000


def test_what_is_left_out_stays() -> None:
    cache = tens(max_items=20)
    cache.resize(max_bytes=500)
    assert (cache.max_bytes, cache.max_items) == (500, 20)
    cache.resize(max_items=30)
    assert (cache.max_bytes, cache.max_items) == (500, 30)
    cache.resize()
    assert (cache.max_bytes, cache.max_items) == (500, 30)


def test_a_bound_of_nothing_empties() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: number for number in range(100)})
    cache.resize(0)
    assert (len(cache), cache.nbytes, cache.overhead_nbytes) == (0, 0, 0)
    cache._validate()


@pytest.mark.parametrize(
    "arguments", [(-1,), ("much",), (2**70,), (5, 0), (5, -1), ("5", 1.5), (None,), (5.0,), (True,)]
)
def test_a_refused_resize_changes_nothing(arguments: Any) -> None:
    cache = tens()
    with pytest.raises((TypeError, ValueError)):
        cache.resize(*arguments)
    assert (len(cache), cache.max_bytes, cache.max_items) == (10, 2**20, None)


def test_the_bound_sinks_and_is_never_passed_while_resizing() -> None:
    bounds: list[int] = []

    def look(*left: object) -> None:
        cache._validate()
        assert cache.nbytes <= cache.max_bytes
        bounds.append(cache.max_bytes)

    cache = tens(1000, on_evict=look)
    cache.resize(100)
    assert len(bounds) == 990
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == cache.max_bytes == 100


def test_while_resizing_nothing_can_be_put_back_beyond_the_bound() -> None:
    def put_back(key: int, value: int, reason: str) -> None:
        if key < 1000:
            cache.put(key + 1000, value, size=10)
        assert cache.nbytes <= cache.max_bytes

    cache = tens(100, on_evict=put_back)
    cache.resize(200)
    assert (cache.nbytes, cache.max_bytes) == (200, 200)
    cache._validate()


def test_slack_goes_before_entries_do() -> None:
    cache = AnyCache("1MiB")
    for number in range(100):
        cache.put(number, 0, size=10)
    for number in range(60):
        del cache[number]
    cache.resize(cache.nbytes - 500)
    assert len(cache) == 40
    cache._validate()


# ---- trim ----


def test_trim_evicts_the_oldest_and_says_what_it_freed() -> None:
    cache = tens()
    assert cache.trim(55) == 50
    assert list(cache) == [5, 6, 7, 8, 9]
    assert cache.max_bytes == 2**20
    assert cache.stats().evictions["trimmed"] == 5


def test_trim_counts_the_structure_it_freed() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: str(number) for number in range(1000)})
    before = cache.nbytes
    freed = cache.trim(before // 3)
    assert freed == before - cache.nbytes
    assert cache.nbytes <= before // 3
    cache._validate()


def test_trim_gives_slack_back_before_it_evicts() -> None:
    cache = AnyCache("1MiB")
    cache["key"] = 1
    assert cache.trim(cache.nbytes - 1) > 0
    assert len(cache) == 1


def test_trim_to_nothing_gives_everything_back() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: number for number in range(100)})
    cache.trim(0)
    assert (len(cache), cache.nbytes, cache.overhead_nbytes) == (0, 0, 0)


def test_trim_takes_text() -> None:
    cache = tens(300)
    assert cache.trim("1kB") == 2000


def test_trim_to_more_than_there_is_does_nothing() -> None:
    cache = tens()
    assert cache.trim(100) == 0
    assert cache.trim(2**40) == 0
    assert len(cache) == 10


@pytest.mark.parametrize("target", [-1, 1.5, None, True, "much", 2**70])
def test_a_refused_trim_changes_nothing(target: Any) -> None:
    cache = tens()
    with pytest.raises((TypeError, ValueError), match="target_bytes"):
        cache.trim(target)
    assert len(cache) == 10


# ---- clear ----


def test_clear_gives_everything_back() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: number for number in range(1000)})
    cache.clear()
    assert (len(cache), cache.nbytes, cache.payload_nbytes, cache.overhead_nbytes) == (0, 0, 0, 0)
    assert list(cache) == []
    cache["key"] = 1
    assert list(cache) == ["key"]
    cache._validate()


def test_clear_keeps_the_settings() -> None:
    cache = tens(max_items=15)
    cache.clear()
    assert (cache.max_bytes, cache.max_items, cache.charge_overhead) == (2**20, 15, False)


def test_clear_of_nothing() -> None:
    departures = Departures()
    cache = AnyCache(1000, on_evict=departures)
    cache.clear()
    cache.clear()
    assert departures == []


def test_while_clearing_the_cache_is_empty_and_can_be_filled() -> None:
    seen = []

    def refill(key: int, value: int, reason: str) -> None:
        seen.append(len(cache))
        if reason == "cleared":
            cache.put(key + 100, value, size=10)

    cache = tens(on_evict=refill)
    cache.clear()
    assert seen == list(range(10))
    assert list(cache) == list(range(100, 110))
    cache._validate()


def test_memory_follows_the_content() -> None:
    cache = AnyCache("16MiB")
    cache.update(dict.fromkeys(range(10000)))
    full = cache.overhead_nbytes
    for number in range(9990):
        del cache[number]
    assert cache.overhead_nbytes < full / 50
    assert list(cache) == list(range(9990, 10_000))
    cache._validate()


SPARING: dict[str, Any] = {
    "insert": lambda cache: cache.put("new", 1, size=99_000),
    "overwrite": lambda cache: cache.put(999, 1, size=99_000),
    "remeasure": lambda cache: cache.remeasure(999),
    "resize": lambda cache: cache.resize(1000),
    "resize of items": lambda cache: cache.resize(max_items=10),
    "trim": lambda cache: cache.trim(1000),
}


@pytest.mark.parametrize("change", SPARING.values(), ids=SPARING)
def test_memory_follows_when_many_leave_at_once(change: Any) -> None:
    cache = AnyCache(100_000, charge_overhead=False, sizer=lambda key, value: 99_000)
    for number in range(1000):
        cache.put(number, number, size=100)
    full = cache.overhead_nbytes
    change(cache)
    assert 0 < len(cache) < 20
    assert cache.overhead_nbytes < full / 4
    cache._validate()


# ---- slack ----


def with_slack() -> AnyCache:
    """Make a cache with one small entry and memory for twenty."""
    cache = AnyCache(4000)
    for number in range(20):
        cache.put(number, 0, size=1)
    for number in range(19):
        del cache[number]
    return cache


def test_slack_does_not_keep_out_an_entry_that_fits() -> None:
    cache = with_slack()
    del cache[19]
    assert cache.put("large", 1, size=3500)
    assert cache.nbytes <= 4000
    cache._validate()


def test_slack_does_not_keep_an_entry_from_growing() -> None:
    cache = with_slack()
    assert cache.put(19, 1, size=3500)
    assert cache.entry_nbytes(19) == 3500
    cache._validate()


def test_slack_does_not_drop_an_entry_that_grew() -> None:
    cache = AnyCache(4000, on_evict=Departures())
    for number in range(20):
        cache.put(number, [], size=1)
    for number in range(19):
        del cache[number]
    value = cache.peek(19)
    assert value is not None
    value.extend([0] * 400)
    assert cache.remeasure(19) > 3200
    assert 19 in cache
