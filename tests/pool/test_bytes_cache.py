"""What a cache of bytes keeps, gives and refuses."""

import copy
import gc
import pickle
import sys
import weakref
from array import array
from typing import Any

import pytest
from hostile import run_isolated

from bytebound import (
    Budget,
    BudgetExceededError,
    BytesCache,
    EntryTooLargeError,
    LRUCache,
    PinnedError,
    sizeof,
)


def filled(count: int, size: int = 100, bound: str = "1MiB", **settings: Any) -> BytesCache:
    cache = BytesCache(bound, **settings)
    for number in range(count):
        cache[b"%d" % number] = b"%d." % number + bytes(size)
    cache._validate()
    return cache


def test_keys_are_the_same_whatever_they_lie_in() -> None:
    cache = BytesCache("1MiB")
    for key in (b"", b"k", b"key" * 1000):
        cache[key] = key + b"!"
        for same in (key, bytearray(key), memoryview(key), array("B", key)):
            assert cache[same] == key + b"!"
            assert same in cache
            cache[same] = memoryview(key + b"!")
    assert len(cache) == 3
    assert cache.stats().inserts == 3
    assert type(cache.popitem()[0]) is bytes


def test_what_is_no_bytes_is_refused_and_changes_nothing() -> None:
    cache = filled(3)
    before = list(cache.items())
    strided = memoryview(bytes(10))[::2]
    for wrong, error in (
        ("text", TypeError),
        (None, TypeError),
        (5, TypeError),
        (strided, BufferError),
    ):
        bad: Any = wrong
        for use in (
            lambda bad=bad: cache[bad],
            lambda bad=bad: cache.put(bad, b""),
            lambda bad=bad: cache.put(b"0", bad),
            lambda bad=bad: cache.put(bytearray(b"0"), bad),
            lambda bad=bad: cache.get(bad),
            lambda bad=bad: bad in cache,
            lambda bad=bad: cache.pop(bad, None),
            lambda bad=bad: cache.view(bad),
            lambda bad=bad: cache.setdefault(b"new", bad),
            lambda bad=bad: cache.touch(bad),
        ):
            with pytest.raises(error):
                use()
    for many in (cache.delete_many, cache.pop_many):
        with pytest.raises(TypeError):
            many([b"0", b"1", "2"])  # type: ignore[list-item]
    assert list(cache.items()) == before
    cache._validate()


def test_it_is_a_mapping_in_order_of_use() -> None:
    cache = filled(4, 0)
    assert cache.get(b"1") == b"1."
    assert cache.peek(b"0") == b"0."
    assert cache.get(b"x") is None
    assert list(cache) == [b"0", b"2", b"3", b"1"] == list(reversed(list(reversed(cache))))
    assert cache.oldest() == (b"0", b"0.")
    assert cache.newest() == (b"1", b"1.")
    assert cache == {b"%d" % n: b"%d." % n for n in range(4)} == dict(cache)
    assert list(cache.values())[-1] == b"1."
    assert (b"2", b"2.") in cache.items()
    assert cache.setdefault(b"2", b"other") == b"2."
    assert cache.setdefault(b"y", bytearray(b"z")) == b"z"
    assert cache.get_or_put(b"w", lambda: memoryview(b"made")) == b"made" == cache[b"w"]
    assert cache.pop(b"w") == b"made"
    assert cache.pop(b"w", 5) == 5
    assert b"w" not in cache
    assert cache.popitem() == (b"0", b"0.")
    assert cache.get_many([b"3", b"0", bytearray(b"1")]) == {b"3": b"3.", b"1": b"1."}
    assert cache.put_many({b"a": b"1"}) + cache.put_many([(b"b", b"2")]) == 2
    assert cache.pop_many([b"a", b"a", b"none"]) == {b"a": b"1"}
    assert cache.delete_many([b"b", b"y", b"none"]) == 2
    assert (cache | {b"n": b"m"})[b"n"] == b"m"
    assert b"n" not in cache
    for use in (lambda: cache[b"gone"], lambda: cache.pop(b"gone"), lambda: cache.view(b"gone")):
        with pytest.raises(KeyError):
            use()
    del cache[b"3"]
    cache.clear()
    assert not cache
    assert cache.nbytes == 0
    with pytest.raises(KeyError):
        cache.popitem()


def test_an_iterator_notices_what_enters_or_leaves() -> None:
    cache = filled(10)
    walk = iter(cache)
    cache[b"5"] = next(walk)  # overwriting and reading are allowed
    assert len(list(walk)) == 9
    walk = iter(cache)
    next(walk)
    del cache[b"7"]
    with pytest.raises(RuntimeError, match="entered or left"):
        next(walk)


