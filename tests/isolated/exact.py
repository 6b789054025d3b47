"""The cache's own memory is overhead_nbytes, to the byte, as Python's memory tracer saw it.

Keys and values are made before tracing starts, so that a cache's tables are all there is to see.
Argument: the name of one of the functions below.
"""

import gc
import pickle
import sys
import tracemalloc
from array import array
from collections.abc import Iterator
from typing import Any

from bytebound import Budget, LRUCache

Cache = LRUCache  # without type arguments, which Python would look for a place to note

KEYS = [("key", number) for number in range(5000)]
VALUE = bytes(100)
# Where readings can be kept without taking memory.
BASE = array("q", [0])
FOUND = array("q", [0])
STRICT = array("b", [True])
BACKWARDS = list(reversed(KEYS))
COUNTS = list(range(1, 900, 7))
BOUNDS = [*range(700_000, 0, -9_999), 0]
ITEM_BOUNDS = list(range(5000, 1, -37))


def begin() -> None:
    BASE[0] = tracemalloc.get_traced_memory()[0]


def look() -> None:
    FOUND[0] = tracemalloc.get_traced_memory()[0]


def check(expected: int) -> None:
    """Check how much more was traced at the last look than in the beginning.

    Looking comes first: the number expected takes memory itself.
    """
    found = FOUND[0] - BASE[0]
    assert found == expected or not STRICT[0], f"traced {found} bytes, expected {expected}"


def filled(cache: Any, count: int = len(KEYS)) -> Any:
    for number in range(count):
        cache.put(KEYS[number], VALUE, size=100)
    return cache


def empty_nbytes() -> int:
    return sys.getsizeof(Cache(1))


EMPTY = empty_nbytes()


# ---- one cache, made before; each stops wherever its tables may have changed ----


def growth(cache: Any) -> Iterator[None]:
    for key in KEYS:
        cache.put(key, VALUE, size=100)
        yield


def deletes(cache: Any) -> Iterator[None]:
    filled(cache)
    for key in BACKWARDS:
        del cache[key]
        yield


def popitems(cache: Any) -> Iterator[None]:
    filled(cache)
    while cache:
        cache.popitem()
        yield


def overwriting(cache: Any) -> Iterator[None]:
    filled(cache, 500)
    for key in KEYS[:500]:
        cache[key] = VALUE
        yield


def eviction(cache: Any) -> Iterator[None]:
    cache.resize(20_000)
    for key in KEYS:
        cache.put(key, VALUE, size=hash(key) % 3000)
        yield


def eviction_by_items(cache: Any) -> Iterator[None]:
    cache.resize(max_items=77)
    for key in KEYS:
        cache.put(key, VALUE, size=100)
        yield


def eviction_by_budget(cache: Any) -> Iterator[None]:
    for key in KEYS:
        BUDGETED.put("other", VALUE, size=600_000)
        cache.put(key, VALUE, size=hash(key) % 3000)
        yield


def refusals(cache: Any) -> Iterator[None]:
    filled(cache, 700)
    for key in KEYS:
        cache.put(key, VALUE, size=2**50)
        yield


