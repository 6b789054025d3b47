"""Entries that expire: when, what they are until they leave, and timers that tell nonsense."""

import contextlib
import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hostile import AnyCache, Departures

from bytebound import EntryTooLargeError


class Clock:
    """A timer that tells what it is told."""

    def __init__(self) -> None:
        self.now: Any = 0.0

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> AnyCache:
    return AnyCache("1MiB", ttl=10, timer=clock)


def see_all(cache: AnyCache) -> list[Any]:
    """What each way of looking at all entries shows."""
    return [
        len(cache),
        cache.stats().items,
        list(cache),
        list(reversed(cache)),
        list(cache.values()),
        list(cache.items()),
        list(cache.copy()),
        dict(cache),
        cache == {},
        cache.audit().charged,
    ]


NOTHING = [0, 0, [], [], [], [], [], {}, True, 0]


# ---- when ----


@pytest.mark.parametrize("ttl", [10, 0.1, 1e-6, 1e-9, 0, 3600.5, 1e9, True])
def test_an_entry_lives_as_long_as_its_ttl_and_no_longer(clock: Clock, ttl: float) -> None:
    cache = AnyCache("1MiB", timer=clock)
    cache.put("a", 1, ttl=ttl)
    if ttl >= 1e-3:
        clock.now = ttl * 0.999
        assert "a" in cache
    clock.now = max(ttl, 1e-6 if ttl else 0)
    assert "a" not in cache


def test_many_ttls_expire_one_after_the_other_exactly(clock: Clock) -> None:
    cache = AnyCache("1MiB", timer=clock)
    for ttl in range(1, 500):
        cache.put(ttl, ttl, ttl=ttl)
    for now in range(500):
        clock.now = now
        assert len(cache) == max(499 - now, 0)
        assert (now in cache) is False
        assert (now + 1 in cache) is (now < 499)
    cache._validate()


def test_the_idle_time_starts_anew_with_each_lookup(clock: Clock) -> None:
    cache = AnyCache("1MiB", idle_ttl=10, timer=clock)
    cache["a"] = 1
    for use in (cache.get, cache.__getitem__, lambda key: cache.setdefault(key, 2), cache.touch):
        clock.now += 9
        use("a")
        assert cache.expires_in("a") == 10
    clock.now += 10
    assert "a" not in cache


@pytest.mark.parametrize("look", ["peek", "__contains__", "expires_in", "entry_nbytes"])
def test_looking_without_touching_does_not_start_the_idle_time(clock: Clock, look: str) -> None:
    cache = AnyCache("1MiB", idle_ttl=10, timer=clock)
    cache["a"] = 1
    clock.now = 9
    getattr(cache, look)("a")
    assert cache.expires_in("a") == 1


def test_whichever_time_is_up_first_counts(clock: Clock) -> None:
    cache = AnyCache("1MiB", ttl=15, idle_ttl=10, timer=clock)
    cache["a"], cache["b"] = 1, 2
    clock.now = 9
    cache["a"]
    assert (cache.expires_in("a"), cache.expires_in("b")) == (6, 1)
    clock.now = 10
    assert list(cache) == ["a"]
    clock.now = 15
    assert list(cache) == []


def test_putting_starts_the_time_anew(cache: AnyCache, clock: Clock) -> None:
    for put in (
        lambda: cache.__setitem__("a", 2),
        lambda: cache.put("a", 2),
        lambda: cache.update(a=3),
        lambda: cache.put_many({"a": 4}),
        lambda: cache.touch("a"),
    ):
        cache["a"] = 1
        clock.now += 9
        put()
        assert cache.expires_in("a") == 10


def test_neither_setdefault_nor_get_starts_the_time_anew(cache: AnyCache, clock: Clock) -> None:
    cache["a"] = 1
    clock.now = 9
    cache.setdefault("a", 2), cache.get("a"), cache.get_or_put("a", int), cache.get_many("a")
    assert cache.expires_in("a") == 1


def test_put_says_otherwise_than_the_cache(cache: AnyCache, clock: Clock) -> None:
    cache.put("a", 1, ttl=None)
    cache.put("b", 1, ttl=5)
    cache.put("c", 1, idle_ttl=3)
    cache.put("d", 1, ttl=math.inf)
    assert [cache.expires_in(key) for key in "abcd"] == [None, 5, 3, None]
    cache.put("b", 2)
    assert cache.expires_in("b") == 10
    cache.put("c", 2, ttl=None, idle_ttl=None)
    assert cache.expires_in("c") is None


