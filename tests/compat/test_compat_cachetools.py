"""bytebound.compat.cachetools beyond cachetools' own tests: subclasses, hostile items, threads."""

import copy
import gc
import math
import pickle
import random
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bytebound import sizeof
from bytebound.compat.cachetools import (
    Cache,
    FIFOCache,
    LFUCache,
    LRUCache,
    RRCache,
    TLRUCache,
    TTLCache,
    cached,
)


class Clock:
    """A timer that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ttl_cache(maxsize: float, getsizeof: Any = None) -> TTLCache[Any, Any, Any]:
    return TTLCache(maxsize, 100, Clock(), getsizeof)


def tlru_cache(maxsize: float, getsizeof: Any = None) -> TLRUCache[Any, Any, Any]:
    return TLRUCache(maxsize, lambda _key, _value, now: now + 100, Clock(), getsizeof)


NATIVE: list[Callable[..., Any]] = [Cache, FIFOCache, LRUCache, ttl_cache]
ALL: list[Callable[..., Any]] = [*NATIVE, LFUCache, tlru_cache, RRCache]


# ---- sizes ----


@pytest.mark.parametrize("make", ALL)
def test_sizes_never_pass_the_bound(make: Callable[..., Any]) -> None:
    seen = []
    cache = make(100, getsizeof=lambda value: seen.append(cache.currsize) or value)  # type: ignore[func-returns-value]
    for i in range(500):
        cache[i % 37] = i * 7 % 41
        assert cache.currsize <= 100
        assert cache.currsize == sum(dict(cache.items()).values())
    assert max(seen) <= 100


@pytest.mark.parametrize(
    ("size", "error", "text"),
    [
        (101, ValueError, "value too large"),
        (math.inf, ValueError, "value too large"),
        (10**30, ValueError, "value too large"),
        (-1, ValueError, "non-negative"),
        (-(10**30), ValueError, "non-negative"),
        (0.5, TypeError, "whole numbers, not 0.5"),
        (math.nan, (TypeError, ValueError), "NaN|nan"),
        (Decimal("2.5"), TypeError, "whole numbers"),
        ("5", TypeError, "not supported"),
        (None, TypeError, "not supported"),
    ],
)
@pytest.mark.parametrize("make", ALL)
def test_bad_sizes_change_nothing(make: Any, size: Any, error: Any, text: str) -> None:
    cache = make(100, getsizeof=lambda value: value)
    cache["a"] = 60
    with pytest.raises(error, match=text):
        cache["a"] = size
    with pytest.raises(error, match=text):
        cache["b"] = size
    assert dict(cache.items()) == {"a": 60}
    assert cache.currsize == 60


def test_whole_sizes_of_other_types_are_taken() -> None:
    cache = LRUCache[str, Any](100.5, getsizeof=lambda value: value)
    cache.update(a=2.0, b=True, c=Decimal(3))
    assert cache.currsize == 6
    assert cache.maxsize == 100.5


@pytest.mark.parametrize("maxsize", [math.nan, -1, -0.5])
@pytest.mark.parametrize("make", NATIVE)
def test_bad_bounds_are_refused(make: Any, maxsize: Any) -> None:
    with pytest.raises(ValueError, match="maxsize"):
        make(maxsize)


@pytest.mark.parametrize("maxsize", [math.inf, 2**62, 2**70, 1e300])
def test_bounds_that_nothing_reaches(maxsize: Any) -> None:
    cache = LRUCache[int, int](maxsize, getsizeof=lambda value: value)
    cache[1] = 2**40
    assert cache.currsize == 2**40
    assert cache.maxsize == maxsize


def test_getsizeof_may_change_later() -> None:
    cache = LRUCache[str, Any](10, getsizeof=len)
    cache["a"] = "xxx"
    cache.getsizeof = lambda value: 1  # type: ignore[method-assign,assignment]
    cache["b"] = "xxx"
    assert cache.currsize == 4
    del cache["a"], cache["b"]  # what was charged is what is given back
    assert cache.currsize == 0


# ---- subclasses ----


class Recorder(LRUCache[Any, Any]):
    """Records what is evicted, as cachetools' documentation has it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.evicted: list[Any] = []

    def popitem(self) -> Any:
        pair = super().popitem()
        self.evicted.append(pair)
        return pair