def trim(cache: Any) -> Iterator[None]:
    filled(cache)
    while cache.nbytes:
        cache.trim(cache.nbytes * 9 // 10)
        yield


def slack_trimmed(cache: Any) -> Iterator[None]:
    for count in COUNTS:
        filled(cache, count)
        cache.trim(cache.nbytes - 1)
        yield


def clear(cache: Any) -> Iterator[None]:
    for count in (0, 1, 2, 50, 5000):
        filled(cache, count)
        cache.clear()
        yield


def resize(cache: Any) -> Iterator[None]:
    filled(cache)
    for bound in BOUNDS:
        cache.resize(bound)
        yield


def resize_items(cache: Any) -> Iterator[None]:
    filled(cache)
    for bound in ITEM_BOUNDS:
        cache.resize(max_items=bound)
        yield


def remeasure(cache: Any) -> Iterator[None]:
    filled(cache, 100)
    for key in KEYS[:100]:
        cache.remeasure(key)
        yield


def lookups(cache: Any) -> Iterator[None]:
    filled(cache, 300)
    for key in KEYS:
        cache.get(key)
        cache.peek(key)
        yield


BUDGETED: Any = Cache(2**20, budget=Budget(2**20))


def changing(steps: Any) -> None:
    """Look after every step of one of the functions above."""
    settings: dict[str, Any] = {"budget": BUDGETED.budget} if steps is eviction_by_budget else {}
    for charge_overhead in (True, False):
        cache: Any = Cache(2**20, charge_overhead=charge_overhead, **settings)
        walk = steps(cache)
        assert cache.overhead_nbytes == 0
        BUDGETED.budget.report()  # lists its members, which it keeps
        begin()
        start(walk, cache)
        for _ in walk:
            look()
            check(cache.overhead_nbytes + BUDGETED.overhead_nbytes)
        cache.clear()
        BUDGETED.clear()
        del walk
        cache._validate()


def start(walk: Iterator[None], cache: Any) -> None:
    """Take the first step, which may keep what Python needs to make any."""
    next(walk)
    begin()
    BASE[0] -= cache.overhead_nbytes + BUDGETED.overhead_nbytes


# ---- objects made while traced ----


def copies() -> None:
    for count in (0, 1, 5, 100, 4999):
        cache = filled(Cache(2**20), count)
        begin()
        other = cache.copy()
        look()
        check(EMPTY + other.overhead_nbytes)
        assert other.overhead_nbytes <= cache.overhead_nbytes
        other.clear()
        look()
        check(EMPTY)
        del other
        look()
        check(0)


def pickled() -> None:
    """Small ints are there already, so that an unpickled cache brings nothing else."""
    for count in (0, 1, 5, 250):
        cache = Cache(2**20)
        cache.update((number, -1) for number in range(count))
        other = pickle.loads(pickle.dumps(cache))
        assert len(other) == count
        nbytes = EMPTY + other.overhead_nbytes + sys.getsizeof(other.sizer)
        begin()
        del other
        look()
        check(-nbytes)


def iteration() -> None:
    cache = filled(Cache(2**20), 1000)
    size = sys.getsizeof(iter(cache))
    begin()
    walk = iter(cache)
    look()
    check(size)
    next(walk)
    cache.get(KEYS[500])
    look()
    check(size + 4 * 999)  # the order that the promotion changed
    cache.get(KEYS[600])
    look()
    check(size + 4 * 999)
    for _ in walk:
        pass
    look()
    check(size)
    del walk
    look()
    check(0)
    walk = reversed(cache)
    cache.get(KEYS[7])
    look()
    check(size + 4 * 1000)
    del walk
    look()
    check(0)


def callbacks() -> None:
    """What left waits in a list until its callbacks have run; it is freed then."""

    def lost(key: object, value: object, reason: str) -> None:
        look()
        worst[0] = max(worst[0], FOUND[0] - BASE[0] - cache.overhead_nbytes)

    cache = Cache(2**20, on_evict=lost)
    worst = array("q", [0])
    for _ in range(2):  # the first takes what Python keeps for the second
        filled(cache, 1000)
        worst[0] = 0
        begin()
        BASE[0] -= cache.overhead_nbytes
        cache.put("large", VALUE, size=2**20 - 1000)
        look()
        check(cache.overhead_nbytes)
        assert 32 * 999 <= worst[0] < 64 * 1000 + 1000, worst[0]
        cache.clear()


def deaths() -> None:
    for count in (1, 2, 300, 5000):
        begin()
        cache = filled(Cache(2**20), count)
        look()
        check(EMPTY + cache.overhead_nbytes)
        del cache
        look()
        check(0)


MADE = [copies, pickled, iteration, callbacks, deaths]


def main(name: str) -> None:
    """Run one twice: what Python itself keeps of the first run is there in the second."""
    function = globals()[name]
    run = function if function in MADE else lambda: changing(function)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    STRICT[0] = False
    run()
    STRICT[0] = True
    run()


main(sys.argv[1])