def test_every_page_is_within_the_bound() -> None:
    cache = BytesCache("300KiB")
    for number in range(5000):
        cache[b"%d" % number] = bytes(number * 7 % 4000)
        assert cache.nbytes <= cache.max_bytes
    cache._validate()
    stats = cache.stats()
    assert stats.nbytes == stats.payload_nbytes + stats.overhead_nbytes == cache.nbytes
    assert stats.payload_nbytes == sum(len(key) + len(value) for key, value in cache.items())
    assert stats.payload_nbytes > 150_000
    assert stats.evictions["size"] == 5000 - stats.items
    assert list(cache) == [b"%d" % number for number in range(5000 - len(cache), 5000)]
    assert cache.nbytes <= cache.__sizeof__() <= sizeof(cache) <= cache.nbytes + 2000


def test_what_can_never_fit_changes_nothing() -> None:
    cache = filled(500, bound="128KiB")
    before = list(cache.items())
    with pytest.raises(
        EntryTooLargeError, match=r"an entry of 131073 bytes and \d+ bytes of structure"
    ):
        cache[b"0"] = bytes(131072)
    assert list(cache.items()) == before
    key = before[-1][0]
    assert not cache.put(key, bytes(131072))
    assert key not in cache
    assert cache.get_or_put(b"large", lambda: bytes(131072)) == bytes(131072)
    assert list(cache.items()) == before[:-1]
    cache._validate()


def test_a_view_outlives_its_entry_and_its_bytes_stay_charged() -> None:
    cache = filled(100)
    views = [cache.view(b"7"), cache.view(b"7"), cache.view(b"8")]
    assert views[0].readonly
    assert views[0] == b"7." + bytes(100)
    assert views[0].format == "B"
    assert cache.pinned_nbytes == 2 * 128
    assert cache.stats().pinned_items == 2
    cache[b"7"] = b"another"
    del cache[b"8"]
    cache.trim(0)
    assert len(cache) == 0
    assert 0 < cache.nbytes <= 5 * 65536
    assert views[1] == b"7." + bytes(100)
    assert views[2] == b"8." + bytes(100)
    assert b"7" not in cache
    assert cache.pinned_nbytes == 2 * 128
    cache._validate()
    del views[0]
    assert cache.pinned_nbytes == 2 * 128
    views.clear()
    assert cache.pinned_nbytes == 0
    assert cache.trim(0) > 0
    assert cache.nbytes == 0
    weak = weakref.ref(cache)
    cache[b"last"] = b"value"
    view = cache.view(b"last")
    del cache
    assert weak() is not None
    assert view == b"value"
    del view
    assert weak() is None


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (lambda cache: cache.clear(), "cleared"),
        (lambda cache: cache.trim(0), "trimmed"),
        (lambda cache: cache.resize("180KiB"), "trimmed"),
        (lambda cache: cache.resize(max_items=1), "items"),
    ],
)
def test_callbacks_put_where_others_wait_to_be_told(leave: Any, reason: str) -> None:
    raised: list[PinnedError] = []
    told: list[tuple[bytes, str]] = []

    def replace(key: bytes, value: bytes, why: str) -> None:
        assert value == (b"%b." % key + bytes(9000) if key != b"new" else large)
        told.append((key, why))
        if len(told) == 1:
            try:
                cache[b"new"] = large
            except PinnedError as error:
                raised.append(error)

    large = bytes(150_000)
    cache = filled(20, 9000, "256KiB", on_evict=replace)
    count = len(cache)
    assert count == 20
    assert not told
    leave(cache)
    assert raised == []
    assert told[0] == (b"0", reason)
    assert len(told) == len(set(told)) == count + 1 - len(cache)
    cache._validate()


@pytest.mark.parametrize("callback", [None, lambda *_: None])
def test_what_has_expired_leaves_its_memory_to_what_is_put(callback: Any) -> None:
    now = 0.0
    cache = BytesCache("256KiB", timer=lambda: now, on_evict=callback)
    cache.put(b"a", bytes(90_000), ttl=1)
    cache.put(b"b", bytes(90_000), ttl=1)
    now = 2.0
    cache.put(b"c", bytes(200_000), ttl=1)
    assert list(cache) == [b"c"]
    cache._validate()


def test_what_views_leave_no_room_for_is_refused() -> None:
    cache = BytesCache("256KiB")
    cache[b"a"], cache[b"b"] = bytes(90_000), bytes(90_000)
    views = [cache.view(b"a"), cache.view(b"b")]
    cache[b"small"] = b"value"
    for key in (b"c", b"small"):
        with pytest.raises(PinnedError, match="being viewed"):
            cache[key] = bytes(90_000)
    assert dict(cache) == {b"a": bytes(90_000), b"b": bytes(90_000), b"small": b"value"}
    with pytest.raises(PinnedError):
        cache.resize("128KiB")
    assert cache.max_bytes == 262144
    assert views[0] == bytes(90_000)
    cache[b"d"] = b"small"
    views.clear()
    cache[b"c"] = bytes(90_000)
    assert cache[b"d"] == b"small"
    cache._validate()


