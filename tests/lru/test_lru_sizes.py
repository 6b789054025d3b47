"""What an entry is charged: sizers, sizes given, sizes refused, entries too large."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hostile import AnyCache, Departures, Odd

from bytebound import EntryTooLargeError, LRUCache

FLOATS = [1.0, float("nan"), float("inf"), np.float64(1), np.float32(1)]
WRONG_TYPES = [*FLOATS, Decimal(1), Fraction(1), "1", "1kB", b"1", None, [1], 1j, np.array([1, 2])]
NEGATIVE = [-1, -(2**63), -(2**70), np.int64(-1)]
OVERFLOWING = [2**62, 2**63, 2**64, 2**64 - 1, 2**70, np.uint64(2**64 - 1)]


def snapshot(cache: AnyCache) -> tuple[object, ...]:
    return list(cache.items()), cache.stats(), cache.overhead_nbytes


@pytest.fixture
def cache() -> AnyCache:
    """Hold one entry of 100 bytes."""
    made = AnyCache("1MiB")
    made.put("key", "value", size=100)
    return made


# ---- sizes given ----


def test_a_size_given_is_charged(cache: AnyCache) -> None:
    assert cache.put("other", None, size=12_345)
    assert cache.entry_nbytes("other") == 12_345
    assert cache.payload_nbytes == 12_445


def test_a_size_given_replaces_the_one_before(cache: AnyCache) -> None:
    cache.put("key", "value", size=7)
    assert cache.payload_nbytes == 7
    cache["key"] = bytes(500)
    assert cache.payload_nbytes == cache.entry_nbytes("key") > 500


@pytest.mark.parametrize("size", [0, 1, True, np.int8(5), np.uint64(5), np.intp(2)])
def test_every_kind_of_integer_is_a_size(cache: AnyCache, size: Any) -> None:
    assert cache.put("other", None, size=size)
    assert cache.entry_nbytes("other") == int(size)


@pytest.mark.parametrize("size", [size for size in WRONG_TYPES if size is not None], ids=repr)
def test_a_size_of_another_type_is_refused(cache: AnyCache, size: Any) -> None:
    before = snapshot(cache)
    with pytest.raises(TypeError, match="size must be an int number of bytes"):
        cache.put("key", 5, size=size)
    assert snapshot(cache) == before


@pytest.mark.parametrize("size", NEGATIVE, ids=repr)
def test_a_negative_size_is_refused(cache: AnyCache, size: Any) -> None:
    before = snapshot(cache)
    with pytest.raises(ValueError, match="size must not be negative"):
        cache.put("key", 5, size=size)
    assert snapshot(cache) == before


@pytest.mark.parametrize("size", OVERFLOWING, ids=repr)
def test_an_overflowing_size_is_refused(cache: AnyCache, size: Any) -> None:
    before = snapshot(cache)
    with pytest.raises(OverflowError, match=f"size must be at most {2**62 - 1} bytes"):
        cache.put("key", 5, size=size)
    assert snapshot(cache) == before


def test_a_size_is_given_by_name(cache: AnyCache) -> None:
    with pytest.raises(TypeError):
        cache.put("key", 5, 100)  # type: ignore[call-arg]


def test_huge_sizes_do_not_wrap_around() -> None:
    cache = AnyCache(2**62 - 1, charge_overhead=False)
    assert cache.put("first", 1, size=2**62 - 1)
    assert cache.put("second", 2, size=2**62 - 1)
    assert list(cache) == ["second"]
    assert cache.put("third", 3, size=1)
    assert list(cache) == ["third"]
    assert cache.nbytes == 1
    cache._validate()


# ---- sizers ----


def test_deep_measures_what_is_reachable() -> None:
    cache = AnyCache("1MiB")
    value = {"text": "x" * 10_000, "list": [bytes(20_000)]}
    cache["key"] = value
    assert 30_000 < cache.entry_nbytes("key") < 31_500


def test_deep_measures_shared_parts_once() -> None:
    cache = AnyCache("1MiB")
    part = bytes(50_000)
    cache["key"] = [part] * 100
    assert 50_000 < cache.entry_nbytes("key") < 52_000


def test_key_and_value_that_are_one_object_are_measured_once() -> None:
    cache = AnyCache("1MiB")
    text = "x" * 10_000
    cache[text] = text
    assert cache.entry_nbytes(text) < 11_000


def test_the_key_is_measured_too() -> None:
    cache = AnyCache("1MiB")
    cache[("k" * 10_000,)] = None
    assert cache.payload_nbytes > 10_000


def test_an_overwrite_is_measured_with_the_key_that_stays() -> None:
    cache = AnyCache("1MiB")
    large, small = "k" * 5000, "".join(["k"] * 5000)
    cache[large] = [large]
    alone = cache.payload_nbytes
    cache[small] = [large]
    assert next(iter(cache)) is large
    assert cache.payload_nbytes == alone
    assert cache.audit().drift == 0


def test_shallow_measures_the_two_objects_alone() -> None:
    cache = AnyCache("1MiB", sizer="shallow")
    cache["key"] = [bytes(50_000)]
    assert cache.entry_nbytes("key") < 300


def test_shallow_asks_sizeof() -> None:
    cache = AnyCache("1MiB", sizer="shallow")
    cache["key"] = Odd(lambda: 5000)
    assert 5000 <= cache.entry_nbytes("key") < 5500


def test_a_callable_says_what_it_likes() -> None:
    cache = AnyCache("1MiB", sizer=lambda key, value: len(key) * 1000 + value)
    cache["ab"] = 7
    assert cache.entry_nbytes("ab") == 2007


def test_a_callable_is_asked_once_a_write_and_never_on_reading() -> None:
    asked = []

    def size(key: object, value: object) -> int:
        asked.append(key)
        return 10

    cache = AnyCache("1MiB", sizer=size)
    cache["a"] = 1
    cache["a"] = 2
    cache.put("b", 1)
    cache.setdefault("c", 1)
    assert asked == ["a", "a", "b", "c"]
    cache.get("a"), cache.peek("b"), "c" in cache, list(cache), cache.popitem(), cache.copy()
    cache.put("d", 1, size=5)
    cache.setdefault("d", 1)
    assert asked == ["a", "a", "b", "c"]


@pytest.mark.parametrize("size", WRONG_TYPES, ids=repr)
def test_a_result_of_another_type_is_refused(size: Any) -> None:
    cache = AnyCache("1MiB", sizer=lambda key, value: size)
    with pytest.raises(TypeError, match="a sizer's result must be an int number of bytes"):
        cache["key"] = 1
    assert len(cache) == 0


@pytest.mark.parametrize("size", NEGATIVE, ids=repr)
def test_a_negative_result_is_refused(size: Any) -> None:
    cache = AnyCache("1MiB", sizer=lambda key, value: size)
    with pytest.raises(ValueError, match="a sizer's result must not be negative"):
        cache.put("key", 1)
    assert len(cache) == 0


@pytest.mark.parametrize("size", OVERFLOWING, ids=repr)
def test_an_overflowing_result_is_refused(size: Any) -> None:
    cache = AnyCache("1MiB", sizer=lambda key, value: size)
    with pytest.raises(OverflowError, match="a sizer's result must be at most"):
        cache.setdefault("key", 1)
    assert len(cache) == 0


@pytest.mark.parametrize("sizer", ["deep", "shallow"])
def test_an_error_in_sizeof_propagates_and_changes_nothing(sizer: Any) -> None:
    cache = AnyCache("1MiB", sizer=sizer)
    cache["key"] = 1
    before = snapshot(cache)

    def fail() -> int:
        raise ZeroDivisionError

    for key in ("key", "new"):
        with pytest.raises(ZeroDivisionError):
            cache.put(key, Odd(fail))
        assert snapshot(cache) == before


def test_an_error_in_a_sizer_propagates_and_changes_nothing() -> None:
    cache = AnyCache("1MiB", sizer=lambda key, value: 1 // value)
    cache["key"] = 1
    before = snapshot(cache)
    for key in ("key", "new"):
        with pytest.raises(ZeroDivisionError):
            cache[key] = 0
    assert snapshot(cache) == before


# ---- too large ----


def test_an_entry_too_large_is_refused_and_changes_nothing(cache: AnyCache) -> None:
    before = snapshot(cache)
    for key in ("key", "new"):
        with pytest.raises(EntryTooLargeError):
            cache[key] = bytes(2**21)
        with pytest.raises(EntryTooLargeError):
            cache.update({key: bytes(2**21)})
    with pytest.raises(EntryTooLargeError):
        cache.setdefault("new", bytes(2**21))
    after = snapshot(cache)
    assert after[0] == before[0]
    assert after[1]._replace(misses=0) == before[1]  # type: ignore[attr-defined]
    assert after[2] == before[2]


def test_put_says_no_and_drops_the_older_value(cache: AnyCache) -> None:
    departures = Departures()
    cache = AnyCache("1MiB", on_evict=departures)
    cache.update(a=1, key="old", b=2)
    assert cache.put("key", bytes(2**21)) is False
    assert list(cache.items()) == [("a", 1), ("b", 2)]
    assert departures == [("key", "old", "size")]
    assert cache.put("new", 1, size=2**40) is False
    assert len(departures) == 1
    cache._validate()


def test_put_says_yes_otherwise(cache: AnyCache) -> None:
    assert cache.put("key", 1) is True
    assert cache.put("new", 1, size=2000) is True


@pytest.mark.parametrize("charge_overhead", [True, False])
def test_the_largest_entry_that_fits(charge_overhead: bool) -> None:
    probe = AnyCache("1MiB")
    probe.put("key", 1, size=0)
    probe.trim(probe.nbytes - 1)
    structure = probe.nbytes if charge_overhead else 0
    cache = AnyCache(10_000, charge_overhead=charge_overhead)
    for key in ("one", "two"):
        assert cache.put(key, 1, size=10_000 - structure)
        assert cache.nbytes == 10_000
    assert list(cache) == ["two"]
    assert not cache.put("three", 1, size=10_000 - structure + 1)
    assert list(cache) == ["two"]
    cache._validate()


def test_the_error_names_both_sizes(cache: AnyCache) -> None:
    sized = AnyCache(1000, sizer=lambda key, value: 4321)
    with pytest.raises(EntryTooLargeError, match=r"4321 bytes.*max_bytes=1000") as caught:
        sized["key"] = 1
    assert (caught.value.nbytes, caught.value.max_bytes) == (4321, 1000)


def test_without_overhead_the_error_does_not_speak_of_it() -> None:
    cache = AnyCache(1000, sizer=lambda key, value: 1001, charge_overhead=False)
    with pytest.raises(EntryTooLargeError) as caught:
        cache["key"] = 1
    assert "structure" not in str(caught.value)


def test_measuring_stops_soon_after_the_bound_is_passed() -> None:
    asked: list[int] = []

    def answer() -> int:
        asked.append(1)
        return 1000

    values = [Odd(answer) for _ in range(1000)]
    cache = AnyCache(20_000)
    with pytest.raises(EntryTooLargeError, match="at least"):
        cache["key"] = values
    assert len(asked) < 100


def test_one_write_may_evict_several() -> None:
    departures = Departures()
    cache = AnyCache(1000, charge_overhead=False, on_evict=departures)
    for number in range(10):
        cache.put(number, number, size=100)
    cache.put("large", 1, size=750)
    assert departures == [(number, number, "size") for number in range(8)]
    assert list(cache) == [8, 9, "large"]
    assert cache.nbytes == 950
    cache._validate()


def test_growing_an_entry_evicts_others_but_never_itself() -> None:
    departures = Departures()
    cache = AnyCache(1000, charge_overhead=False, on_evict=departures)
    for number in range(5):
        cache.put(number, "old", size=200)
    cache.put(0, "new", size=700)
    assert list(cache) == [4, 0]
    assert sorted(departures.keys, key=str) == [0, 1, 2, 3]
    assert departures.reasons.count("replaced") == 1
    cache._validate()


def test_many_evictions_at_once_come_oldest_first() -> None:
    departures = Departures()
    cache = AnyCache(100_000, charge_overhead=False, on_evict=departures)
    for number in range(1000):
        cache.put(number, number, size=100)
    cache.put("all", 1, size=100_000)
    assert departures.keys == list(range(1000))
    assert list(cache) == ["all"]
    cache._validate()


def test_a_value_that_grew_leaves_with_the_size_it_came_with() -> None:
    cache: LRUCache[str, list[int]] = LRUCache("1MiB")
    value: list[int] = []
    cache["key"] = value
    value.extend(range(10_000))
    del cache["key"]
    assert (cache.payload_nbytes, len(cache)) == (0, 0)
    cache._validate()


def test_a_value_that_shrank_leaves_with_the_size_it_came_with() -> None:
    cache: LRUCache[str, list[int]] = LRUCache("1MiB")
    value = list(range(10_000))
    cache["key"] = value
    cache["other"] = []
    value.clear()
    cache["key"] = []
    assert cache.payload_nbytes == cache.entry_nbytes("key") + cache.entry_nbytes("other")
    cache._validate()


def test_entry_nbytes_says_what_was_charged_not_what_is(cache: AnyCache) -> None:
    value: list[int] = []
    cache["list"] = value
    before = cache.entry_nbytes("list")
    value.extend(range(1000))
    assert cache.entry_nbytes("list") == before


def test_the_largest_size_is_allowed_of_any_integer() -> None:
    class Whole(int):
        """An integer, but no int."""

    cache = AnyCache(2**62 - 1, charge_overhead=False)
    assert cache.put("key", 1, size=Whole(2**62 - 1))
    assert cache.nbytes == 2**62 - 1
    with pytest.raises(OverflowError):
        cache.put("key", 1, size=Whole(2**62))
    assert cache["key"] == 1
