"""Keys that fail, collide, change, or change the cache while they are compared."""

import contextlib
import gc
import sys
from typing import Any

import pytest
from hostile import (
    MEDDLING,
    AnyCache,
    Collider,
    CompareError,
    Departures,
    HashError,
    Incomparable,
    Meddler,
    Shifter,
    Unhashable,
    Use,
    UseKey,
    check_in_order,
)

from bytebound import EntryTooLargeError

pytestmark = pytest.mark.timeout(60)

# Everything that compares keys.
USES: dict[str, UseKey] = {
    "cache[key]": lambda cache, key: cache[key],
    "get": lambda cache, key: cache.get(key),
    "peek": lambda cache, key: cache.peek(key),
    "in": lambda cache, key: key in cache,
    "cache[key] = value": lambda cache, key: cache.__setitem__(key, "written"),
    "put": lambda cache, key: cache.put(key, "written", size=50),
    "put of what cannot fit": lambda cache, key: cache.put(key, "written", size=2**40),
    "setdefault": lambda cache, key: cache.setdefault(key, "written"),
    "del": lambda cache, key: cache.__delitem__(key),
    "pop": lambda cache, key: cache.pop(key),
    "pop with default": lambda cache, key: cache.pop(key, None),
    "entry_nbytes": lambda cache, key: cache.entry_nbytes(key),
    "remeasure": lambda cache, key: cache.remeasure(key),
}
every_use = pytest.mark.parametrize("use", USES.values(), ids=USES)
every_meddling = pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)


# ---- hashing and comparing that fail ----


@every_use
def test_an_error_in_hash_propagates_and_changes_nothing(use: UseKey) -> None:
    cache = AnyCache("1MiB")
    cache.update(a=1, b=2)
    before = list(cache.items()), cache.stats()
    with pytest.raises(HashError):
        use(cache, Unhashable())
    assert (list(cache.items()), cache.stats()) == before


@every_use
def test_an_error_in_a_comparison_propagates_and_changes_nothing(use: UseKey) -> None:
    cache = AnyCache("1MiB")
    cache.update({Collider(number): number for number in range(5)})
    before = list(cache.items()), cache.stats()
    with pytest.raises(CompareError):
        use(cache, Incomparable("absent"))
    assert (list(cache.items()), cache.stats()) == before
    check_in_order(cache)


@every_use
def test_an_error_in_a_comparison_by_the_stored_key(use: UseKey) -> None:
    cache = AnyCache("1MiB")
    cache[Incomparable("there")] = 1
    with pytest.raises(CompareError):
        use(cache, Collider("absent"))
    assert len(cache) == 1
    check_in_order(cache)


def test_an_error_in_the_truth_of_a_comparison_propagates() -> None:
    class Undecided:
        def __bool__(self) -> bool:
            raise CompareError

    class Vague(Collider):
        __hash__ = Collider.__hash__

        def __eq__(self, other: object) -> Any:
            return Undecided()

    cache = AnyCache("1MiB")
    cache[Vague(1)] = 1
    with pytest.raises(CompareError):
        cache.get(Vague(2))


def test_an_identical_key_is_found_without_comparing() -> None:
    cache = AnyCache("1MiB")
    key = Incomparable("there")
    cache[key] = 1
    assert cache[key] == 1
    del cache[key]
    assert len(cache) == 0


def test_keys_are_compared_only_where_hashes_are_equal() -> None:
    class Counting(Meddler):
        def __hash__(self) -> int:
            return hash(self.name)

    cache = AnyCache("1MiB")
    keys = [Counting(number) for number in range(1000)]
    cache.update(dict.fromkeys(keys))
    assert all(Counting(number) not in cache for number in range(1000, 2000))
    assert sum(key.comparisons for key in keys) == 0


# ---- colliding and changing hashes ----


def test_all_of_many_colliding_keys_are_kept() -> None:
    cache = AnyCache("1MiB")
    for number in range(100):
        cache[Collider(number)] = number
    assert [cache[Collider(number)] for number in range(100)] == list(range(100))
    for number in range(0, 100, 2):
        del cache[Collider(number)]
    assert [key.name for key in cache] == list(range(1, 100, 2))
    assert Collider(0) not in cache
    cache._validate()


@pytest.mark.parametrize("stride", [1, 2**5, 2**16, 2**31, 2**32, 2**40, 2**58, -(2**33)])
def test_hashes_in_strides(stride: int) -> None:
    class Strided(Collider):
        def __hash__(self) -> int:
            return int(self.name) * stride  # type: ignore[call-overload, no-any-return]

    cache = AnyCache("1MiB")
    for number in range(300):
        cache[Strided(number)] = number
    for number in range(0, 300, 3):
        cache.pop(Strided(number))
    assert all(cache[Strided(number)] == number for number in range(300) if number % 3)
    cache._validate()


def test_a_key_whose_hash_changed_is_lost_but_leaves_in_its_turn() -> None:
    departures = Departures()
    cache = AnyCache(100, charge_overhead=False, on_evict=departures)
    keys = [Shifter(number) for number in range(5)]
    for key in keys:
        cache.put(key, key.value, size=20)
    for key in keys:
        key.value += 1000
    assert keys[0] not in cache
    with pytest.raises(KeyError):
        del cache[keys[0]]
    cache._validate()
    cache.put("new", 1, size=50)
    assert departures.keys == keys[:3]
    assert cache.popitem() == (keys[3], 3)
    assert list(cache) == [keys[4], "new"]
    cache.clear()
    assert cache.nbytes == 0
    cache._validate()


