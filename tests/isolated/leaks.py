"""Nothing is left behind by many rounds of an operation, whether it succeeds or fails.

Argument: the name of one of the functions below.
"""

import pickle
import sys
from typing import Any

try:
    from _testcapi import remove_mem_hooks, set_nomemory  # type: ignore[import-not-found]
except ImportError:
    set_nomemory = None

from leak_check import check, failing

from bytebound import Budget, BudgetExceededError, EntryTooLargeError, LRUCache

Cache = LRUCache[Any, Any]
REFUSED = (TypeError, ValueError, OverflowError)


class Key:
    """A key that Python code compares, to anything of the same hash."""

    fails = False

    def __init__(self, name: object) -> None:
        self.name = name

    def __hash__(self) -> int:
        return 5

    def __eq__(self, other: object) -> bool:
        if Key.fails:
            raise ArithmeticError
        return isinstance(other, Key) and self.name == other.name


class Sub(Cache):
    """A cache that is asked for what is missing, and carries attributes."""

    def __missing__(self, key: object) -> object:
        return key


KEY, OTHER, ABSENT, VALUE = Key("key"), Key("other"), Key("absent"), [("a", "value")]
WATCHED = [KEY, OTHER, ABSENT, VALUE]
CACHE = Cache(2**20)
SMALL = Cache(1000)
FEW = Cache(2**20, max_items=4)
BUDGET = Budget(1000, parent=Budget(2000))
MEMBER = Cache(2**20, charge_overhead=False, budget=BUDGET)
NEIGHBOUR = Cache(2**20, charge_overhead=False, budget=BUDGET)


def keep(cache: Any) -> Any:
    cache.put(KEY, VALUE)
    cache.put(OTHER, VALUE)
    return cache


def put_sized(cache: Any, size: Any) -> None:
    cache.put(KEY, VALUE, size=size)


def insert_and_delete() -> None:
    keep(CACHE)
    del CACHE[KEY]
    assert CACHE.pop(OTHER) is VALUE


def insert_and_popitem() -> None:
    keep(CACHE)
    CACHE.popitem()
    CACHE.popitem()


def overwrite() -> None:
    keep(CACHE)
    CACHE[Key("key")] = [1]
    CACHE.put(Key("key"), VALUE, size=3)
    CACHE[KEY] = CACHE[KEY]


def clear() -> None:
    keep(CACHE).clear()


def look() -> None:
    keep(CACHE)
    assert CACHE[Key("key")] is CACHE.get(KEY) is CACHE.peek(KEY) is VALUE
    assert Key("other") in CACHE
    CACHE.get(ABSENT), CACHE.peek(ABSENT), CACHE.oldest(), CACHE.newest()
    CACHE.setdefault(KEY, 1), CACHE.setdefault(Key("new"), [2])


def evict_by_size() -> None:
    for number in range(30):
        SMALL.put(Key(number), [number], size=150)
    SMALL.put(KEY, VALUE, size=850)


def evict_by_items() -> None:
    for number in range(30):
        FEW.put(Key(number), [number])


def evict_by_budget() -> None:
    for number in range(30):
        MEMBER.put(Key(number), [number], size=200)
    MEMBER.put(KEY, VALUE, size=1000)


def resize_and_trim() -> None:
    for number in range(30):
        FEW.put(Key(number), VALUE)
    FEW.resize(1000, 20)
    FEW.resize(max_items=2)
    FEW.trim(0)
    FEW.resize(2**20, 4)


def measure_again() -> None:
    value = [1]
    CACHE[KEY] = value
    value.append(2)
    CACHE.remeasure(Key("key")), CACHE.audit(), CACHE.stats(), CACHE.entry_nbytes(KEY)
    SMALL[KEY] = value
    value.append(bytes(1000))  # type: ignore[arg-type]
    assert SMALL.remeasure(KEY) == 0


def copies() -> None:
    keep(CACHE)
    assert CACHE.copy() == CACHE
    assert CACHE | {ABSENT: 1} != CACHE
    Sub(1000).copy()
    MEMBER.put(KEY, VALUE, size=600)
    failing(BudgetExceededError, MEMBER.copy)


def pickles() -> None:
    sub = Sub(1000)
    sub.put("key", ["value"])
    sub.label = ["attribute"]  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(sub)) == sub
    failing(TypeError, pickle.dumps, MEMBER)


def unpicklable() -> None:
    failing(TypeError, Cache.__new__(LRUCache).__setstate__, (1, 2, 3))
    state = keep(Cache(1000)).__reduce__()[2]
    settings, entries, _attributes = state
    failing(TypeError, LRUCache.__new__(LRUCache).__setstate__, (settings, [*entries, 1], None))
    failing(
        ValueError, LRUCache.__new__(LRUCache).__setstate__, ((-1, *settings[1:]), entries, None)
    )


def iterate() -> None:
    keep(CACHE)
    walk = iter(CACHE.items())
    next(walk)
    CACHE.get(KEY)
    abandoned = reversed(CACHE)
    next(abandoned)
    CACHE.get(OTHER)
    list(walk), list(CACHE), list(CACHE.values()), repr(CACHE.keys())
    started = iter(CACHE)
    CACHE.put(ABSENT, 1)
    failing(RuntimeError, next, started)
    del CACHE[ABSENT]


def missing() -> None:
    CACHE.clear()
    failing(KeyError, CACHE.__getitem__, ABSENT)
    failing(KeyError, CACHE.__delitem__, ABSENT)
    failing(KeyError, CACHE.pop, ABSENT)
    failing(KeyError, CACHE.popitem)
    failing(KeyError, CACHE.oldest)
    failing(KeyError, CACHE.remeasure, ABSENT)
    failing(KeyError, CACHE.entry_nbytes, ABSENT)
    assert Sub(1000)[KEY] is KEY


