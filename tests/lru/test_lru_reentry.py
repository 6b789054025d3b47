"""Eviction callbacks that use the cache they are told of."""

import gc

import pytest
from hostile import (
    DROPPING,
    MEDDLING,
    AnyCache,
    LastWords,
    Use,
    check_in_order,
    unraisable,
)

pytestmark = pytest.mark.timeout(60)

every_drop = pytest.mark.parametrize("drop", DROPPING.values(), ids=DROPPING)
every_meddling = pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)


@every_drop
@every_meddling
def test_a_callback_may_use_the_cache(drop: Use, meddle: Use) -> None:
    depth = 0

    def act(*left: object) -> None:
        nonlocal depth
        if depth == 0:
            depth += 1
            meddle(cache)
            cache._validate()
            assert cache.nbytes <= cache.max_bytes
            depth -= 1

    cache = AnyCache("1MiB", on_evict=act)
    for key in ("key", *range(6)):
        cache.put(key, key, size=2000)
    with unraisable() as errors:
        drop(cache)
    assert errors == []
    depth = 1
    check_in_order(cache)


@every_drop
def test_a_callback_that_puts_everything_back_ends(drop: Use) -> None:
    calls = 0

    def put_back(key: object, value: object, reason: str) -> None:
        nonlocal calls
        calls += 1
        cache.put(key, value, size=2000)
        assert cache.nbytes <= cache.max_bytes

    cache = AnyCache("1MiB", on_evict=put_back)
    for key in ("key", *range(6)):
        cache.put(key, key, size=2000)
    with unraisable() as errors:
        drop(cache)
    assert calls
    assert set(errors) <= {RecursionError}
    cache._validate()
    assert cache.nbytes <= cache.max_bytes


def test_a_full_cache_whose_callback_puts_everything_back_ends() -> None:
    calls = 0

    def put_back(key: object, value: object, reason: str) -> None:
        nonlocal calls
        calls += 1
        cache.put(key, value, size=100)

    cache = AnyCache(1000, charge_overhead=False, on_evict=put_back)
    for number in range(10):
        cache.put(number, number, size=100)
    with unraisable() as errors:
        cache.put("new", 1, size=100)
    assert calls > 10
    assert set(errors) <= {RecursionError}
    assert (len(cache), cache.nbytes) == (10, 1000)
    cache._validate()


def test_a_collection_inside_a_callback() -> None:
    cache = AnyCache(1000, charge_overhead=False, on_evict=lambda *left: gc.collect())
    for number in range(20):
        cycle: list[object] = [cache]
        cycle.append(cycle)
        cache.put(number, cycle, size=100)
    cache.clear()
    cache._validate()


def test_a_callback_that_drops_the_last_reference_to_the_cache() -> None:
    def forget(*left: object) -> None:
        holder.clear()
        gc.collect()

    holder = [AnyCache("1MiB", on_evict=forget)]
    for number in range(20):
        holder[0].put(number, number, size=50_000)
    holder[0].resize(10_000)
    assert holder == []


def test_a_collection_at_every_allocation() -> None:
    before = gc.get_threshold()
    cache = AnyCache(20_000)
    gc.set_threshold(1, 1, 1)
    try:
        for number in range(300):
            cache[number] = [number, cache]
            if number % 7 == 0:
                list(cache.items()), cache.copy(), cache.audit()
    finally:
        gc.set_threshold(*before)
    cache._validate()


def test_trimming_ends_though_the_callback_inserts() -> None:
    cache = AnyCache("1MiB", on_evict=lambda *left: cache.put(object(), 1, size=10))
    cache.update({number: number for number in range(20)})
    cache.trim(0)
    cache._validate()


def test_trimming_ends_though_dying_values_insert() -> None:
    rests = 1000

    def again() -> None:
        nonlocal rests
        if rests:
            rests -= 1
            cache.put(object(), LastWords(again), size=10)

    cache = AnyCache("1MiB")
    cache.update({number: LastWords(again) for number in range(20)})
    cache.trim(0)
    assert rests > 900
    rests = 0
    cache.clear()
    cache._validate()


def test_resizing_ends_though_entries_of_no_size_are_put_back() -> None:
    cache = AnyCache(
        "1MiB",
        sizer=lambda key, value: 0,
        on_evict=lambda key, value, reason: cache.put(key, value),
    )
    cache.update({number: number for number in range(40)})
    with unraisable():
        cache.resize(500)
    assert cache.nbytes <= 500
    cache._validate()


def test_setdefault_returns_what_was_put_while_it_measured() -> None:
    def size(key: object, value: object) -> int:
        if value == "mine":
            cache.put(key, "theirs")
        return 1

    cache = AnyCache("1MiB", sizer=size)
    assert cache.setdefault("key", "mine") == "theirs"
    assert list(cache.items()) == [("key", "theirs")]
    cache._validate()
