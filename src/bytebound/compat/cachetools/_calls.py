"""What the wrappers of functions and of methods do for a call."""

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, NamedTuple

from bytebound._native.compat_cache import Cache


class CacheInfo(NamedTuple):
    """What ``cache_info()`` tells.

    Attributes
    ----------
    hits, misses : int
        Calls that were answered from the cache, and those that were not.
    maxsize, currsize : float or None, float
        Of a `Cache`; of any other mapping None and its length.
    """

    hits: int
    misses: int
    maxsize: float | None
    currsize: float


class Calls:
    """Answers calls from `cache` or by computing; a subclass says where cache and locks are.

    Without a lock nothing is guarded. With one, lookups and stores hold it and the computation
    does not, so that several callers may compute at once and the first to finish wins. With a
    condition, others wait for the caller that computes.
    """

    cache: Any
    cache_key: Callable[..., Hashable]
    cache_lock: Any
    cache_condition: Any

    def __init__(self, compute: Callable[..., Any]) -> None:
        self.__compute = compute
        self.__hits = 0
        self.__misses = 0
        self.__pending: set[Hashable] = set()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Answer a call."""
        cache = self.cache
        key = self.cache_key(*args, **kwargs)
        lock = self.cache_lock
        if lock is None:
            found, value = self.__look_up(cache, key)
            if not found:
                value = self.__compute(*args, **kwargs)
                _keep(cache, key, value)
            return value
        condition = self.cache_condition
        with lock:
            if condition is not None:
                while key in self.__pending:
                    condition.wait()
            found, value = self.__look_up(cache, key)
            if found:
                return value
            if condition is not None:
                self.__pending.add(key)
        if condition is None:
            value = self.__compute(*args, **kwargs)
            with lock:
                try:
                    return cache.setdefault(key, value)
                except ValueError:  # it is too large
                    return value
        try:
            value = self.__compute(*args, **kwargs)
            with lock:
                _keep(cache, key, value)
            return value
        finally:
            with lock:
                self.__pending.remove(key)
                condition.notify_all()

    def __look_up(self, cache: Any, key: Hashable) -> tuple[bool, Any]:
        try:
            value = cache[key]
        except KeyError:
            self.__misses += 1
            return False, None
        self.__hits += 1
        return True, value

    def _clear(self, counters: bool) -> None:
        if self.cache_lock is None:
            self.__empty(counters)
        else:
            with self.cache_lock:
                self.__empty(counters)

    def __empty(self, counters: bool) -> None:
        self.cache.clear()
        if counters:
            self.__hits = self.__misses = 0

    def _info(self) -> CacheInfo:
        if self.cache_lock is None:
            return self.__counted()
        with self.cache_lock:
            return self.__counted()

    def __counted(self) -> CacheInfo:
        cache = self.cache
        if isinstance(cache, Cache):
            return CacheInfo(self.__hits, self.__misses, cache.maxsize, cache.currsize)
        return CacheInfo(self.__hits, self.__misses, None, len(cache))

    def cache_clear(self) -> None:
        """Empty the cache."""
        self._clear(counters=False)


class CallsWithInfo(Calls):
    """The same with ``cache_info()``."""

    def cache_info(self) -> CacheInfo:
        """Tell hits, misses, `maxsize` and `currsize`."""
        return self._info()

    def cache_clear(self) -> None:
        """Empty the cache and set the counters to zero."""
        self._clear(counters=True)


def _keep(cache: Any, key: Hashable, value: Any) -> None:
    with suppress(ValueError):  # it is too large
        cache[key] = value
