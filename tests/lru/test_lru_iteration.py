"""Iteration: order, what is allowed meanwhile, what ends it."""

import gc
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from hostile import AnyCache, Use


@pytest.fixture
def cache() -> AnyCache:
    """Hold 0 to 9, the oldest first, each under its own number."""
    made = AnyCache("1MiB")
    made.update({number: number for number in range(10)})
    return made


class Walk(NamedTuple):
    """A way to iterate: over ten entries it meets the numbers in `order`."""

    begin: Callable[[AnyCache], Iterator[Any]]
    number_of: Callable[[Any], int]
    order: range


def itself(item: int) -> int:
    return item


FORWARD, BACKWARD = range(10), range(9, -1, -1)
WALKS = {
    "cache": Walk(iter, itself, FORWARD),
    "reversed cache": Walk(reversed, itself, BACKWARD),
    "keys": Walk(lambda cache: iter(cache.keys()), itself, FORWARD),
    "values": Walk(lambda cache: iter(cache.values()), itself, FORWARD),
    "items": Walk(lambda cache: iter(cache.items()), operator.itemgetter(0), FORWARD),
    "reversed keys": Walk(lambda cache: reversed(cache.keys()), itself, BACKWARD),
    "reversed values": Walk(lambda cache: reversed(cache.values()), itself, BACKWARD),
    "reversed items": Walk(lambda cache: reversed(cache.items()), operator.itemgetter(1), BACKWARD),
}
every_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)

READS: dict[str, Any] = {
    "cache[key]": lambda cache, key: cache[key],
    "get": lambda cache, key: cache.get(key),
    "setdefault": lambda cache, key: cache.setdefault(key, 99),
    "overwrite": lambda cache, key: cache.__setitem__(key, key),
    "put": lambda cache, key: cache.put(key, key, size=60),
    "peek": lambda cache, key: cache.peek(key),
    "remeasure": lambda cache, key: cache.remeasure(key),
    "a miss": lambda cache, key: cache.get("absent"),
    "copy": lambda cache, key: cache.copy(),
    "another walk": lambda cache, key: list(cache),
}
every_read = pytest.mark.parametrize("read", READS.values(), ids=READS)


@every_walk
def test_order_is_from_least_to_most_recently_used(cache: AnyCache, walk: Walk) -> None:
    assert [walk.number_of(item) for item in walk.begin(cache)] == list(walk.order)


@every_walk
@every_read
def test_reading_meanwhile_neither_skips_nor_repeats(walk: Walk, read: Any) -> None:
    touched: list[Callable[[int], Iterable[int]]] = [
        lambda number: [number],
        lambda number: [(number + 1) % 10],
        lambda number: [(number - 1) % 10],
        lambda number: [0],
        lambda number: [9],
        lambda number: range(10),
        lambda number: range(9, -1, -1),
    ]
    for keys in touched:
        cache = AnyCache("1MiB")
        cache.update({number: number for number in range(10)})
        seen = []
        for item in walk.begin(cache):
            number = walk.number_of(item)
            seen.append(number)
            for key in keys(number):
                read(cache, key)
        assert seen == list(walk.order)
        cache._validate()


def test_values_met_are_those_of_the_moment(cache: AnyCache) -> None:
    values, items = iter(cache.values()), iter(cache.items())
    next(values), next(items)
    for key in range(10):
        cache[key] = -key
    assert list(values) == [-key for key in range(1, 10)]
    assert list(items) == [(key, -key) for key in range(1, 10)]