def test_overridden_popitem_sees_every_eviction() -> None:
    cache = Recorder(10, getsizeof=lambda value: value)
    cache.update(a=3, b=3, c=3)
    cache["a"]
    cache["d"] = 7
    assert cache.evicted == [("b", 3), ("c", 3)]
    cache["d"] = 8
    assert cache.evicted[2:] == [("a", 3)]


def test_overridden_popitem_decides_what_leaves() -> None:
    class MostRecent(LRUCache[Any, Any]):
        def popitem(self) -> Any:
            key = list(self)[-1]
            return key, self.pop(key)

    cache = MostRecent(2)
    for key in "abc":
        cache[key] = key
    assert list(cache) == ["a", "c"]


def test_popitem_of_an_instance_is_honoured() -> None:
    cache = LRUCache[str, int](2)
    calls = []
    genuine = cache.popitem
    cache.popitem = lambda: calls.append(1) or genuine()  # type: ignore[method-assign,func-returns-value]
    cache.update(a=1, b=2, c=3)
    assert calls == [1]
    assert list(cache) == ["b", "c"]


@pytest.mark.parametrize("base", [Cache, FIFOCache, LRUCache, LFUCache, TTLCache])
def test_overridden_delitem_sees_every_eviction(base: Any) -> None:
    deleted = []

    class Deleting(base):  # type: ignore[misc]
        def __delitem__(self, key: Any) -> None:
            deleted.append(key)
            super().__delitem__(key)

    cache = Deleting(2, 100) if base is TTLCache else Deleting(2)
    for key in "abcd":
        cache[key] = key
    assert deleted == ["a", "b"]
    cache.pop("c")
    assert deleted == ["a", "b", "c"]
    cache.clear()
    assert deleted == ["a", "b", "c"]


def test_overridden_expire_sees_what_expires() -> None:
    expired = []

    class Expiring(TTLCache[Any, Any, Any]):
        def expire(self, time: Any = None) -> Any:
            pairs = super().expire(time)
            expired.extend(pairs)
            return pairs

    clock = Clock()
    cache = Expiring(10, 5, clock)
    cache["a"] = 1
    clock.now = 5
    cache["b"] = 2
    assert expired == [("a", 1)]
    assert len(cache) == 1


@pytest.mark.parametrize("base", [TTLCache, TLRUCache])
def test_overridden_expire_is_told_the_time(base: Any) -> None:
    times = []

    class Told(base):  # type: ignore[misc]
        def expire(self, time: Any) -> Any:
            times.append(time)
            return super().expire(time)

    clock = Clock()
    cache = Told(9, 5 if base is TTLCache else lambda _key, _value, now: now + 5, clock)
    cache["a"] = 1
    cache["b"] = 2
    clock.now = 3.0
    assert len(cache) == 2
    assert cache.currsize == 2
    assert "currsize=2" in repr(cache)
    assert cache.popitem() == ("a", 1)
    assert times[:2] == [0.0, 0.0]
    assert len(times) >= 6
    assert set(times[2:]) == {3.0}


def test_comparisons_of_keys_that_use_the_cache_do_not_crash_it() -> None:
    # They reach no OrderedDict, which CPython lets crash when it is changed while it compares.
    chance = random.Random(7)
    depth = 0

    def use() -> None:
        nonlocal depth
        if depth > 2 or chance.random() > 0.05:
            return
        depth += 1
        try:
            step()
        finally:
            depth -= 1

    class Key:
        def __init__(self, number: int) -> None:
            self.number = number

        def __hash__(self) -> int:
            use()
            return self.number % 7

        def __eq__(self, other: object) -> bool:
            use()
            return isinstance(other, Key) and self.number == other.number

    def step() -> None:
        key = Key(chance.randrange(20))
        match chance.randrange(6):
            case 0 | 1:
                act(cache.__setitem__, key, 1)
            case 2:
                act(cache.pop, key, None)
            case 3:
                act(cache.popitem)
            case 4:
                act(cache.get, key)
            case _:
                act(cache.expire)

    def act(operation: Callable[..., Any], *arguments: Any) -> None:
        with suppress(KeyError):
            operation(*arguments)

    for _ in range(40):
        cache = tlru_cache(12)
        for _ in range(300):
            step()