def test_touch_takes_times_and_promotes(cache: AnyCache) -> None:
    cache["a"], cache["b"] = 1, 2
    assert cache.touch("a", ttl=99)
    assert cache.expires_in("a") == 99
    assert list(cache) == ["b", "a"]
    assert not cache.touch("x")
    assert (cache.stats().hits, cache.stats().misses) == (0, 0)


def test_jitter_shortens_by_at_most_its_share(clock: Clock) -> None:
    cache = AnyCache("16MiB", ttl=100, ttl_jitter=0.1, timer=clock)
    cache.update(dict.fromkeys(range(2000)))
    left = [cache.expires_in(key) for key in range(2000)]
    assert 90 <= min(left) < 91
    assert 99 < max(left) <= 100
    assert abs(sum(left) / 2000 - 95) < 0.5


def test_the_monotonic_clock_is_the_default() -> None:
    cache = AnyCache("1MiB", ttl=3600)
    cache["a"] = 1
    cache.put("b", 2, ttl=0.001)
    assert 3599 < cache.expires_in("a") <= 3600
    while "b" in cache:
        pass
    assert list(cache) == ["a"]


# ---- what has expired ----


def test_what_has_expired_is_not_seen_anyhow(cache: AnyCache, clock: Clock) -> None:
    cache.update(a=1, b=2)
    clock.now = 10
    assert see_all(cache) == NOTHING
    cache.clear()
    for absent in (cache.oldest, cache.newest, cache.popitem):
        cache["a"] = 1
        clock.now += 10
        with pytest.raises(KeyError):
            absent()
    assert "0 items" in repr(cache)


LOOKUPS: dict[str, Callable[[AnyCache], Any]] = {
    "getitem": lambda cache: cache["a"],
    "get": lambda cache: cache.get("a", KeyError),
    "peek": lambda cache: cache.peek("a", KeyError),
    "contains": lambda cache: KeyError if "a" not in cache else None,
    "pop": lambda cache: cache.pop("a"),
    "delete": lambda cache: cache.__delitem__("a"),
    "expires_in": lambda cache: cache.expires_in("a"),
    "entry_nbytes": lambda cache: cache.entry_nbytes("a"),
    "remeasure": lambda cache: cache.remeasure("a"),
    "touch": lambda cache: KeyError if not cache.touch("a") else None,
    "get_many": lambda cache: KeyError if not cache.get_many(["a"]) else None,
    "pop_many": lambda cache: KeyError if not cache.pop_many(["a"]) else None,
    "delete_many": lambda cache: KeyError if not cache.delete_many(["a"]) else None,
    "pin": lambda cache: cache.pin("a").__enter__(),
    "setdefault": lambda cache: KeyError if cache.setdefault("a", "new") == "new" else None,
}


@pytest.mark.parametrize("name", LOOKUPS)
@pytest.mark.parametrize("sizer", ["deep", "shared"])
def test_no_lookup_finds_what_has_expired(clock: Clock, name: str, sizer: str) -> None:
    cache = AnyCache("1MiB", ttl=10, timer=clock, sizer=sizer)
    cache["a"] = ["old"]
    clock.now = 10
    try:
        found = LOOKUPS[name](cache)
    except KeyError:
        found = KeyError
    assert found is KeyError
    assert cache.stats().hits == 0
    cache._validate()


def test_it_leaves_on_access_with_its_reason(clock: Clock) -> None:
    departures = Departures()
    cache = AnyCache("1MiB", ttl=10, timer=clock, on_evict=departures)
    value = ["v"]
    cache["a"] = value
    clock.now = 10
    assert len(cache) == 0
    assert not departures
    before = cache.nbytes
    assert cache.get("a") is None
    assert [(left.key, left.value, left.reason) for left in departures] == [("a", value, "expired")]
    assert cache.nbytes < before
    assert cache.stats().evictions["expired"] == 1


def test_a_put_over_what_has_expired_is_an_insert(clock: Clock) -> None:
    departures = Departures()
    cache = AnyCache("1MiB", ttl=10, timer=clock, on_evict=departures)
    cache["a"] = 1
    clock.now = 10
    cache["a"] = 2
    assert [left.reason for left in departures] == ["expired"]
    assert (cache.stats().inserts, cache.stats().replacements) == (2, 0)


