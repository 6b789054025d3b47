"""Decorators for functions like ``functools.lru_cache``, one a policy, as ``cachetools.func``."""

import math
import random
import time
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Any

from bytebound.compat.cachetools import (
    FIFOCache,
    LFUCache,
    LRUCache,
    RRCache,
    TTLCache,
    cached,
    keys,
)

__all__ = ("fifo_cache", "lfu_cache", "lru_cache", "rr_cache", "ttl_cache")

DEFAULT_MAXSIZE = 128


class _UnboundedTTLCache(TTLCache[Any, Any, Any]):
    """Tells None for its bound, as it has none."""

    def __init__(self, ttl: Any, timer: Callable[[], Any]) -> None:
        super().__init__(math.inf, ttl, timer)

    @property
    def maxsize(self) -> None:  # type: ignore[override]
        return None


def _decorator(
    maxsize: Any, typed: bool, make: Callable[[Any], Any], unbounded: Callable[[], Any] = dict
) -> Any:
    """Decorate `maxsize`, if it is the function, else return a decorator."""
    function = maxsize if callable(maxsize) else None
    if function is not None:
        maxsize = DEFAULT_MAXSIZE
    cache = unbounded() if maxsize is None else make(maxsize)
    key = keys.typedkey if typed else keys.hashkey

    def decorate(function: Callable[..., Any]) -> Any:
        wrapper = cached(cache, key, condition=Condition(), info=True)(function)
        wrapper.cache_parameters = lambda: {"maxsize": maxsize, "typed": typed}
        return wrapper

    return decorate if function is None else decorate(function)


def fifo_cache(maxsize: Any = DEFAULT_MAXSIZE, typed: bool = False) -> Any:
    """Keep up to `maxsize` results; the one that was kept first leaves first."""
    return _decorator(maxsize, typed, FIFOCache)


def lfu_cache(maxsize: Any = DEFAULT_MAXSIZE, typed: bool = False) -> Any:
    """Keep up to `maxsize` results; the one that was used least often leaves first."""
    return _decorator(maxsize, typed, LFUCache)


def lru_cache(maxsize: Any = DEFAULT_MAXSIZE, typed: bool = False) -> Any:
    """Keep up to `maxsize` results; the one that was used longest ago leaves first.

    Examples
    --------
    >>> from bytebound.compat.cachetools.func import lru_cache
    >>> @lru_cache(maxsize=2)
    ... def double(number):
    ...     return 2 * number
    >>> double(4), double(4), double.cache_info().hits
    (8, 8, 1)
    """
    return _decorator(maxsize, typed, LRUCache)


def rr_cache(
    maxsize: Any = DEFAULT_MAXSIZE,
    choice: Callable[[Sequence[Any]], Any] = random.choice,
    typed: bool = False,
) -> Any:
    """Keep up to `maxsize` results; one that `choice` picks leaves."""
    return _decorator(maxsize, typed, lambda size: RRCache(size, choice))


def ttl_cache(
    maxsize: Any = DEFAULT_MAXSIZE,
    ttl: Any = 600,
    timer: Callable[[], Any] = time.monotonic,
    typed: bool = False,
) -> Any:
    """Keep up to `maxsize` results for `ttl`; the one used longest ago leaves first."""
    return _decorator(
        maxsize,
        typed,
        lambda size: TTLCache(size, ttl, timer),
        lambda: _UnboundedTTLCache(ttl, timer),
    )
