"""Values that act when they die, and values and sizers that act when they are measured."""

import contextlib
import gc
from collections.abc import Callable

import pytest
from hostile import (
    DROPPING,
    MEDDLING,
    AnyCache,
    Collider,
    Departures,
    LastWords,
    Odd,
    Use,
    check_in_order,
    unraisable,
)

pytestmark = pytest.mark.timeout(60)

every_drop = pytest.mark.parametrize("drop", DROPPING.values(), ids=DROPPING)
every_meddling = pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)


# ---- values that act when they die ----


def last_words_cache(action: Callable[[], object]) -> AnyCache:
    """Make a cache of seven values that act when they die; "key" is the oldest."""
    cache = AnyCache("1MiB")
    for key in ("key", *range(6)):
        cache.put(key, LastWords(action), size=2000)
    return cache


@every_drop
def test_a_dying_value_sees_the_cache_without_it(drop: Use) -> None:
    seen: list[bool] = []

    def look() -> None:
        cache._validate()
        assert cache.nbytes <= cache.max_bytes
        seen.append(isinstance(cache.peek("key"), LastWords))

    cache = last_words_cache(look)
    with unraisable() as errors:
        drop(cache)
        gc.collect()
        assert errors == []
    assert seen
    assert not any(seen)
    with unraisable():  # where the cache is gone already
        cache.clear()


@every_drop
def test_a_dying_value_that_inserts_cannot_pass_the_bound(drop: Use) -> None:
    rests = 200

    def insert() -> None:
        nonlocal rests
        if rests:
            rests -= 1
            cache.put(object(), LastWords(insert), size=2000)
        cache._validate()
        assert cache.nbytes <= cache.max_bytes

    cache = last_words_cache(insert)
    with unraisable() as errors:
        drop(cache)
        assert errors == []
        rests = 0
        cache._validate()
        assert cache.payload_nbytes == sum(cache.entry_nbytes(key) for key in cache)
        cache.clear()
    assert errors == []


@every_meddling
@every_drop
def test_a_dying_value_may_do_anything(drop: Use, meddle: Use) -> None:
    once = True

    def act() -> None:
        nonlocal once
        if once:
            once = False
            meddle(cache)
            cache._validate()

    cache = last_words_cache(act)
    with unraisable() as errors:
        drop(cache)
        gc.collect()
    assert errors == []
    check_in_order(cache)


@every_drop
def test_a_dying_value_that_raises_disturbs_nothing(drop: Use) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    cache = last_words_cache(fail)
    with unraisable() as errors:
        drop(cache)
        assert set(errors) == {ZeroDivisionError}
        check_in_order(cache)


def test_a_dying_key_may_act_too() -> None:
    class Mortal(Collider):
        def __del__(self) -> None:
            if alive:
                cache.put("heir", 1)
                cache._validate()

    alive = True
    cache = AnyCache("1MiB")
    cache[Mortal(1)] = 1
    cache.popitem()
    gc.collect()
    assert "heir" in cache
    alive = False


def test_values_of_a_dying_cache_act_without_it() -> None:
    survivors = AnyCache("1MiB")
    cache = AnyCache("1MiB")
    for number in range(10):
        cache[number] = LastWords(lambda: survivors.put(object(), 1))
    del cache
    gc.collect()
    assert len(survivors) == 10
    survivors._validate()


# ---- sizers that use the cache ----

REENTRY: dict[str, Use] = {
    **MEDDLING,
    "put the same key": lambda cache: cache.put("key", "inner", size=10),
    "delete the same key": lambda cache: cache.pop("key", None),
    "write large": lambda cache: cache.put("huge", 1, size=2**20 - 500),
}
WRITES: dict[str, Use] = {
    "cache[key] = value": lambda cache: cache.__setitem__("key", "outer"),
    "put": lambda cache: cache.put("key", "outer"),
    "setdefault": lambda cache: cache.setdefault("key", "outer"),
    "update": lambda cache: cache.update(key="outer"),
    "remeasure": lambda cache: "key" in cache and cache.remeasure("key"),
    "audit": lambda cache: cache.audit(),
}


@pytest.mark.parametrize("meddle", REENTRY.values(), ids=REENTRY)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("there", [True, False], ids=["there", "absent"])
def test_a_sizer_may_use_the_cache(write: Use, meddle: Use, there: bool) -> None:
    inside = False

    def size(key: object, value: object) -> int:
        nonlocal inside
        if not inside:
            inside = True
            meddle(cache)
            cache._validate()
            inside = False
        return 100

    cache = AnyCache("1MiB", sizer=size)
    inside = True
    cache.update({number: number for number in range(5)})
    if there:
        cache["key"] = "first"
    inside = False
    with contextlib.suppress(KeyError, ValueError, RuntimeError):
        write(cache)
    inside = True
    assert len({"key"} & set(cache)) == [*cache].count("key")
    assert cache.payload_nbytes == sum(cache.entry_nbytes(key) for key in cache)
    check_in_order(cache)


def test_the_outer_write_comes_after_the_one_inside_its_sizer() -> None:
    def size(key: object, value: object) -> int:
        if value == "outer":
            cache["key"] = "inner"
        return 10

    departures = Departures()
    cache = AnyCache("1MiB", sizer=size, on_evict=departures)
    cache["key"] = "outer"
    assert cache["key"] == "outer"
    assert departures == [("key", "inner", "replaced")]


def test_a_sizeof_may_use_the_cache() -> None:
    def answer() -> int:
        cache.clear()
        cache["other"] = 1
        return 500

    cache = AnyCache("1MiB")
    cache["key"] = "first"
    cache["key"] = Odd(answer)
    assert list(cache) == ["other", "key"]
    cache._validate()


def test_a_sizer_that_writes_without_end_is_stopped() -> None:
    def size(key: int, value: object) -> int:
        cache[key + 1] = value
        return 10

    cache = AnyCache("1MiB", sizer=size)
    with pytest.raises(RecursionError):
        cache[0] = 1
    assert len(cache) == 0
    cache._validate()


def test_a_value_that_changes_while_it_is_measured() -> None:
    value: list[object] = []

    def answer() -> int:
        value.append(bytes(1000))
        return 100

    value.extend(Odd(answer) for _ in range(20))
    cache = AnyCache("1MiB")
    cache["key"] = value
    assert cache.payload_nbytes == cache.entry_nbytes("key")
    cache._validate()