def test_each_write_takes_out_a_few(clock: Clock) -> None:
    departures = Departures()
    cache = AnyCache("1MiB", ttl=10, timer=clock, on_evict=departures)
    cache.update(dict.fromkeys(range(100)))
    clock.now = 10
    for number in range(1, 26):
        cache["x"] = number
        assert 0 < len([left for left in departures if left.reason == "expired"]) <= 4 * number
    assert len([left for left in departures if left.reason == "expired"]) == 100
    assert cache.expire() == 0


def test_what_has_expired_goes_before_what_has_not(clock: Clock) -> None:
    cache = AnyCache(40_000, timer=clock, charge_overhead=False)
    for number in range(100):
        cache.put(number, number, size=200)
    for number in range(100, 200):
        cache.put(number, number, size=200, ttl=10)
    clock.now = 10
    cache.put("large", None, size=15_000)
    assert cache.stats().evictions["size"] == 0
    cache.resize(36_000)
    cache.trim(35_000)
    stats = cache.stats()
    assert (stats.evictions["size"], stats.evictions["trimmed"]) == (0, 0)
    assert list(cache) == [*range(100), "large"]


def test_expire_says_how_many_left(cache: AnyCache, clock: Clock) -> None:
    cache.update(dict.fromkeys(range(1000)))
    clock.now = 5
    cache.update(dict.fromkeys(range(500)))
    clock.now = 10
    assert cache.expire() == 500
    assert cache.expire() == 0
    clock.now = 15
    assert cache.expire() == 500
    assert AnyCache(1000).expire() == 0


def test_what_a_callback_puts_does_not_keep_expire_going(clock: Clock) -> None:
    def put_again(key: Any, value: Any, reason: str) -> None:
        if value is None:
            cache.put(key, "again", ttl=0)

    cache = AnyCache("1MiB", ttl=10, timer=clock, on_evict=put_again)
    cache.update(dict.fromkeys(range(10)))
    clock.now = 10
    assert cache.expire() == 10
    assert len(cache) == 0


def test_an_iterator_goes_on_when_others_expire(cache: AnyCache, clock: Clock) -> None:
    cache.update(dict.fromkeys(range(200)))
    clock.now = 5
    cache.update(dict.fromkeys(range(100, 200)))
    walk = iter(cache)
    assert next(walk) == 0
    clock.now = 10
    assert cache.get(5) is None
    assert next(walk) == 100
    cache.get(150)
    assert cache.expire() == 99
    assert list(walk) == list(range(101, 200))


def test_a_copy_and_a_pickle_have_the_time_that_is_left() -> None:
    CLOCK.now = 0.0
    cache = AnyCache("1MiB", ttl=10, idle_ttl=8, ttl_jitter=0.0, timer=read_clock)
    cache["a"] = 1
    CLOCK.now = 4
    cache.put("b", 2, ttl=None, idle_ttl=None)
    cache["a"]
    for made in (cache.copy(), copy.copy(cache), pickle.loads(pickle.dumps(cache))):
        assert (made.ttl, made.idle_ttl, made.timer) == (10, 8, read_clock)
        assert made.expires_in("a") == 6
        assert made.expires_in("b") is None
        made._validate()
    CLOCK.now = 10
    assert dict(pickle.loads(pickle.dumps(cache))) == {"b": 2}


CLOCK = Clock()


def read_clock() -> float:
    return CLOCK()


# ---- memory ----


def test_a_cache_without_times_has_no_columns_for_them() -> None:
    plain, timed = AnyCache("16MiB"), AnyCache("16MiB", ttl=5)
    for cache in (plain, timed):
        cache.update(dict.fromkeys(range(10_000)))
    extra = timed.overhead_nbytes - plain.overhead_nbytes
    assert 16 * 10_000 <= extra <= 16 * 12_000 + 2000


def test_the_first_time_makes_room_for_its_column() -> None:
    cache = AnyCache(100_000)
    cache.update(dict.fromkeys(range(5000)))
    count = len(cache)
    assert cache.put("a", 1, ttl=60)
    assert cache.nbytes <= cache.max_bytes
    assert count / 2 < len(cache) < count
    assert cache.put("b", 1, idle_ttl=60)
    assert {"a", "b"} <= set(cache)
    cache._validate()


def test_what_has_no_room_for_its_times_is_too_large() -> None:
    cache = AnyCache(1000)
    cache["a"] = 1
    assert not cache.put("b", 1, ttl=5)
    assert list(cache) == ["a"]
    with pytest.raises(EntryTooLargeError, match="structure"):
        cache.touch("a", ttl=5)
    assert cache.expires_in("a") is None


# ---- nonsense ----