def test_keys_whose_hash_changed_survive_growing_and_copying() -> None:
    cache = AnyCache("1MiB")
    keys = [Shifter(number) for number in range(50)]
    cache.update(dict.fromkeys(keys))
    for key in keys:
        key.value = -key.value
    cache.update(dict.fromkeys(range(10_000, 11_000)))
    for key in keys:
        key.value = -key.value
    assert all(key in cache for key in keys)
    assert all(key in cache.copy() for key in keys)
    cache._validate()


def test_two_entries_may_become_equal() -> None:
    cache = AnyCache("1MiB")
    first, second = Shifter(1), Shifter(2)
    cache.update({first: "a", second: "b"})
    first.value = 2
    assert cache[Shifter(2)] == "b"
    del cache[Shifter(2)]
    assert list(cache.values()) == ["a"]
    assert cache.popitem() == (first, "a")
    cache._validate()


# ---- comparisons that change the cache ----


@every_use
@every_meddling
@pytest.mark.parametrize("there", [True, False], ids=["there", "absent"])
def test_a_comparison_that_changes_the_cache_once(use: UseKey, meddle: Use, there: bool) -> None:
    cache = AnyCache("1MiB")
    armed = False

    def act() -> None:
        nonlocal armed
        if armed:
            armed = False
            meddle(cache)
            cache._validate()

    for number in range(5):
        cache[Meddler(number, act)] = number
    cache["other"] = 1
    armed = True
    key = Meddler(3 if there else "absent", act)
    with contextlib.suppress(KeyError, EntryTooLargeError):
        use(cache, key)
    assert not armed
    check_in_order(cache)


@every_use
@pytest.mark.parametrize(
    "meddle", [MEDDLING["insert"], MEDDLING["grow"], MEDDLING["refill"]], ids=str
)
def test_a_comparison_that_always_changes_the_cache_ends(use: UseKey, meddle: Use) -> None:
    cache = AnyCache("64KiB", max_items=200)
    active = False

    def act() -> None:
        nonlocal active
        if not active:
            active = True
            meddle(cache)
            cache[Collider("fresh")] = 1
            del cache[Collider("fresh")]
            active = False

    cache[Collider("first")] = 1
    with contextlib.suppress(RuntimeError, KeyError):
        use(cache, Meddler("absent", act))
    check_in_order(cache)


@every_use
def test_a_comparison_that_always_moves_what_is_compared_raises(use: UseKey) -> None:
    cache = AnyCache("64KiB")
    active = False

    def act() -> None:
        nonlocal active
        if not active:
            active = True
            cache.clear()
            cache[Collider("there")] = 1
            active = False

    cache[Collider("there")] = 1
    with pytest.raises(RuntimeError, match="the cache changed each of"):
        use(cache, Meddler("absent", act))
    check_in_order(cache)


def test_what_a_comparison_deleted_is_not_returned() -> None:
    cache = AnyCache("1MiB")
    key = Meddler("key")
    cache[key] = "old"
    key.action = cache.clear
    assert cache.get(Collider("key")) is None
    assert Collider("key") not in cache


def test_what_a_comparison_replaced_is_returned_anew() -> None:
    cache = AnyCache("1MiB")
    key = Meddler("key")
    cache[key] = "old"

    def replace() -> None:
        key.action = None
        cache[key] = "new"

    key.action = replace
    assert cache[Collider("key")] == "new"


def test_a_key_that_a_comparison_inserts_is_not_there_twice() -> None:
    cache = AnyCache("1MiB")
    first = Meddler("first")
    cache[first] = 1

    def insert() -> None:
        first.action = None
        cache[Collider("second")] = "by comparison"

    first.action = insert
    cache[Collider("second")] = "by caller"
    assert [(key.name, value) for key, value in cache.items()] == [
        ("first", 1),
        ("second", "by caller"),
    ]
    cache._validate()


def test_the_key_compared_with_stays_alive() -> None:
    cache = AnyCache("1MiB")
    sizes = []

    class Fragile(Collider):
        __hash__ = Collider.__hash__

        def __eq__(self, other: object) -> bool:
            cache.clear()
            gc.collect()
            sizes.append(sys.getrefcount(self))
            return super().__eq__(other)

    for number in range(4):
        cache[Fragile(number)] = Fragile(-number)
        assert Collider("absent") not in cache
    assert all(count >= 1 for count in sizes)


# ---- references ----


def test_every_operation_leaves_reference_counts_as_they_should_be() -> None:
    cache = AnyCache("1MiB", max_items=3)
    keys = [Collider(number) for number in range(6)]
    values = [object() for _ in keys]

    def counts() -> tuple[int, int]:
        return (
            sum(sys.getrefcount(keys[number]) for number in range(6)),
            sum(sys.getrefcount(values[number]) for number in range(6)),
        )

    def held() -> tuple[int, int]:
        now = counts()
        return now[0] - before[0], now[1] - before[1]

    before = counts()
    for _ in range(50):
        for number in range(6):
            cache[keys[number]] = values[number]
            cache.put(keys[number], values[0])
            cache.get(Collider(number)), cache.peek(keys[number]), Collider(number) in cache
        assert held() == (3, 3)
        cache.popitem(), cache.pop(keys[4], None), cache.pop(keys[0], None)
        cache.setdefault(keys[1], values[1]), cache.setdefault(keys[1], values[2])
        list(cache), list(cache.items()), cache.oldest(), cache.newest(), cache.copy()
        cache.audit(), cache.remeasure(keys[1]), cache.entry_nbytes(keys[1])
        assert held() == (2, 2)
        cache.put(keys[1], values[3], size=2**40)
        assert held() == (1, 1)
        cache.clear()
        assert held() == (0, 0)
