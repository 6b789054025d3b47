"""Nothing is left behind by many rounds of an operation on a cache of bytes.

Argument: the name of one of the functions below.
"""

import pickle
import sys
from typing import Any

from leak_check import check, failing

from bytebound import Budget, BytesCache, EntryTooLargeError

KEY, VALUE, OTHER = b"key of some length", bytes(500), bytearray(b"another key")
BUDGET = Budget("64MiB")
CACHE = BytesCache("128KiB", budget=BUDGET)
WATCHED: list[Any] = [KEY, VALUE, OTHER, CACHE]


def entries() -> None:
    CACHE[KEY] = VALUE
    CACHE[OTHER] = OTHER
    CACHE[KEY], CACHE.get(OTHER), OTHER in CACHE, CACHE.peek(KEY)
    list(CACHE.items()), dict(CACHE), CACHE.oldest(), CACHE.newest(), repr(CACHE), CACHE.stats()
    CACHE.get_many([KEY, OTHER]), CACHE.pop_many([OTHER]), CACHE.delete_many([OTHER])
    CACHE.setdefault(OTHER, VALUE), CACHE.get_or_put(b"new", lambda: VALUE), CACHE.popitem()
    CACHE.pop(OTHER, None), CACHE == {KEY: VALUE}
    CACHE.put(b"timed", VALUE, ttl=100), CACHE.touch(b"timed"), CACHE.expires_in(b"timed")
    CACHE.clear()


def views() -> None:
    CACHE[KEY] = VALUE
    view = CACHE.view(KEY)
    part = view[3:]
    CACHE[KEY] = bytes(10)
    del CACHE[KEY], view, part


def refused() -> None:
    failing(EntryTooLargeError, CACHE.__setitem__, KEY, bytes(2**20))
    failing(TypeError, CACHE.__setitem__, OTHER, "text")
    failing(TypeError, CACHE.__setitem__, "text", OTHER)
    failing(KeyError, CACHE.__getitem__, OTHER)
    failing(KeyError, CACHE.view, OTHER)
    failing(TypeError, CACHE.delete_many, [OTHER, 5])
    failing((TypeError, ValueError), BytesCache, "much")
    CACHE.put(KEY, bytes(2**20))


def evicted() -> None:
    told: list[Any] = []
    cache = BytesCache("64KiB", on_evict=lambda *given: told.append(given), budget=BUDGET)
    for number in range(40):
        cache[b"%d" % number] = bytes(3000)
    assert told


def come_and_go() -> None:
    cache = BytesCache("1MiB", budget=BUDGET, max_items=2, name="some")
    cache.update({KEY: VALUE, b"second": VALUE})
    cache.copy(), pickle.loads(pickle.dumps(BytesCache("1MiB")))
    walk = iter(cache)
    next(walk)
    cache[b"third"] = VALUE
    failing(RuntimeError, next, walk)


def empty() -> None:
    CACHE.clear()
    assert CACHE.nbytes == BUDGET.nbytes == 0


check(globals()[sys.argv[1]], empty, WATCHED)
