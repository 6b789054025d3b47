"""``cached``: functions whose results a mapping of the caller's keeps."""

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

from bytebound.compat.cachetools._calls import Calls, CallsWithInfo
from bytebound.compat.cachetools.keys import hashkey


class _CachedFunction(Calls):
    """A function with a cache."""

    __wrapped__: Callable[..., Any]
    __qualname__: str

    def __init__(
        self, function: Callable[..., Any], cache: Any, key: Any, lock: Any, condition: Any
    ) -> None:
        # First, so that what the function has in its __dict__ does not take the place of ours.
        functools.update_wrapper(self, function)
        super().__init__(function)
        self.cache = cache
        self.cache_key = key
        self.cache_lock = condition if lock is None else lock
        self.cache_condition = condition

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<cached {self.__wrapped__!r}>"


class _CachedFunctionWithInfo(_CachedFunction, CallsWithInfo):
    """The same with ``cache_info()``."""


def cached(
    cache: Any, key: Any = hashkey, lock: Any = None, condition: Any = None, info: bool = False
) -> Any:
    """Keep what a function returns in a mapping.

    Parameters
    ----------
    cache : MutableMapping
        Where results are kept; also the attribute `cache` of the wrapper.
    key : callable, optional
        Makes a key of the arguments.
    lock : context manager, optional
        Held while the cache is used, not while the function runs.
    condition : Condition, optional
        Callers wait by it for another one that computes what they want.
    info : bool, default False
        Whether the wrapper counts, and has ``cache_info()``.

    Raises
    ------
    TypeError
        If `cache` is None.

    Examples
    --------
    >>> from bytebound.compat.cachetools import LRUCache, cached
    >>> @cached(LRUCache(100), info=True)
    ... def double(number):
    ...     return 2 * number
    >>> double(4), double(4), double.cache_info().hits
    (8, 8, 1)
    """
    if cache is None:
        raise TypeError("cache must not be None")
    kind = _CachedFunctionWithInfo if info else _CachedFunction

    def decorate(function: Callable[..., Any]) -> Any:
        return kind(function, cache, key, lock, condition)

    return decorate
