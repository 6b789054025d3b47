"""LRUCache(sizer="shared"): parts that entries share are charged once, whoever leaves first."""

import contextlib
import copy
import gc
import pickle
import random
import sys
import tracemalloc
from typing import Any

import pytest
from hostile import MEDDLING, AnyCache, Departures, Odd, Use, check_in_order, run_isolated

from bytebound import Budget, BudgetExceededError, EntryTooLargeError, sizeof

SESSIONS = 188


def text(length: int) -> str:
    """Make a str that nobody else has."""
    return "".join(["x"] * length)


def make_snapshot() -> dict[str, str]:
    """Make the snapshot of 41 KB, 22 skills, that every session of an agent refers to."""
    return {f"skill {number}": text(1850) for number in range(22)}


def session(number: int, snapshot: object) -> dict[str, object]:
    return {"id": number * 1000, "skills": snapshot, "history": [text(50), float(number)]}


def measure(cache: AnyCache) -> int:
    """Measure all entries as one graph."""
    return sizeof(*[part for pair in cache.items() for part in pair]) if cache else 0


def fill(cache: AnyCache, snapshot: object) -> None:
    for number in range(SESSIONS):
        cache[f"session {number}"] = session(number, snapshot)


# ---- the case that this is for ----


@pytest.mark.parametrize("order", ["oldest first", "newest first", "any"])
def test_188_sessions_that_share_a_snapshot_cost_one(order: str) -> None:
    snapshot = make_snapshot()
    assert 41_000 < sizeof(snapshot) < 46_000
    cache = AnyCache("1MiB", sizer="shared")
    fill(cache, snapshot)
    assert len(cache) == SESSIONS
    assert cache.payload_nbytes == measure(cache)
    alone = sizeof(session(1, None))
    assert cache.payload_nbytes < sizeof(snapshot) + SESSIONS * (alone + 100)

    keys = list(cache)
    if order == "newest first":
        keys.reverse()
    elif order == "any":
        random.Random(1).shuffle(keys)
    for key in keys[:-1]:
        released = cache.entry_nbytes(key)
        before = cache.payload_nbytes
        del cache[key]
        assert before - cache.payload_nbytes == released < alone + 100
        assert cache.payload_nbytes == measure(cache) > sizeof(snapshot)
        cache._validate()
    assert cache.entry_nbytes(keys[-1]) > sizeof(snapshot)
    del cache[keys[-1]]
    assert cache.payload_nbytes == 0


def test_where_nothing_is_shared_it_charges_what_deep_does() -> None:
    deep, shared = AnyCache("1MiB"), AnyCache("1MiB", sizer="shared")
    for number in range(200):
        for cache in (deep, shared):
            cache[number * 1000] = [text(number), float(number)]
    assert deep.payload_nbytes == shared.payload_nbytes
    assert [deep.entry_nbytes(key) for key in deep] == [shared.entry_nbytes(key) for key in shared]


def test_the_bound_holds_while_sessions_with_several_snapshots_come_and_go() -> None:
    departures = Departures()
    cache = AnyCache("256KiB", sizer="shared", on_evict=departures)
    snapshots = [make_snapshot() for _ in range(8)]
    chance = random.Random(2)
    for number in range(3000):
        cache[number] = session(number, snapshots[chance.randrange(8)])
        assert cache.nbytes <= cache.max_bytes
        if number % 10 == 0:
            cache.get(chance.choice(list(cache)))
        if number % 50 == 0:
            assert cache.payload_nbytes == measure(cache)
            cache._validate()
    assert departures
    assert set(departures.reasons) == {"size"}
    assert cache.peak_nbytes <= cache.max_bytes


def test_evicting_what_is_shared_goes_on_until_there_is_room() -> None:
    snapshot = bytes(10_000)
    cache = AnyCache(12_000, sizer="shared", charge_overhead=False)
    for number in range(10):
        cache[number] = [snapshot]
    cache["new"] = bytes(5_000)
    assert list(cache) == ["new"]
    assert cache.payload_nbytes == measure(cache)


def test_what_shares_with_the_new_entry_releases_only_the_rest() -> None:
    snapshot = bytes(10_000)
    cache = AnyCache(11_300, sizer="shared", charge_overhead=False)
    cache["one"] = [snapshot, bytes(500)]
    cache["two"] = [snapshot]
    cache["three"] = [snapshot, bytes(700)]
    assert list(cache) == ["two", "three"]
    assert cache.payload_nbytes == measure(cache)


# ---- what fits ----


def test_an_entry_too_large_alone_is_refused_though_its_parts_are_paid() -> None:
    first, second = bytes(6000), bytes(6000)
    cache = AnyCache(10_000, sizer="shared", charge_overhead=False)
    cache["first"] = first
    for refused in ([first, second], [first, bytes(4000)]):
        with pytest.raises(EntryTooLargeError) as caught:
            cache["both"] = refused
        assert (caught.value.nbytes or 0) > 10_000
        assert cache.put("both", refused) is False
    assert list(cache) == ["first"]
    assert cache.put("first", [first, second]) is False
    assert (len(cache), cache.nbytes) == (0, 0)