CHANGES: dict[str, Use] = {
    "insert": lambda cache: cache.__setitem__("new", 1),
    "put": lambda cache: cache.put("new", 1),
    "setdefault": lambda cache: cache.setdefault("new", 1),
    "del": lambda cache: cache.__delitem__(5),
    "pop": lambda cache: cache.pop(5),
    "popitem": lambda cache: cache.popitem(),
    "clear": lambda cache: cache.clear(),
    "trim": lambda cache: cache.trim(cache.nbytes // 2),
    "resize": lambda cache: cache.resize(max_items=5),
    "refused put": lambda cache: cache.put(5, 1, size=2**40),
    "insert and delete": lambda cache: cache.update(new=1) or cache.pop("new"),
    "delete and insert": lambda cache: cache.update({5: cache.pop(5)}),
    "delete what was seen": lambda cache: cache.pop(0) + cache.pop(9),
}


@every_walk
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("steps", [0, 1, 5, 10])
def test_an_entry_that_enters_or_leaves_makes_the_iterator_raise(
    cache: AnyCache, walk: Walk, change: Use, steps: int
) -> None:
    iterator = walk.begin(cache)
    for _ in range(steps):
        next(iterator)
    change(cache)
    with pytest.raises(RuntimeError, match="during iteration"):
        next(iterator)
    cache._validate()


@every_walk
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_raises_likewise_after_a_promotion(cache: AnyCache, walk: Walk, change: Use) -> None:
    iterator = walk.begin(cache)
    next(iterator)
    cache[4]
    next(iterator)
    change(cache)
    with pytest.raises(RuntimeError, match="during iteration"):
        next(iterator)


def test_moving_entries_about_never_misleads_an_iterator() -> None:
    cache = AnyCache("1MiB")
    for number in range(800):
        cache.put(number, number, size=10)
    for number in range(0, 800, 2):
        del cache[number]
    for number in range(1, 300, 2):
        del cache[number]
    before = list(cache)
    overhead = cache.overhead_nbytes
    iterator = iter(cache)
    seen = [next(iterator)]
    cache.trim(cache.nbytes - 1)
    assert (list(cache), cache.overhead_nbytes < overhead) == (before, True)
    try:
        seen.extend(iterator)
    except RuntimeError:
        assert len(seen) == 1
    else:
        assert seen == before


def test_an_iterator_that_raised_gives_nothing_more(cache: AnyCache) -> None:
    iterator = iter(cache)
    cache["new"] = 1
    for _ in range(3):
        with pytest.raises((RuntimeError, StopIteration)):
            next(iterator)
    del cache["new"]
    with pytest.raises((RuntimeError, StopIteration)):
        next(iterator)


@every_walk
def test_an_exhausted_iterator_stays_exhausted(cache: AnyCache, walk: Walk) -> None:
    iterator = walk.begin(cache)
    assert len(list(iterator)) == 10
    assert list(iterator) == []
    cache["new"] = 1
    assert list(iterator) == []
    cache.clear()
    assert list(iterator) == []


def test_an_eviction_makes_the_iterator_raise() -> None:
    cache = AnyCache(10_000, charge_overhead=False)
    for key in range(10):
        cache.put(key, 0, size=1000)
    iterator = iter(cache)
    next(iterator)
    cache.put(9, 0, size=2000)
    with pytest.raises(RuntimeError):
        next(iterator)


def test_a_failed_write_leaves_the_iterator_alone(cache: AnyCache) -> None:
    iterator = iter(cache)
    next(iterator)
    with pytest.raises(ValueError, match="cannot fit"):
        cache[5] = bytes(2**21)
    assert not cache.put("absent", 0, size=2**40)
    with pytest.raises(KeyError):
        del cache["absent"]
    assert list(iterator) == list(range(1, 10))


def test_walks_do_not_disturb_each_other(cache: AnyCache) -> None:
    pairs = [(left, right) for left in cache for right in reversed(cache) if cache[left] >= right]
    assert sorted(pairs) == [(left, right) for left in range(10) for right in range(left + 1)]


def test_iterators_begun_at_different_times_each_keep_their_own_order(cache: AnyCache) -> None:
    first = iter(cache)
    cache[0]
    second = iter(cache)
    cache[1]
    third = iter(cache)
    assert list(first) == list(range(10))
    assert list(second) == [*range(1, 10), 0]
    assert list(third) == [*range(2, 10), 0, 1]


def test_an_iterator_that_has_not_begun_keeps_the_order_of_its_making(cache: AnyCache) -> None:
    iterator = iter(cache)
    cache[0]
    assert list(iterator) == list(range(10))


def test_an_iterator_keeps_its_cache(cache: AnyCache) -> None:
    iterator = iter(AnyCache.fromkeys("abc", 1, max_bytes="1kB"))
    gc.collect()
    assert list(iterator) == ["a", "b", "c"]


def test_iterators_may_be_dropped_in_any_order(cache: AnyCache) -> None:
    iterators: list[Iterator[Any]] = [iter(cache) for _ in range(6)]
    for iterator in iterators:
        next(iterator)
    for position in (3, 0, 4, 1):
        iterators[position] = iter(())
        cache[position]
        cache._validate()
    assert list(iterators[2]) == list(iterators[5]) == list(range(1, 10))


def test_an_iterator_kept_in_its_cache_is_collected() -> None:
    cache = AnyCache("1MiB")
    cache["self"] = None
    cache["self"] = iter(cache)
    next(cache["self"])
    cache["self"]
    kind = type(cache["self"])
    del cache
    gc.collect()
    assert not any(type(item) is kind for item in gc.get_objects())


def test_an_empty_cache_gives_nothing() -> None:
    cache = AnyCache(1000)
    assert list(cache) == list(reversed(cache)) == list(cache.items()) == []
    iterator = iter(cache)
    cache["new"] = 1
    with pytest.raises(RuntimeError):
        next(iterator)


def test_an_iterator_is_its_own_iterator(cache: AnyCache) -> None:
    iterator = iter(cache)
    assert iter(iterator) is iterator
    with pytest.raises(TypeError):
        len(iterator)  # type: ignore[arg-type]
