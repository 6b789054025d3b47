"""Each row of the tables in docs/compat.md is demonstrated, and each demonstration has a row."""

import collections
import copy
import functools
import gc
import math
import pickle
import re
import sys
import threading
import weakref
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from bytebound import EntryTooLargeError, sizeof
from bytebound.compat import cachetools
from bytebound.compat import collections as our_collections
from bytebound.compat import functools as our_functools
from bytebound.compat.cachetools import FIFOCache, LRUCache, TTLCache
from bytebound.compat.collections import deque
from bytebound.compat.lru import LRU

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "compat.md"

Demonstration = Callable[[], None]
DEMONSTRATIONS: dict[tuple[str, str], Demonstration] = {}


def shows(module: str, row: str) -> Callable[[Demonstration], Demonstration]:
    def register(function: Demonstration) -> Demonstration:
        DEMONSTRATIONS[module, row] = function
        return function

    return register


def rows() -> list[tuple[str, str]]:
    """Return module and first cell of each row of the document."""
    found = []
    module = ""
    for line in DOCUMENT.read_text().splitlines():
        heading = re.fullmatch(r"## bytebound\.compat\.(\w+)", line)
        cell = re.match(r"\| (.+?) \|", line)
        if heading:
            module = heading[1]
        elif cell and cell[1] != "what":
            found.append((module, cell[1]))
    return found


def test_every_row_is_demonstrated() -> None:
    assert sorted(rows()) == sorted(DEMONSTRATIONS)
    assert len(set(rows())) == len(rows())


@pytest.mark.parametrize("row", rows(), ids=": ".join)
def test_row(row: tuple[str, str]) -> None:
    DEMONSTRATIONS[row]()


# ---- cachetools ----


@shows("cachetools", "order of `LRUCache`")
def order_of_use() -> None:
    cache = LRUCache[str, int](5)
    cache.update(a=1, b=2, c=3)
    cache["a"]
    assert list(cache) == ["b", "c", "a"]


@shows("cachetools", "order of `FIFOCache`")
def order_of_writing() -> None:
    cache = FIFOCache[str, int](5)
    cache.update(a=1, b=2, c=3)
    cache["a"] = 4
    assert list(cache) == ["b", "c", "a"]


@shows("cachetools", "fractional sizes")
def fractional_sizes() -> None:
    cache = LRUCache[str, float](10, getsizeof=lambda value: value)
    cache["a"] = 2.0
    with pytest.raises(TypeError, match=r"whole numbers, not 0\.5"):
        cache["b"] = 0.5
    assert cache.currsize == 2


@shows("cachetools", "`maxsize` of NaN")
def nan() -> None:
    with pytest.raises(ValueError, match="not nan"):
        LRUCache(math.nan)


@shows("cachetools", "copies")
def copies_of_caches() -> None:
    cache = LRUCache[str, int](5)
    cache["a"] = 1
    clone = copy.copy(cache)
    del cache["a"]
    assert dict(clone) == {"a": 1}


@shows("cachetools", "pickles")
def pickles_of_caches() -> None:
    cache: LRUCache[str, int] = LRUCache(5)
    cache["a"] = 1
    assert pickle.loads(pickle.dumps(cache)) == cache
    assert cache.__dict__ == {}


@shows("cachetools", "private names")
def private_names() -> None:
    assert not hasattr(LRUCache(5), "_Cache__data")
    assert not hasattr(cachetools, "_TimedCache")


@shows("cachetools", "base classes")
def base_classes() -> None:
    assert issubclass(LRUCache, MutableMapping)
    assert MutableMapping not in LRUCache.__mro__


@shows("cachetools", "changing the classes")
def changing_classes() -> None:
    for cls in (cachetools.Cache, FIFOCache, LRUCache, TTLCache):
        with pytest.raises(TypeError, match="immutable type"):
            cls.popitem = None


@shows("cachetools", "threads")
def threads() -> None:
    cache = LRUCache[int, int](20)

    def work() -> None:
        for i in range(3000):
            cache[i % 50] = i
            cache.get(i % 30)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(cache) == cache.currsize == 20


