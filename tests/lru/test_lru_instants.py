"""Copies, pickles, ``==`` and `audit` at instants when entries expire or are pinned beyond time."""

import copy
import pickle
import threading
import time
from typing import Any

import pytest
from hostile import AnyCache, Departures

from bytebound import BytesCache, EntryTooLargeError, LRUCache, PinnedError

NOW = 0.0


def clock() -> float:
    """A timer that can be pickled."""
    return NOW


@pytest.fixture(autouse=True)
def _start() -> None:
    set_clock(0.0)


def set_clock(now: float) -> None:
    global NOW
    NOW = now


@pytest.mark.parametrize("times", [{"ttl": 5}, {"idle_ttl": 5}])
@pytest.mark.parametrize("sizer", ["deep", "shared"])
def test_an_entry_pinned_beyond_its_time_is_seen_but_not_copied(
    times: dict[str, Any], sizer: Any
) -> None:
    cache = AnyCache("1MiB", timer=clock, sizer=sizer, **times)
    cache.put("a", [1], ttl=None, idle_ttl=None)
    cache["b"] = [2]
    cache["c"] = [3]
    with cache.pin("b"):
        set_clock(10.0)
        copies = [cache.copy(), copy.copy(cache), pickle.loads(pickle.dumps(cache))]
        assert cache == {"a": [1], "b": [2]}
        audit = cache.audit()
        assert audit.drift == 0
        assert audit.charged >= cache.entry_nbytes("a") + cache.entry_nbytes("b")
        assert list(cache) == ["a", "b"]
        for each in copies:
            assert dict(each) == {"a": [1]}
            each._validate()
        cache._validate()
    assert dict(cache) == {"a": [1]}


@pytest.mark.parametrize("sizer", ["deep", "shared"])
def test_the_clock_may_pass_an_expiry_meanwhile(sizer: Any) -> None:
    sizes = []

    def on_evict(_key: Any, _value: Any, _reason: str) -> None:
        set_clock(NOW + 1.0)
        sizes.append(len(cache))

    cache = AnyCache("1MiB", ttl=2, timer=clock, on_evict=on_evict, sizer=sizer)
    for number in range(4):
        cache[number] = (number,)
        set_clock(NOW + 0.5)
    set_clock(2.1)
    other = cache.copy()  # has what expires leave, and these callbacks have more expire
    assert sizes
    other._validate()
    cache._validate()
    assert cache.audit().drift == 0
    assert dict(other) == dict(cache)


def test_looking_takes_nothing_out() -> None:
    departures = Departures()
    cache = AnyCache("1MiB", ttl=5, timer=clock, on_evict=departures)
    cache.update(a=1, b=2)
    cache.put("c", [3], ttl=None)
    set_clock(5.0)
    before = cache.nbytes
    assert cache.audit() == (cache.entry_nbytes("c"),) * 2 + (0,)
    assert cache == {"c": [3]}
    cache.__reduce__()
    assert cache.nbytes == before
    assert list(departures) == []


@pytest.mark.parametrize("sizer", ["deep", "shared"])
def test_another_thread_asks_for_the_length_meanwhile(sizer: Any) -> None:
    cache = LRUCache(
        "1MiB", ttl=0.0003, sizer=sizer, on_evict=lambda _key, _value, _reason: time.sleep(0)
    )
    done = False

    def ask() -> None:
        while not done:
            len(cache)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for number in range(60):
            for key in range(5):
                cache[number % 97, key] = [number]
            cache.audit()
            cache.copy()
            assert cache != {number: None}
    finally:
        done = True
        thread.join()
    cache._validate()