def test_callbacks_get_copies_and_may_use_the_cache() -> None:
    told: list[tuple[bytes, bytes, str]] = []

    def note(key: bytes, value: bytes, reason: str) -> None:
        assert cache.nbytes <= cache.max_bytes
        cache.get(key)
        told.append((key, value, reason))

    cache = filled(3, 0, max_items=3, on_evict=note)
    cache[b"3"] = b"3."
    cache[b"1"] = b"new"
    del cache[b"1"]
    cache.put(b"2", bytes(2**20))
    cache.trim(0)
    cache[b"4"] = b"4."
    cache.resize(max_items=1)
    cache.clear()
    assert told == [
        *((b"0", b"0.", "items"), (b"1", b"1.", "replaced"), (b"1", b"new", "deleted")),
        *((b"2", b"2.", "size"), (b"3", b"3.", "trimmed"), (b"4", b"4.", "cleared")),
    ]
    small = BytesCache(
        "64KiB", on_evict=lambda key, value, reason: told.append((key, value, reason))
    )
    told.clear()
    for number in range(1000):
        small[b"%d" % number] = b"%d." % number + bytes(number % 300)
    assert [key for key, _, _ in told] == [b"%d" % n for n in range(1000 - len(small))]
    assert all(value[: len(key) + 1] == key + b"." and why == "size" for key, value, why in told)
    small._validate()


def test_an_exception_in_a_callback_belongs_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: seen.append(report.exc_type))
    cache = BytesCache("1MiB", max_items=1, on_evict=lambda *_: 1 / 0)
    cache[b"a"] = b"1"
    cache[b"b"] = b"2"
    assert list(cache) == [b"b"]
    assert seen == [ZeroDivisionError]


def test_entries_expire() -> None:
    now = 0.0
    gone: list[str] = []
    cache = BytesCache(
        "1MiB", ttl=10, timer=lambda: now, on_evict=lambda key, value, reason: gone.append(reason)
    )
    cache[b"a"] = b"1"
    cache.put(b"b", b"2", ttl=20, idle_ttl=5)
    cache.put(b"c", b"3", ttl=None)
    assert cache.expires_in(b"a") == 10
    assert cache.expires_in(b"b") == 5
    now = 4.0
    assert cache[b"b"] == b"2"
    assert cache.touch(b"a")
    now = 12.0
    assert b"b" not in cache
    assert cache.get(b"b") is None
    assert len(cache) == 2
    now = 14.0
    assert list(cache) == [b"c"]
    assert cache.expire() == 1
    assert gone == ["expired"] * 2
    assert dict(pickle.loads(pickle.dumps(BytesCache("1MiB", ttl=5)))) == {}
    cache._validate()


def test_what_has_expired_leaves_before_what_has_not() -> None:
    now = 0.0
    cache = filled(600, bound="128KiB", ttl=1000, timer=lambda: now)
    keep = list(cache)[:20]
    for key in keep:
        cache.touch(key, ttl=100)
    for key in list(cache)[:-20]:
        cache.touch(key, ttl=1)
    assert cache.oldest()[0] in keep
    now = 2.0
    for number in range(100):
        cache.put(b"new%d" % number, bytes(100), ttl=50)
    assert all(key in cache for key in keep)
    cache._validate()


def test_a_time_for_the_first_entry_of_a_full_cache_costs_few_others() -> None:
    cache = filled(30_000, bound="2MiB")
    before = len(cache)
    assert cache.put(b"timed", b"value", ttl=10)
    assert len(cache) > before * 0.75
    assert cache.nbytes <= cache.max_bytes
    cache._validate()


def test_another_size_costs_about_its_own_bytes() -> None:
    cache = filled(20_000, bound="1MiB")
    for number in range(0, 20_000, 3):
        cache.get(b"%d" % number)  # so that the oldest lie scattered
    before = cache.payload_nbytes
    for number in range(20):
        cache[b"large%d" % number] = bytes(1500)
    assert cache.payload_nbytes > before - 2 * 65536
    cache._validate()


def test_bounds_can_be_changed() -> None:
    cache = filled(2000)
    cache.resize("200KiB")
    assert cache.max_bytes == 204800 >= cache.nbytes
    assert list(cache)[-1] == b"1999"
    cache.resize(max_items=10)
    assert list(cache) == [b"%d" % number for number in range(1990, 2000)]
    before = cache.nbytes
    freed = cache.trim(cache.nbytes - 4096)
    assert freed == before - cache.nbytes >= 4096
    with pytest.raises(ValueError, match="max_bytes"):
        cache.resize(-1)
    cache._validate()


