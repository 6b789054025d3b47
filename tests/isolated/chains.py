"""Long chains: whether they are cleared and die without overflowing the stack.

Argument: the name of one of the functions below.
"""

import gc
import sys
import threading
from typing import Any

from bytebound import LRUCache, SizeTracker, register_sizer

LENGTH = 1_000_000


def nested_caches(length: int = LENGTH) -> LRUCache[str, Any]:
    """Make a chain of caches, each the value of the next."""
    inner: LRUCache[str, Any] = LRUCache(500)
    for _ in range(length):
        outer: LRUCache[str, Any] = LRUCache(500)
        outer.put("inner", inner, size=1)
        inner = outer
    return inner


def nested_lists(length: int = LENGTH) -> list[Any]:
    """Make a chain of lists."""
    value: list[Any] = []
    for _ in range(length):
        value = [value]
    return value


def caches_cleared() -> None:
    nested_caches().clear()


def caches_dying() -> None:
    chain = nested_caches()
    del chain


def caches_popped() -> None:
    nested_caches().popitem()


def caches_evicted() -> None:
    cache: LRUCache[str, Any] = LRUCache(500, max_items=1)
    cache.put("chain", nested_caches(), size=1)
    cache.put("other", 1, size=1)


def caches_collected() -> None:
    first: LRUCache[str, Any] = LRUCache(500)
    chain = nested_caches()
    chain.put("first", first, size=1)
    first.put("chain", chain, size=1)
    del first, chain
    assert gc.collect() > LENGTH


class Sub(LRUCache[str, Any]):
    """A subclass, which dies along another path."""


def subclasses_dying() -> None:
    inner = Sub(500)
    for _ in range(LENGTH // 4):
        outer = Sub(500)
        outer.put("inner", inner, size=1)
        inner = outer


def caches_as_keys_within_tuples() -> None:
    inner: Any = ()
    for _ in range(LENGTH // 4):
        outer: LRUCache[Any, Any] = LRUCache(500)
        outer.put(Key(inner), None, size=1)
        inner = outer


class Key:
    """A key that holds something."""

    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


def lists_cleared() -> None:
    cache: LRUCache[str, Any] = LRUCache("1GiB")
    cache.put("chain", nested_lists(), size=1)
    cache.clear()


def lists_replaced() -> None:
    cache: LRUCache[str, Any] = LRUCache("1GiB")
    cache.put("chain", nested_lists(), size=1)
    cache["chain"] = None


def lists_measured() -> None:
    cache: LRUCache[str, Any] = LRUCache("1GiB")
    cache["chain"] = nested_lists()
    assert cache.nbytes > LENGTH * 60
    assert cache.audit().drift == 0
    cache.clear()


def iterators_dying() -> None:
    inner: Any = None
    for _ in range(LENGTH // 4):
        cache: LRUCache[str, Any] = LRUCache(500)
        cache.put("inner", inner, size=1)
        inner = iter(cache)


def nested_trackers() -> SizeTracker:
    """Make a chain of trackers."""
    inner = SizeTracker()
    for _ in range(LENGTH // 4):
        outer = SizeTracker()
        outer.add(Held(inner))
        inner = outer
    return inner


class Held:
    """Something that holds a tracker, and that measuring does not look into."""

    def __init__(self, held: object) -> None:
        self.held = held


register_sizer(Held, lambda held: (16, ()))


def trackers_dying() -> None:
    chain = nested_trackers()
    del chain


def trackers_cleared() -> None:
    nested_trackers().clear()


def main(name: str) -> None:
    """Run one in a thread whose stack is the usual one of Linux, whatever the limits here."""
    threading.stack_size(8 * 2**20)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            globals()[name]()
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    sys.exit(bool(failed))


main(sys.argv[1])