@pytest.mark.parametrize("wrong", [-1, -1e-9, math.nan, -math.inf])
@pytest.mark.parametrize("what", ["ttl", "idle_ttl"])
def test_a_time_that_is_none_is_refused(cache: AnyCache, what: str, wrong: float) -> None:
    cache["a"] = 1
    for operation in (
        lambda: AnyCache(1000, **{what: wrong}),
        lambda: cache.put("a", 2, **{what: wrong}),
        lambda: cache.touch("a", **{what: wrong}),
        lambda: cache.put_many({"a": 2}, **{what: wrong}),
    ):
        with pytest.raises(ValueError, match=what):
            operation()
    assert dict(cache) == {"a": 1}


@pytest.mark.parametrize("wrong", ["5", b"5", [5], 5j, object()])
def test_a_time_that_is_no_number_is_a_type_error(cache: AnyCache, wrong: Any) -> None:
    with pytest.raises(TypeError, match="ttl"):
        cache.put("a", 1, ttl=wrong)
    with pytest.raises(TypeError, match="idle_ttl"):
        AnyCache(1000, idle_ttl=wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_jitter_is_a_share(wrong: float) -> None:
    with pytest.raises(ValueError, match="ttl_jitter"):
        AnyCache(1000, ttl=5, ttl_jitter=wrong)


USES: dict[str, Callable[[AnyCache], Any]] = {
    "len": len,
    "get": lambda cache: cache.get("a"),
    "set": lambda cache: cache.__setitem__("b", 1),
    "put_many": lambda cache: cache.put_many({"b": 1}),
    "pop": lambda cache: cache.pop("a"),
    "iterate": list,
    "expire": lambda cache: cache.expire(),
    "stats": lambda cache: cache.stats(),
    "copy": lambda cache: cache.copy(),
    "clear": lambda cache: cache.clear(),
    "pin": lambda cache: cache.pin("a").__enter__(),
    "trim": lambda cache: cache.trim(0),
}


@pytest.mark.parametrize("told", [math.nan, math.inf, -math.inf, 1e300, "now", None, [], 10**400])
@pytest.mark.parametrize("use", USES)
def test_a_timer_that_tells_nonsense_changes_nothing(
    cache: AnyCache, clock: Clock, told: Any, use: str
) -> None:
    cache["a"] = 1
    clock.now = told
    with pytest.raises((TypeError, ValueError), match="timer"):
        USES[use](cache)
    clock.now = 1
    assert dict(cache) == {"a": 1}
    cache._validate()


@pytest.mark.parametrize("use", USES)
def test_an_error_of_the_timer_is_told_and_changes_nothing(use: str) -> None:
    clock = Clock()
    cache = AnyCache("1MiB", ttl=10, timer=lambda: 1 / clock.now)
    clock.now = 1
    cache["a"] = 1
    clock.now = 0
    with pytest.raises(ZeroDivisionError):
        USES[use](cache)
    clock.now = 1
    assert dict(cache) == {"a": 1}


def test_a_timer_that_goes_back_is_held(cache: AnyCache, clock: Clock) -> None:
    clock.now = 100
    cache["a"] = 1
    clock.now = 110
    assert len(cache) == 0
    clock.now = 50
    assert "a" not in cache
    cache["b"] = 1
    assert cache.expires_in("b") == 10
    clock.now = 119.9
    assert "b" in cache
    clock.now = 120
    assert "b" not in cache
    cache._validate()


def test_times_before_zero_are_times(cache: AnyCache, clock: Clock) -> None:
    fresh = AnyCache("1MiB", ttl=10, timer=clock)
    clock.now = -1e6
    fresh["a"] = 1
    clock.now = -1e6 + 9.5
    assert fresh.expires_in("a") == 0.5
    clock.now = -1e6 + 10
    assert len(fresh) == 0


@pytest.mark.parametrize("inside", USES)
@pytest.mark.parametrize("outside", USES)
def test_a_timer_may_use_the_cache(outside: str, inside: str) -> None:
    busy = []

    def timer() -> float:
        if not busy:
            busy.append(1)
            USES[inside](cache)
            busy.clear()
        return 5.0

    busy.append(1)
    cache = AnyCache("1MiB", ttl=10, timer=timer)
    cache["a"] = 1
    busy.clear()
    with contextlib.suppress(KeyError, RuntimeError):  # of an entry that left, or an iterator
        USES[outside](cache)
    cache._validate()
    assert cache.nbytes <= cache.max_bytes


def test_a_timer_must_be_callable() -> None:
    with pytest.raises(TypeError, match="timer"):
        AnyCache(1000, timer=5)