def test_an_entry_that_fits_alone_fits() -> None:
    value = [text(100) for _ in range(30)]
    cache = AnyCache("1MiB", sizer="shared")
    cache["new"] = value
    cache.trim(cache.nbytes - 1)
    exactly = 0
    for bound in range(cache.nbytes if cache else 3000, 10_000):
        small = AnyCache(bound, sizer="shared")
        if small.put("new", value):
            exactly = bound
            assert small.nbytes <= bound
            break
    for count in range(1, 30, 3):
        full = AnyCache(exactly, sizer="shared")
        for number in range(count):
            full.put(number, [float(number), value[number]])
        full["new"] = value
        assert list(full) == ["new"]
        full._validate()
        with pytest.raises(EntryTooLargeError, match="bytes of structure cannot fit"):
            full["newer"] = [*value, 0.5]
        assert list(full) == ["new"]


def test_a_huge_value_is_refused_without_measuring_all_of_it() -> None:
    cache = AnyCache(1000, sizer="shared")
    with pytest.raises(EntryTooLargeError) as caught:
        cache["huge"] = [float(number) for number in range(100_000)]
    assert cache.overhead_nbytes == 0
    assert "at least" in str(caught.value)


def test_a_budget_above() -> None:
    budget = Budget(50_000)
    snapshot = bytes(20_000)
    cache = AnyCache("1MiB", sizer="shared", budget=budget)
    other = AnyCache("1MiB", budget=budget)
    for number in range(20):
        cache[number] = [snapshot]
    other["other"] = bytes(10_000)
    assert budget.nbytes == cache.nbytes + other.nbytes
    before = list(cache), cache.nbytes
    with pytest.raises(BudgetExceededError):
        cache["new"] = [snapshot, bytes(30_000)]
    assert (list(cache), cache.nbytes) == before
    cache._validate()
    cache["new"] = bytes(25_000)
    assert list(cache) == ["new"]
    assert budget.nbytes == cache.nbytes + other.nbytes


# ---- given sizes, measuring again, audit ----


def test_given_sizes_are_charged_as_given() -> None:
    snapshot = bytes(1000)
    cache = AnyCache("1MiB", sizer="shared")
    cache["measured"] = [snapshot]
    before = cache.payload_nbytes
    cache.put("given", [snapshot], size=77)
    assert cache.payload_nbytes == before + 77
    assert cache.entry_nbytes("given") == 77
    assert cache.audit().drift == 0
    assert cache.remeasure("given") == sizeof("given", [snapshot]) - sizeof(snapshot)
    assert cache.payload_nbytes == measure(cache)
    cache.put("measured", [snapshot], size=5)
    assert cache.payload_nbytes == sizeof("given", [snapshot]) + 5
    cache._validate()


def test_an_equal_key_keeps_the_one_that_is_there() -> None:
    cache = AnyCache("1MiB", sizer="shared")
    first, second = (1.5, text(50)), (1.5, text(50))
    cache[first] = [1]
    cache[second] = [second]
    assert next(iter(cache)) is first
    assert cache.payload_nbytes == measure(cache)
    cache[first] = cache[second]
    assert cache.payload_nbytes == measure(cache)


def test_setdefault() -> None:
    cache = AnyCache("1MiB", sizer="shared")
    value = [text(10)]
    assert cache.setdefault("key", value) is value
    assert cache.setdefault("key", [2]) is value
    assert cache.payload_nbytes == measure(cache)
    with pytest.raises(EntryTooLargeError):
        cache.setdefault("huge", bytes(2**21))


def test_values_that_change_drift_until_they_are_measured_again() -> None:
    shared: list[str] = []
    cache = AnyCache("1MiB", sizer="shared")
    for number in range(3):
        cache[number * 1000] = [shared]
    shared.extend(text(1000) for _ in range(10))
    assert cache.audit().drift > 10_000
    cache.remeasure(0)
    assert cache.audit().drift == 0
    assert cache.payload_nbytes == measure(cache)
    shared.clear()
    assert cache.audit().drift < -10_000
    for key in list(cache):
        cache.remeasure(key)
    assert cache.audit().drift == 0
    shared.extend(text(1000) for _ in range(2000))
    departures = len(cache)
    assert cache.remeasure(1000) == 0
    assert len(cache) == departures - 1
    cache._validate()


def test_remeasuring_evicts_others_first() -> None:
    grown = bytearray(10)
    cache = AnyCache(10_000, sizer="shared", charge_overhead=False)
    cache["grown"] = [grown]
    cache["other"] = [grown, bytes(4000)]
    grown.extend(bytes(7000))
    assert cache.remeasure("grown") > 7000
    assert list(cache) == ["grown"]
    assert cache.payload_nbytes == measure(cache)