def test_copies_and_pickles_have_entries_of_their_own() -> None:
    cache = filled(50, max_items=60, name="original", ttl=100)
    for other in (
        cache.copy(),
        copy.copy(cache),
        pickle.loads(pickle.dumps(cache)),
        copy.deepcopy(cache),
    ):
        assert list(other.items()) == list(cache.items())
        assert other.max_items == 60
        assert other.name == "original"
        assert other.stats().inserts == 0
        assert 99 < other.expires_in(b"7") <= 100
        other[b"7"] = b"changed"
        other._validate()
    assert cache[b"7"] == b"7." + bytes(100)


def test_a_budget_above_holds_and_others_give_way() -> None:
    budget = Budget("512KiB")
    caches = [BytesCache("1MiB", budget=budget) for _ in range(2)]
    objects = LRUCache[bytes, bytes]("1MiB", budget=budget)
    for number in range(6000):
        holder: Any = [*caches, objects][number % 3]
        holder[b"%d" % number] = bytes(number % 500)
        assert budget.nbytes <= budget.max_bytes
    assert budget.nbytes == sum(cache.nbytes for cache in caches) + objects.nbytes
    assert all(len(cache) > 100 for cache in (*caches, objects))
    for cache in caches:
        cache._validate()
        assert cache.stats().evictions["budget"] > 0
    assert budget.trim(100_000) > 0
    assert budget.nbytes <= 100_000
    with pytest.raises(BudgetExceededError):
        caches[0][b"large"] = bytes(600_000)
    with budget.reserve("450KiB"), pytest.raises(BudgetExceededError):
        caches[0][b"large"] = bytes(100_000)
    caches[0][b"large"] = bytes(400_000)
    view = caches[0].view(b"large")
    caches.clear()
    del cache, objects, holder
    gc.collect()
    assert budget.nbytes > 400_000
    assert view == bytes(400_000)
    del view
    assert budget.nbytes == 0


def test_the_collector_never_sees_what_is_in_it() -> None:
    cache = filled(100)
    cycle: list[Any] = []
    other = BytesCache("1MiB", on_evict=lambda *_: cycle)
    other[b"a"] = b"b"
    cycle += [other, other.view(b"a")]
    assert not any(isinstance(held, bytes) for held in gc.get_referents(cache))
    weak = weakref.ref(other)
    cycle = [weak]  # another list: the first is reachable from itself alone
    del other
    gc.collect()
    assert weak() is None


def test_a_subclass_may_answer_for_what_is_missing() -> None:
    class Answering(BytesCache):
        def __missing__(self, key: bytes) -> bytes:
            return key * 2

    cache = Answering("1MiB")
    assert cache[b"ab"] == b"abab"
    assert cache.get(b"ab") is None
    assert type(cache.copy()) is Answering

    class Unready(BytesCache):
        def __init__(self) -> None:
            pass

    for use in (lambda: Unready().put(b"a", b"b"), lambda: Unready().copy()):
        with pytest.raises(RuntimeError, match="was not initialised"):
            use()
    assert Unready().get(b"a") is None
    assert len(Unready()) == 0
    assert Unready().nbytes == 0
    with pytest.raises(RuntimeError, match="initialised already"):
        cache.__init__("2MiB")  # type: ignore[misc]


def test_a_buffer_that_meddles_finds_the_cache_consistent() -> None:
    if sys.version_info < (3, 12):
        pytest.skip("buffers written in Python come with 3.12")
    cache = filled(1000, bound="128KiB")

    class Meddling:
        def __buffer__(self, flags: int) -> memoryview:
            cache.clear()
            cache[b"a"] = b"b"
            return memoryview(b"meddling")

        def __release_buffer__(self, view: memoryview) -> None:
            cache.pop(b"meddling", None)
            cache[b"c"] = b"d"

    key: Any = Meddling()
    cache[key] = key
    assert key not in cache
    cache._validate()


@pytest.mark.parametrize("operation", ["entries", "views", "refused", "evicted", "come_and_go"])
def test_nothing_is_left_behind(operation: str) -> None:
    run_isolated("bytes_leaks.py", operation)


@pytest.mark.parametrize(
    "operation",
    [
        *("insert", "insert_evicting", "overwrite", "get", "view", "pop", "popitem", "delete_many"),
        *("pop_many", "get_many", "copy", "reduce", "iterate", "items", "clear", "trim", "stats"),
        *("put_timed", "construct"),
    ],
)
def test_each_allocation_of_python_may_fail(operation: str) -> None:
    run_isolated("bytes_no_memory.py", operation)
