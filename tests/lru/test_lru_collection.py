"""Cycles through a cache are collected, whatever part of it they go through."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hostile import AnyCache

from bytebound import Budget, LRUCache


class Node:
    """Something to count and to hang a cycle on."""

    held: Any

    def __call__(self, *arguments: object) -> int:
        return 10


class Sub(AnyCache):
    """A subclass with a dict."""

    held: Any


class OwnSizer(AnyCache):
    """Measures by a method of its own; a bound method is nothing that the collector can clear."""

    def __init__(self) -> None:
        super().__init__("1MiB", sizer=self.size_of)

    def size_of(self, key: object, value: object) -> int:
        return 1


class OwnCallback(AnyCache):
    """Calls back to a method of its own."""

    def __init__(self) -> None:
        super().__init__("1MiB", on_evict=self.gone)

    def gone(self, key: object, value: object, reason: str) -> None:
        raise AssertionError("a cache that dies calls nothing")


class Name(str):
    """A name with attributes."""

    held: Any


def through_a_value() -> None:
    cache, node = AnyCache("1MiB"), Node()
    cache["key"] = node
    node.held = cache


def through_a_key() -> None:
    cache, node = AnyCache("1MiB"), Node()
    cache[node] = 1
    node.held = cache


def through_itself() -> None:
    cache, node = AnyCache("1MiB"), Node()
    cache["self"] = cache
    cache["node"] = node


def through_two_caches() -> None:
    first, second, node = AnyCache("1MiB"), AnyCache("1MiB"), Node()
    first["second"], second["first"], second["node"] = second, first, node


def through_a_sizer() -> None:
    node = Node()
    cache = AnyCache("1MiB", sizer=node)
    cache["key"] = 1
    node.held = cache


def through_a_method_as_sizer() -> None:
    cache = OwnSizer()
    cache["node"] = Node()


def through_a_callback() -> None:
    node = Node()
    cache = AnyCache("1MiB", on_evict=node)
    cache["key"] = 1
    node.held = cache


def through_a_method_as_callback() -> None:
    cache = OwnCallback()
    cache["node"] = Node()


def through_a_closure() -> None:
    node = Node()
    cache = AnyCache("1MiB", on_evict=lambda *left: (cache, node))
    cache["key"] = 1


def through_an_attribute() -> None:
    cache = Sub("1MiB")
    cache["node"] = Node()
    cache.held = cache


def through_a_name() -> None:
    name = Name("name")
    cache = AnyCache("1MiB", name=name)
    cache["node"] = Node()
    name.held = cache


def through_an_iterator() -> None:
    cache = AnyCache("1MiB")
    cache.update(node=Node(), other=1, walk=None)
    cache["walk"] = iterator = iter(cache)
    next(iterator)
    cache["other"]  # so that the iterator keeps an order of its own


def through_views() -> None:
    cache = AnyCache("1MiB")
    cache["node"] = Node()
    cache["views"] = [cache.keys(), cache.values(), cache.items()]


def through_a_method() -> None:
    cache = AnyCache("1MiB")
    cache.update(node=Node(), method=cache.get)


def through_a_copy() -> None:
    cache = AnyCache("1MiB")
    cache["node"] = Node()
    cache["copies"] = copies = []
    copies += [cache.copy(), cache.copy()]


def through_what_was_evicted() -> None:
    cache, evicted = AnyCache("1MiB", max_items=1), Node()
    evicted.held = [cache, evicted]
    cache["key"] = evicted
    cache["other"] = Node()


def through_a_failing_write() -> None:
    cache, node = AnyCache(1000), Node()
    node.held = [cache, node, bytes(5000)]
    assert not cache.put("key", node)


CYCLES: list[Callable[[], None]] = [
    through_a_value,
    through_a_key,
    through_itself,
    through_two_caches,
    through_a_sizer,
    through_a_method_as_sizer,
    through_a_callback,
    through_a_method_as_callback,
    through_a_closure,
    through_an_attribute,
    through_a_name,
    through_an_iterator,
    through_views,
    through_a_method,
    through_a_copy,
    through_what_was_evicted,
    through_a_failing_write,
]


@pytest.fixture(autouse=True)
def no_collection_meanwhile() -> Iterator[None]:
    """Let the collector run when the test says so."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    return sum(isinstance(item, (Node, LRUCache)) for item in gc.get_objects())


@pytest.mark.parametrize("cycle", CYCLES)
def test_a_cycle_is_collected(cycle: Callable[[], None]) -> None:
    before = alive()
    for _ in range(3):
        cycle()
    assert alive() > before
    gc.collect()
    assert alive() == before


def test_what_is_in_use_is_not_collected() -> None:
    node = Node()
    cache = AnyCache("1MiB", sizer=node, on_evict=node)
    node.held = cache
    cache.update(a=Node(), b=[cache], c=cache.items())
    gc.collect()
    assert list(cache) == ["a", "b", "c"]
    cache.put("d", 1)
    del cache["a"]
    cache._validate()


def test_a_cycle_gives_its_bytes_back_to_the_budget() -> None:
    budget = Budget("1MiB")
    cache = AnyCache("1MiB", budget=budget)
    cache["self"] = cache
    del cache
    assert budget.nbytes > 0
    gc.collect()
    assert budget.nbytes == 0


def test_finalisers_within_a_cycle_find_the_cache_whole() -> None:
    seen = []

    class Last(Node):
        def __del__(self) -> None:
            seen.append(list(self.held))
            self.held._validate()
            self.held["late"] = 1

    cache, last = AnyCache("1MiB"), Last()
    cache.update(a=1, b=last)
    last.held = cache
    del cache, last
    gc.collect()
    assert seen == [["a", "b"]]
    gc.collect()


def test_a_finaliser_may_save_the_cache() -> None:
    saved: list[Any] = []

    class Saving(Node):
        def __del__(self) -> None:
            saved.append(self.held)

    cache, node = AnyCache("1MiB"), Saving()
    cache.update(a=1, b=node)
    node.held = cache
    del cache, node
    gc.collect()
    assert list(saved[0]) == ["a", "b"]
    saved[0]["c"] = 3
    saved[0]._validate()


def test_a_cache_that_holds_no_container_is_tracked_all_the_same() -> None:
    assert gc.is_tracked(AnyCache("1MiB"))
    cache = AnyCache("1MiB")
    value = [1]
    cache["key"] = value
    assert any(item is value for item in gc.get_referents(cache))
    assert any(item is cache for item in gc.get_referrers(value))