def test_sizes_that_raise_change_nothing() -> None:
    cache = AnyCache("1MiB", sizer="shared")
    cache["key"] = [1.5]
    before = cache.nbytes
    for use in (
        lambda value: cache.put("new", value),
        lambda value: cache.setdefault("new", value),
        lambda value: cache.__setitem__("key", value),
    ):
        with pytest.raises(ValueError, match="negative"):
            use([text(50), Odd(lambda: -1)])
    assert (list(cache), cache.nbytes) == (["key"], before)


@pytest.mark.parametrize("use", MEDDLING.values(), ids=MEDDLING)
def test_a_size_that_uses_the_cache(use: Use) -> None:
    snapshot = [text(100) for _ in range(10)]
    cache = AnyCache(20_000, sizer="shared")
    calls = []

    def answer() -> int:
        calls.append(1)
        if len(calls) < 5:
            use(cache)
        return 100

    for number in range(6):
        cache[number] = [snapshot, bytes(1000)]
    for measured in (
        lambda: cache.__setitem__("key", [snapshot, Odd(answer)]),
        lambda: cache.remeasure("key"),
        lambda: cache.__setitem__("key", [snapshot, Odd(answer), 1]),
    ):
        # the bound may be another by now, and the entry may have left
        with contextlib.suppress(EntryTooLargeError, KeyError):
            measured()
        cache._validate()
    check_in_order(cache)


# ---- copies, and the end ----


@pytest.mark.parametrize(
    "way",
    [copy.copy, copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_share_as_the_original_does(way: Any) -> None:
    cache = AnyCache("1MiB", sizer="shared")
    fill(cache, make_snapshot())
    cache.put("given", [1], size=77)
    cache.get("session 100")
    twin = way(cache)
    assert twin.sizer == "shared"
    assert list(twin.items()) == list(cache.items())
    assert twin.payload_nbytes == measure(twin) - sizeof("given", twin.peek("given")) + 77
    assert twin.entry_nbytes("given") == 77
    twin._validate()
    twin.clear()
    cache._validate()
    assert cache.audit().drift == 0


def test_a_full_cache_fits_its_copy() -> None:
    for bound in range(4000, 20_000, 500):
        cache = AnyCache(bound, sizer="shared")
        snapshot = [float(number) for number in range(20)]
        for number in range(200):
            cache[number] = [snapshot[number % 20 :], text(number % 30)]
        twin = cache.copy()
        assert list(twin.items()) == list(cache.items())
        assert twin.nbytes <= bound
        twin._validate()


def test_clear_trim_and_resize() -> None:
    departures = Departures()
    cache = AnyCache("1MiB", sizer="shared", on_evict=departures)
    fill(cache, make_snapshot())
    assert cache.trim(100_000) > 0
    assert cache.payload_nbytes == measure(cache)
    assert cache.nbytes <= 100_000
    cache.resize(60_000, max_items=50)
    assert cache.payload_nbytes == measure(cache)
    assert cache.nbytes <= 60_000
    assert 0 < len(cache) <= 50
    cache._validate()
    cache.clear()
    assert (cache.nbytes, cache.overhead_nbytes) == (0, 0)
    assert len(departures) == SESSIONS
    cache["new"] = [1]
    assert cache.payload_nbytes == measure(cache)


def test_overhead_is_the_memory_that_was_taken() -> None:
    snapshot = make_snapshot()
    sessions = [(f"session {number}", session(number, snapshot)) for number in range(SESSIONS)]
    cache = AnyCache("1MiB", sizer="shared")
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for key, value in sessions:
            cache[key] = value
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert abs(taken - cache.overhead_nbytes) < 500


def test_nothing_leaks() -> None:
    snapshot = [text(100)]

    def use() -> None:
        cache = AnyCache(20_000, sizer="shared")
        for number in range(100):
            cache[number % 30] = [snapshot, bytes(number * 30)]
            cache.put("large", bytes(50_000))
            cache.put("given", 1, size=number)
        cache.remeasure("given")
        cache.copy()
        cache.audit()
        cache.resize(5000)
        with pytest.raises(ValueError, match="negative"):
            cache["bad"] = [snapshot, Odd(lambda: -1)]

    use()
    references = sys.getrefcount(snapshot)
    tracemalloc.start()
    try:
        use()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(30):
            use()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 1000
    finally:
        tracemalloc.stop()
    assert sys.getrefcount(snapshot) == references


@pytest.mark.parametrize(
    "operation",
    [
        *("insert", "insert_given", "first", "overwrite", "setdefault", "delete", "remeasure"),
        *("resize", "trim", "copy", "reduce", "audit"),
    ],
)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("no_memory.py", f"shared_{operation}")