class Restless:
    """A key whose comparison changes the cache it is in, every time."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change = change

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        self.change()
        return False


@shows("cachetools", "comparisons that change the cache")
def restless_keys_of_caches() -> None:
    cache = LRUCache[Any, int](5)
    count = iter(range(10_000))

    def change() -> None:
        cache["new", next(count)] = 1
        cache[stored] = 1

    stored = Restless(lambda: None)
    cache[stored] = 1
    stored.change = change
    with pytest.raises(RuntimeError, match="the cache changed each of 1000 times"):
        cache[Restless(change)]
    assert len(cache) <= 5


@shows("cachetools", "the cache's own memory")
def own_memory() -> None:
    cache = LRUCache[int, None](1000)
    empty = sizeof(cache)
    for i in range(200):
        cache[i] = None
    assert sizeof(cache) > empty + 200 * 40


# ---- functools ----


@shows("cachetools", "`popitem` of an empty `Cache`")
def text_of_empty() -> None:
    with pytest.raises(KeyError, match="Cache is empty"):
        cachetools.Cache[str, int](1).popitem()


@shows("cachetools", "`__version__`")
def version() -> None:
    assert not hasattr(cachetools, "__version__")
    assert sorted(cachetools.__all__) == [
        "Cache", "CacheInfo", "FIFOCache", "LFUCache", "LRUCache", "RRCache", "TLRUCache",
        "TTLCache", "cached", "cachedmethod",
    ]  # fmt: skip


@shows("cachetools", "overwriting while iterating over a `TTLCache`")
def overwriting_while_iterating() -> None:
    cache = TTLCache[str, int](5, 100)
    cache.update(a=1, b=2)
    visited = []
    for key in cache:
        cache[key] = 9
        visited.append(key)
    assert visited == ["a", "b"]


@shows("functools", "`max_bytes`")
def bytes_of_lru_cache() -> None:
    function = our_functools.lru_cache(max_bytes="1kB")(bytes)
    for size in range(100, 200):
        function(size)
        assert function.nbytes is not None
        assert function.nbytes <= 1000
    assert function.cache_parameters()["max_bytes"] == 1000


@shows("functools", "a result too large")
def large_result() -> None:
    function = our_functools.lru_cache(max_bytes="1kB")(bytes)
    assert function(5000) == bytes(5000)
    assert function.cache_info().currsize == 0


@shows("functools", "`typed`")
def typed_is_a_truth() -> None:
    assert our_functools.lru_cache(5, typed=5)(len).cache_parameters()["typed"] is True  # type: ignore[arg-type]
    assert functools.lru_cache(5, typed=5)(len).cache_parameters()["typed"] == 5  # type: ignore[arg-type]


@shows("functools", "`maxsize=True`")
def maxsize_of_true() -> None:
    assert our_functools.lru_cache(True)(len).cache_info().maxsize is True
    assert functools.lru_cache(True)(len).cache_info().maxsize == 1


@shows("functools", "type of the function")
def type_of_function() -> None:
    assert type(our_functools.cache(len)).__name__ == "LRUCachedCall"
    assert not isinstance(our_functools.cache(len), type(functools.cache(len)))


@shows("functools", "comparisons that change the cache")
def restless_keys_of_functions() -> None:
    function = our_functools.lru_cache(5)(lambda key: 1)
    count = iter(range(10_000))

    def change() -> None:
        function(("new", next(count)))
        function(stored)

    stored = Restless(lambda: None)
    function(stored)
    stored.change = change
    with pytest.raises(RuntimeError, match="the cache changed each of 1000 times"):
        function(Restless(change))


# ---- collections ----


@shows("collections", "`max_bytes`")
def bytes_of_deque() -> None:
    items: deque[bytes] = deque(max_bytes="10kB")
    for _ in range(100):
        items.append(bytes(1000))
        assert items.nbytes <= 10_000
    assert 5 < len(items) < 10


@shows("collections", "equality")
def equality() -> None:
    assert deque([1]) == deque([1])
    assert deque([1]) != collections.deque([1])


@shows("collections", "slices")
def slices() -> None:
    items = deque(range(5))
    del items[1:3]
    items[:1] = [7, 8]
    assert list(items[1:]) == [8, 3, 4]


@shows("collections", "an item too large")
def large_item() -> None:
    items = deque([b"x"], max_bytes="1kB")
    with pytest.raises(EntryTooLargeError):
        items.append(bytes(5000))
    assert list(items) == [b"x"]


@shows("collections", "`OrderedDict`")
def no_ordered_dict() -> None:
    assert not hasattr(our_collections, "OrderedDict")


# ---- lru ----


@shows("collections", "texts of errors")
def text_of_maxlen() -> None:
    with pytest.raises(ValueError, match="max_items must be at least 0"):
        deque((), -1)
    with pytest.raises(TypeError, match="max_items must be an int"):
        deque((), "x")  # type: ignore[arg-type]


@shows("collections", "a `maxlen` above 2**32 - 2")
def huge_maxlen() -> None:
    for maxlen in (2**32, 2**62, sys.maxsize, 2**70):
        recent = deque("ab", maxlen)
        assert (recent.maxlen, list(recent)) == (2**32 - 2, ["a", "b"])


@shows("lru", "`update`")
def update() -> None:
    table = LRU[str, int](5)
    table.update([("a", 1)])
    table.update(collections.ChainMap({"b": 2}), c=3)
    with pytest.raises(TypeError):
        table.update(5)  # type: ignore[arg-type]
    assert table.keys() == ["c", "b", "a"]


@shows("lru", "an error in the callback")
def failing_callback() -> None:
    def fail(key: str, value: int) -> None:
        raise LookupError(key)

    caught: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda info: caught.append(info.exc_value)
    try:
        table = LRU[str, int](1, callback=fail)
        table.update(a=1, b=2)
    finally:
        sys.unraisablehook = hook
    assert [str(error) for error in caught] == ["a"]
    assert table.keys() == ["b"]


@shows("lru", "when the callback runs")
def time_of_callback() -> None:
    seen = []
    table = LRU[str, int](1, callback=lambda key, value: seen.append((key, table.keys())))
    table.update(a=1, b=2)
    assert seen == [("a", ["b"])]


@shows("lru", "order of `repr`")
def order_of_repr() -> None:
    table = LRU[str, int](5)
    table.update(a=1, b=2)
    table["a"]
    assert repr(table) == "{'b': 2, 'a': 1}"


@shows("lru", "cycles")
def cycles() -> None:
    class Node:
        pass

    def build() -> "weakref.ref[Node]":
        node = Node()
        node.table = table = LRU[str, Any](5, callback=lambda key, value: node)  # type: ignore[attr-defined]
        table["node"] = node
        return weakref.ref(node)

    reference = build()
    gc.collect()
    assert reference() is None


@shows("lru", "copies and pickles")
def copies_of_tables() -> None:
    table = LRU[str, int](2)
    table.update(a=1, b=2)
    for clone in (copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        clone["c"] = 3
        assert clone.items() == [("c", 3), ("b", 2)]
    assert table.keys() == ["b", "a"]


@shows("lru", "`LRU.__init__` again")
def table_again() -> None:
    table = LRU[str, int](2)
    table["a"] = 1
    table.__init__(3)  # type: ignore[misc]
    assert (table.keys(), table.get_size()) == ([], 3)
