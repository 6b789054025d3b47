"""Fails the n-th allocation of an operation on a cache of bytes, for every n.

The cache's own pages are not Python's memory; the tests of the core fail those.
Argument: the name of one of the operations below.
"""

import sys
from typing import Any

from failing_memory import fail_each

from bytebound import Budget, BytesCache

BUDGET = Budget("4MiB")
KEY, OTHER, VALUE = b"key 5", bytearray(b"another key"), bytes(100)
KEYS = [KEY, b"key 7", b"none"]


def cache() -> BytesCache:
    made = BytesCache("64KiB", budget=BUDGET, on_evict=lambda *_: None)
    for number in range(200):
        made[b"key %d" % number] = VALUE
    made[KEY] = made[b"key 7"] = VALUE
    return made


def evict_many(cache: BytesCache) -> None:
    cache[b"large"] = bytes(20_000)


OPERATIONS: dict[str, Any] = {
    "insert": lambda cache: cache.put(OTHER, VALUE),
    "insert_evicting": evict_many,
    "overwrite": lambda cache: cache.put(KEY, OTHER),
    "get": lambda cache: cache[KEY] and cache.get(OTHER),
    "view": lambda cache: bytes(cache.view(KEY)),
    "pop": lambda cache: cache.pop(KEY),
    "popitem": lambda cache: cache.popitem(),
    "delete_many": lambda cache: cache.delete_many(KEYS),
    "pop_many": lambda cache: cache.pop_many(KEYS),
    "get_many": lambda cache: cache.get_many(KEYS),
    "copy": lambda cache: cache.copy(),
    "reduce": lambda cache: cache.__reduce__(),
    "iterate": lambda cache: list(cache),
    "items": lambda cache: list(cache.items()) and dict(cache),
    "clear": lambda cache: cache.clear(),
    "trim": lambda cache: cache.trim(0),
    "stats": lambda cache: (cache.stats(), repr(cache)),
    "put_timed": lambda cache: cache.put(OTHER, VALUE, ttl=5),
    "construct": lambda cache: BytesCache("1MiB", budget=BUDGET, name="x", ttl=5),
}
MAY_LOSE = {"insert", "insert_evicting", "overwrite", "pop_many", "put_timed", "trim", "clear"}


def state(cache: Any) -> Any:
    return sorted(cache.items())


def check(cache: Any, before: Any, nth: int, failed: bool) -> None:
    cache._validate()
    now = state(cache)
    if failed and sys.argv[1] not in MAY_LOSE:
        assert now == before, f"allocation {nth}"
    assert all(value in (VALUE, OTHER, bytes(20_000)) for _, value in now)
    assert cache.pinned_nbytes == 0
    assert BUDGET.nbytes == cache.nbytes <= cache.max_bytes


print(fail_each(cache, OPERATIONS[sys.argv[1]], check, state), "times")