def unhashable() -> None:
    for use in (CACHE.get, CACHE.peek, CACHE.pop, CACHE.__getitem__, CACHE.__delitem__):
        failing(TypeError, use, [KEY])
    for write in (CACHE.put, CACHE.__setitem__, CACHE.setdefault):
        failing(TypeError, write, [KEY], VALUE)
    failing(TypeError, CACHE.update, {"key": 1}, 1)
    failing(TypeError, CACHE.update, [1])


def incomparable() -> None:
    keep(CACHE)
    Key.fails = True
    try:
        for use in (CACHE.get, CACHE.peek, CACHE.pop, CACHE.__getitem__, CACHE.__delitem__):
            failing(ArithmeticError, use, ABSENT)
        for write in (CACHE.put, CACHE.__setitem__, CACHE.setdefault):
            failing(ArithmeticError, write, ABSENT, VALUE)
        failing(ArithmeticError, CACHE.remeasure, ABSENT)
    finally:
        Key.fails = False


def sizes_refused() -> None:
    for size in (-1, 1.5, "1", 2**62, 2**100, float("nan")):
        failing(REFUSED, put_sized, CACHE, size)
        failing(REFUSED, put_sized, Cache(1000, sizer=lambda key, value: size), None)  # noqa: B023


def sizer_raises() -> None:
    cache = Cache(1000, sizer=lambda key, value: 1 // (key is OTHER))
    failing(ZeroDivisionError, cache.put, KEY, VALUE)
    cache.put(OTHER, VALUE)
    failing(ZeroDivisionError, cache.setdefault, KEY, VALUE)


def too_large() -> None:
    keep(SMALL)
    failing(EntryTooLargeError, SMALL.__setitem__, KEY, bytes(2000))
    failing(EntryTooLargeError, SMALL.setdefault, ABSENT, bytes(2000))
    assert not SMALL.put(KEY, bytes(2000))
    assert not SMALL.put(ABSENT, VALUE, size=5000)


def over_budget() -> None:
    reservation = BUDGET.reserve(900)
    MEMBER.clear()
    MEMBER.put(OTHER, VALUE, size=10)
    for size in (101, 500):
        failing(BudgetExceededError, put_sized, MEMBER, size)
    MEMBER.put(KEY, VALUE, size=0)
    for number in range(10):
        MEMBER.put(Key(number), VALUE, size=8)
    failing(BudgetExceededError, put_sized, MEMBER, 120)
    reservation.release()
    NEIGHBOUR.put(KEY, VALUE, size=900)
    for number in range(10):
        MEMBER.put(Key(number), VALUE, size=80)  # the neighbour's leaves
    NEIGHBOUR.clear()
    MEMBER.clear()


def callbacks_that_raise() -> None:
    cache = Cache(1000, on_evict=lambda key, value, reason: [key, value][7])
    for number in range(9):
        cache.put(Key(number), VALUE, size=300)
    keep(cache)[KEY] = 1
    cache.popitem()
    cache.trim(400)
    cache.clear()


def callbacks_that_answer() -> None:
    left = []
    cache = Cache(10_000, on_evict=lambda *entry: left.append(entry) or [entry])
    keep(keep(cache)).put(KEY, 1, size=9800)
    cache.clear()
    assert len(left) == 3


def callbacks_that_put() -> None:
    def put_again(key: object, value: object, reason: str) -> None:
        if reason == "deleted":
            cache.put(key, value)

    cache = keep(Cache(10_000, on_evict=put_again))
    cache.popitem()
    assert len(cache) == 2
    cache.clear()


def construct() -> None:
    for wrong in ({"sizer": "huge"}, {"max_items": 0}, {"on_evict": 1}, {"name": 1}):
        failing(REFUSED, lambda: Cache(1000, **wrong))  # type: ignore[arg-type] # noqa: B023
    failing(TypeError, Cache)
    failing(ValueError, Cache, "many")
    failing(TypeError, Budget, 1.5)
    keep(Cache(1000, budget=Budget(2000, parent=Budget("5kB", name="x")), name="y"))


def no_memory() -> None:
    """Evict many at once while each of the first allocations fails in turn."""
    for number in range(30):
        SMALL.put(number, VALUE, size=1)
    for nth in range(1, 12):
        set_nomemory(nth, nth + 1)
        try:
            put_sized(SMALL, 850)
        except MemoryError:
            pass
        finally:
            remove_mem_hooks()
    SMALL.clear()


def cycles() -> None:
    cache = Cache(2000, on_evict=lambda *entry: cache)
    cache.put("self", cache, size=1)
    cache.put(Key(cache), [cache], size=1)
    cache.put("walk", iter(cache), size=1)


def changed_while_compared() -> None:
    class Meddler(Key):
        """Changes the cache a few times while it is compared."""

        times = 3

        __hash__ = Key.__hash__

        def __eq__(self, other: object) -> bool:
            if self.times:
                self.times -= 1
                CACHE.clear()
                keep(CACHE)
            return super().__eq__(other)

    keep(CACHE)
    CACHE.get(Meddler("key"))
    CACHE.put(Meddler("absent"), 1)
    CACHE.clear()


def empty() -> None:
    for cache in (CACHE, SMALL, FEW, MEMBER, NEIGHBOUR):
        cache.clear()


def main(name: str) -> None:
    operation = globals()[name]
    if operation is no_memory and set_nomemory is None:
        print("skip: this interpreter has no _testcapi.set_nomemory")
        return
    check(operation, empty, WATCHED)


main(sys.argv[1])