def test_overridden_reading_is_honoured_by_get_and_pop() -> None:
    class Shouting(LRUCache[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            return super().__getitem__(key).upper()

        def __contains__(self, key: Any) -> bool:
            return key != "hidden" and super().__contains__(key)

    cache = Shouting(10)
    cache.update(a="x", hidden="y")
    assert [cache.get("a"), cache.get("hidden"), cache.setdefault("a")] == ["X", None, "X"]
    assert cache.pop("a") == "X"
    assert cache.pop("hidden", 1) == 1


def test_reading_by_the_base_does_not_promote() -> None:
    cache = LRUCache[str, int](2)
    cache.update(a=1, b=2)
    assert Cache.__getitem__(cache, "a") == 1
    cache["c"] = 3
    assert list(cache) == ["b", "c"]


def test_base_class_methods_work_on_a_ttl_cache() -> None:
    cache = ttl_cache(10)
    Cache.__setitem__(cache, "a", 1)
    Cache.setdefault(cache, "b", 2)
    assert [Cache.__getitem__(cache, "a"), Cache.get(cache, "b"), Cache.pop(cache, "b")] == [
        1,
        2,
        2,
    ]
    Cache.__delitem__(cache, "a")
    cache["c"] = 3
    assert Cache.popitem(cache) == ("c", 3)
    Cache.clear(cache)
    assert list(cache) == []


def test_attributes_of_users_stay() -> None:
    cache = LRUCache[str, int](2)
    cache.lock = "lock"  # type: ignore[attr-defined]
    cache["a"] = 1
    assert pickle.loads(pickle.dumps(cache)).lock == "lock"


@pytest.mark.parametrize("base", [Cache, LRUCache, TTLCache])
def test_without_its_init_nothing_fits(base: Any) -> None:
    class Forgetful(base):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

    cache = Forgetful()
    with pytest.raises((ValueError, TypeError)):
        cache["a"] = 1
    assert list(cache) == []
    assert cache.get("a") is None


def test_initialising_again_empties() -> None:
    cache = LRUCache[str, Any](5, getsizeof=len)
    cache["a"] = "xx"
    cache.__init__(2)  # type: ignore[misc]
    assert len(cache) == cache.currsize == 0
    assert cache.maxsize == 2


# ---- expiry ----


def test_iterating_over_a_ttl_cache_while_entries_leave() -> None:
    cache = ttl_cache(100)
    for i in range(10):
        cache[i] = i
    seen = []
    for key in cache:
        seen.append(key)
        cache.pop(key)
        cache.pop(key + 1, None)
    assert seen == [0, 2, 4, 6, 8]
    for i in range(4):
        cache[i] = i
    walk = iter(cache)
    assert next(walk) == 0
    cache.clear()
    assert list(walk) == []


@pytest.mark.parametrize("make", [ttl_cache, tlru_cache])
def test_overwriting_while_iterating_comes_to_an_end(make: Callable[..., Any]) -> None:
    cache = make(10)
    cache.update(a=1, b=2, c=3)
    visited = []
    for key in cache:
        cache[key] = 9
        visited.append(key)
        assert len(visited) <= 3
    assert set(visited) == {"a", "b", "c"}
    cache.update(cache)
    assert dict(cache) == dict.fromkeys("abc", 9)


def test_iterating_stops_at_what_was_last() -> None:
    cache = ttl_cache(10)
    cache.update(a=1, b=2, c=3, d=4)
    walks = [iter(cache) for _ in range(4)]
    assert next(walks[1]) == "a"
    del cache["d"]
    assert next(walks[1]) == "b"
    cache["b"] = 5
    cache["x"] = 6
    assert next(walks[2]) == "a"
    del cache["c"]  # the last of those walks
    assert [list(walk) for walk in walks] == [["a"], [], [], ["a"]]
    assert list(cache) == ["a", "b", "x"]
    cache.clear()
    assert list(walks[3]) == []


def test_overwriting_renews() -> None:
    clock = Clock()
    cache = TTLCache[str, int, float](10, 5, clock)
    cache.update(a=1, b=2)
    clock.now = 4
    cache["a"] = 3
    clock.now = 6
    assert "b" not in cache
    assert cache.expire() == [("b", 2)]
    assert cache.expire(9.0) == [("a", 3)]


def test_timer_may_give_anything_that_compares() -> None:
    class Moment:
        def __init__(self, at: int) -> None:
            self.at = at

        def __add__(self, other: int) -> "Moment":
            return Moment(self.at + other)

        def __lt__(self, other: "Moment") -> bool:
            cache.get("elsewhere")
            gc.collect()
            return self.at < other.at

    now = 0
    cache = TTLCache[str, int, Any](10, 5, lambda: Moment(now))
    cache.update(a=1, b=2)
    now = 5
    assert [len(cache), list(cache)] == [0, []]


def test_timer_that_raises_changes_nothing() -> None:
    fails = False

    def timer() -> float:
        if fails:
            raise OSError("no clock")
        return 1.0

    cache = TTLCache[str, int, float](10, 5, timer)
    cache["a"] = 1
    fails = True
    for act in (lambda: cache["a"], lambda: cache.__setitem__("a", 2), lambda: len(cache)):
        with pytest.raises(OSError, match="no clock"):
            act()
    fails = False
    assert dict(cache.items()) == {"a": 1}


# ---- hostile keys and values ----


class Meddling:
    """A key whose comparison, or a value whose death, does something to the cache."""

    def __init__(self, act: Callable[[], Any], number: int = 1) -> None:
        self.act = act
        self.number = number

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        self.act()
        return isinstance(other, Meddling) and self.number == other.number

    def __del__(self) -> None:
        self.act()


@pytest.mark.parametrize("make", NATIVE)
def test_comparisons_and_deaths_that_change_the_cache(make: Callable[..., Any]) -> None:
    cache = make(5)
    depth = 0

    def act() -> None:
        nonlocal depth
        if depth < 3:
            depth += 1
            try:
                cache[depth] = Meddling(act)
                cache.pop(depth - 1, None)
                if depth == 2:
                    cache.clear()
            finally:
                depth -= 1

    for i in range(30):
        cache[Meddling(act, i % 4)] = Meddling(act, i)
        assert cache.currsize <= 5
        cache.get(Meddling(act, i % 3))
        assert len(dict(cache.items())) <= 5


@pytest.mark.parametrize("make", ALL)
def test_comparison_error_passes(make: Callable[..., Any]) -> None:
    class Failing:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            raise OSError("incomparable")

    cache = make(5)
    first = Failing()
    cache[first] = 1
    with pytest.raises(OSError, match="incomparable"):
        cache[Failing()] = 2
    with pytest.raises(OSError, match="incomparable"):
        cache[Failing()]
    with pytest.raises(TypeError, match="unhashable"):
        cache[[]] = 1
    assert len(cache) == 1
    assert cache[first] == 1


@pytest.mark.parametrize("make", NATIVE)
def test_references_do_not_leak(make: Callable[..., Any]) -> None:
    cache = make(3)
    value = object()
    key = ("a", object())
    before = sys.getrefcount(value), sys.getrefcount(key)
    for i in range(50):
        cache[i] = value
        cache[key] = value
        cache.get(key), cache[key], key in cache, cache.setdefault(key, value)
        list(cache.items()), repr(cache), cache == {}, copy.copy(cache)
        cache.pop(key)
        cache[key] = value
        del cache[key]
    cache.popitem()
    cache.clear()
    gc.collect()
    assert (sys.getrefcount(value), sys.getrefcount(key)) == before


@pytest.mark.parametrize("make", ALL)
def test_cycles_are_collected(make: Callable[..., Any]) -> None:
    class Node:
        pass

    def build() -> "weakref.ref[Node]":
        node = Node()
        cache = make(3)
        cache["node"] = node
        cache.own = node  # type: ignore[attr-defined]
        node.cache = cache  # type: ignore[attr-defined]
        node.walk = iter(cache)  # type: ignore[attr-defined]
        return weakref.ref(node)

    reference = build()
    gc.collect()
    assert reference() is None


def test_chain_of_caches_is_freed_without_recursion() -> None:
    for make in NATIVE:
        outer: Any = None
        for _ in range(20_000):
            inner = make(1)
            inner["next"] = outer
            outer = inner
        del outer, inner


def test_dying_cache_cannot_be_reached() -> None:
    class Value:
        def __del__(self) -> None:
            seen.append(reference())

    seen: list[Any] = []
    for make in NATIVE:
        cache = make(1)
        cache["a"] = Value()
        reference = weakref.ref(cache)
        del cache
    assert seen == [None] * len(NATIVE)


def test_sizeof_sees_what_is_in_it() -> None:
    cache = LRUCache[str, bytes](10)
    before = sizeof(cache)
    cache["a"] = bytes(5000)
    assert sizeof(cache) > before + 5000


# ---- copies ----


@pytest.mark.parametrize("make", [Cache, FIFOCache, LRUCache, LFUCache, RRCache])
def test_copies_and_pickles(make: Callable[..., Any]) -> None:
    cache = make(10, getsizeof=len)
    cache.update(a="xxx", b="yyy", c="zzz")
    cache["a"]
    for clone in (copy.copy(cache), copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert type(clone) is type(cache)
        assert clone == cache
        assert (clone.maxsize, clone.currsize) == (10, 9)
        clone["d"] = "ww"
        assert clone.currsize == 8
    assert cache.currsize == 9


def test_copy_of_a_ttl_cache_keeps_order_and_times() -> None:
    clock = Clock()
    cache = TTLCache[str, int, float](3, 5, clock)
    for key in "abc":
        cache[key] = 1
        clock.now += 1
    cache["a"]
    clone = copy.copy(cache)
    clone["d"] = 1
    assert set(clone) == {"a", "c", "d"}
    assert clone.expire(6.5) == [("a", 1)]
    assert set(cache) == {"a", "b", "c"}


def test_restoring_checks_sizes() -> None:
    cache = LRUCache[str, int](10)
    with pytest.raises(ValueError, match="size 11"):
        cache.__setstate__((10, [("a", 1, 11)], {}))


# ---- the rest of the interface ----


@pytest.mark.parametrize("make", ALL)
def test_is_a_mutable_mapping(make: Callable[..., Any]) -> None:
    cache = make(10)
    assert isinstance(cache, MutableMapping)
    cache.update({"a": 1}, b=2)
    assert sorted(cache.keys()) == ["a", "b"]
    assert sorted(cache.items()) == [("a", 1), ("b", 2)]
    assert sorted(cache.values()) == [1, 2]
    assert cache == {"a": 1, "b": 2}
    assert cache != {"a": 1}
    with pytest.raises(TypeError, match="unhashable"):
        hash(cache)
    with pytest.raises(TypeError):
        reversed(cache)
    assert "maxsize=10, currsize=2" in repr(cache)


@pytest.mark.parametrize("make", NATIVE)
def test_iterating_while_entries_enter(make: Callable[..., Any]) -> None:
    if make is ttl_cache:
        pytest.skip("a TTLCache may change while it is iterated over, as cachetools' may")
    cache = make(10)
    cache.update(a=1, b=2)
    walk = iter(cache)
    cache[next(walk) + "x"] = 1
    with pytest.raises(RuntimeError, match="changed size during iteration"):
        next(walk)


def test_cached_keeps_what_fits() -> None:
    cache = LRUCache[Any, str](5, getsizeof=len)
    function = cached(cache)(lambda text: text * 2)
    assert [function("ab"), function("abc")] == ["abab", "abcabc"]
    assert list(cache.values()) == ["abab"]


# ---- threads ----


@pytest.mark.parametrize("make", NATIVE)
def test_threads(make: Callable[..., Any]) -> None:
    cache = make(50, getsizeof=lambda value: value)
    errors = []

    def work(seed: int) -> None:
        try:
            for i in range(3000):
                key = (seed * i) % 60
                cache[key] = 1 + i % 3
                cache.get(key + 1)
                if i % 7 == 0:
                    cache.pop(key, None)
                if i % 500 == 0:
                    list(dict.fromkeys(cache.keys())) if make is ttl_cache else None
                    cache.clear()
                if cache.currsize > 50:
                    errors.append(cache.currsize)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 3, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert cache.currsize == sum(value for _key, value in cache.items())


# ---- a model ----


class Model(RuleBasedStateMachine):
    """LRUCache and TTLCache beside an OrderedDict of (value, size, expiry)."""

    TTL = 5

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.lru = LRUCache[int, int](20, getsizeof=lambda value: value)
        self.ttl = TTLCache[int, int, float](20, self.TTL, self.clock, lambda value: value)
        self.plain: OrderedDict[int, int] = OrderedDict()
        self.timed: OrderedDict[int, tuple[int, float]] = OrderedDict()

    def expire(self) -> None:
        for key in [k for k, (_v, expires) in self.timed.items() if expires <= self.clock.now]:
            del self.timed[key]

    @rule(key=st.integers(0, 9), size=st.integers(0, 12))
    def put(self, key: int, size: int) -> None:
        self.lru[key] = self.ttl[key] = size
        self.expire()
        self.plain.pop(key, None)
        self.timed.pop(key, None)
        while sum(self.plain.values()) + size > 20:
            self.plain.popitem(last=False)
        while sum(value for value, _ in self.timed.values()) + size > 20:
            self.timed.popitem(last=False)
        self.plain[key] = size
        self.timed[key] = size, self.clock.now + self.TTL

    @rule(key=st.integers(0, 9))
    def get(self, key: int) -> None:
        assert self.lru.get(key) == self.plain.get(key)
        if key in self.plain:
            self.plain.move_to_end(key)
        found = self.timed.get(key)
        alive = found is not None and self.clock.now < found[1]
        assert self.ttl.get(key) == (found[0] if alive and found else None)
        if found is not None:
            self.timed.move_to_end(key)

    @rule(key=st.integers(0, 9))
    def pop(self, key: int) -> None:
        assert self.lru.pop(key, None) == self.plain.pop(key, None)
        found = self.timed.get(key)
        if found is not None and self.clock.now < found[1]:
            assert self.ttl.pop(key) == self.timed.pop(key)[0]
        else:
            assert self.ttl.pop(key, None) is None

    @rule()
    def popitem(self) -> None:
        if self.plain:
            assert self.lru.popitem() == self.plain.popitem(last=False)
        self.expire()
        if self.timed:
            key, (value, _expires) = self.timed.popitem(last=False)
            assert self.ttl.popitem() == (key, value)

    @rule(step=st.integers(1, 3))
    def tick(self, step: int) -> None:
        self.clock.now += step

    @rule()
    def clear(self) -> None:
        for container in (self.lru, self.ttl, self.plain, self.timed):
            container.clear()  # type: ignore[attr-defined]

    @invariant()
    def same(self) -> None:
        assert list(self.lru) == list(self.plain)
        assert self.lru.currsize == sum(self.plain.values())
        alive = {k for k, (_v, expires) in self.timed.items() if self.clock.now < expires}
        assert set(self.ttl) == alive


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_lfu_evicts_what_was_used_least(steps: list[tuple[int, bool]]) -> None:
    cache = LFUCache[int, int](3)
    uses: dict[int, tuple[int, int]] = {}
    for when, (key, write) in enumerate(steps):
        if write:
            if key not in uses and len(uses) == 3:
                del uses[min(uses, key=uses.__getitem__)]
            cache[key] = key
        elif cache.get(key) is None:
            continue
        uses[key] = (uses.get(key, (0, 0))[0] + 1, when)
        assert set(cache) == set(uses)