# ---- memory for times and pins ----


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_pin_without_room_for_its_own_memory_is_refused(count: int) -> None:
    outcomes = set()
    for bound in range(150, 400):
        cache = AnyCache(bound)
        for key in range(count):
            cache.put(key, key, size=10)
        for key in list(cache)[:1]:
            before = (list(cache), cache.nbytes)
            try:
                with cache.pin(key) as value:
                    assert value == key
                    assert cache.nbytes <= bound
                outcomes.add("pinned")
            except EntryTooLargeError:
                outcomes.add("refused")
                unchanged = (list(cache), cache.nbytes) == before
                assert unchanged
            cache._validate()
    assert outcomes == {"pinned", "refused"}


def test_a_large_entry_leaves_no_room_for_a_pin() -> None:
    cache = AnyCache("64MiB")
    assert cache.put("frame", b"", size=64 * 2**20 - 150)
    with pytest.raises(EntryTooLargeError, match="for the memory that a pin takes"):
        cache.pin("frame").__enter__()
    assert list(cache) == ["frame"]
    assert cache.stats().pinned_items == 0


def test_a_second_pin_without_room_says_what_is_pinned() -> None:
    cache = AnyCache(800)
    cache.put("a", 1, size=300)
    cache.put("b", 1, size=80)
    cache.put("c", 1, size=80)
    with cache.pin("a"), cache.pin("b"):
        with pytest.raises(PinnedError), cache.pin("c"):
            cache.put("d", 1, size=300)
        cache._validate()


def touched(cache: AnyCache, key: Any) -> Any:
    try:
        return cache.touch(key, ttl=2)
    except EntryTooLargeError:
        return "refused"


def test_touch_never_evicts_what_it_touches() -> None:
    outcomes = set()
    for bound in range(900, 2200, 20):
        for count, size in ((1, 10), (2, 100), (4, 300), (7, 10)):
            for key in range(count):
                cache = AnyCache(bound)
                for number in range(count):
                    cache.put(number, number, size=size)
                before = (list(cache), cache.nbytes)
                if key not in cache:
                    continue
                outcome = touched(cache, key)
                outcomes.add(outcome)
                if outcome is True:
                    assert list(cache)[-1] == key
                    assert 0 < cache.expires_in(key) <= 2
                else:
                    assert (list(cache), cache.nbytes) == before
                    assert outcome == "refused"
                cache._validate()
    assert outcomes == {True, "refused"}


def test_touch_says_what_has_no_room() -> None:
    cache = AnyCache(1120)
    cache.put("a", 1, size=10)
    with pytest.raises(EntryTooLargeError, match=r"an entry of 10 bytes .* max_bytes=1120"):
        cache.touch("a", ttl=2)
    assert cache.expires_in("a") is None


def test_touching_nothing_changes_nothing() -> None:
    cache = AnyCache(1500)
    for number in range(9):
        cache.put(number, number, size=100)
    before = (list(cache), cache.nbytes)
    assert not cache.touch("x", ttl=2)
    assert (list(cache), cache.nbytes) == before


def test_the_first_time_that_is_put_replaces_its_entry() -> None:
    departures = Departures()
    cache = AnyCache(1500, on_evict=departures)
    for number in range(5):
        cache.put(number, [number], size=60)
    assert cache.put(0, ["new"], size=60, ttl=5)
    assert [left.reason for left in departures if left.key == 0] == ["replaced"]
    assert cache.peek(0) == ["new"]
    cache._validate()


def test_a_large_entry_makes_room_for_a_small_one_that_expires() -> None:
    cache = AnyCache(1500)
    assert cache.put("a", 1, size=1300)
    assert cache.put("a", 2, size=10, ttl=5)
    assert dict(cache) == {"a": 2}
    cache._validate()


def test_touch_in_a_cache_of_bytes() -> None:
    for bound in range(512, 1024, 64):
        cache = BytesCache(bound * 1024)
        for number in range(2000):
            cache.put(b"%d" % number, bytes(1000))
        oldest = next(iter(cache))
        assert cache.touch(oldest, ttl=5)
        assert list(cache)[-1] == oldest
        oldest = next(iter(cache))
        assert cache.put(oldest, b"new", idle_ttl=5)
        assert cache.peek(oldest) == b"new"
        cache._validate()
