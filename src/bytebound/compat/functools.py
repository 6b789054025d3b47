"""functools' caches, native and also bounded in bytes."""

import functools as _functools
import sys
from collections.abc import Callable
from functools import (
    WRAPPER_ASSIGNMENTS,
    WRAPPER_UPDATES,
    cached_property,
    cmp_to_key,
    partial,
    partialmethod,
    reduce,
    singledispatch,
    singledispatchmethod,
    total_ordering,
    update_wrapper,
    wraps,
)
from typing import Any, ParamSpec, TypeVar, overload

from bytebound._native.calls import LRUCachedCall

_P = ParamSpec("_P")
_R = TypeVar("_R")

__all__ = [
    "WRAPPER_ASSIGNMENTS",
    "WRAPPER_UPDATES",
    "cache",
    "cached_property",
    "cmp_to_key",
    "lru_cache",
    "partial",
    "partialmethod",
    "reduce",
    "singledispatch",
    "singledispatchmethod",
    "total_ordering",
    "update_wrapper",
    "wraps",
]

if sys.version_info >= (3, 14):
    from functools import Placeholder

    __all__ += ["Placeholder"]


@overload
def lru_cache(
    maxsize: int | None = ..., typed: bool = ..., *, max_bytes: int | str | None = ...
) -> Callable[[Callable[_P, _R]], LRUCachedCall[_P, _R]]: ...
@overload
def lru_cache(
    maxsize: Callable[_P, _R], typed: bool = ..., *, max_bytes: int | str | None = ...
) -> LRUCachedCall[_P, _R]: ...
def lru_cache(
    maxsize: Any = 128, typed: bool = False, *, max_bytes: int | str | None = None
) -> Any:
    """Keep the results of the calls that were made last.

    Parameters
    ----------
    maxsize : int or None, default 128
        How many results; None for no such bound.
    typed : bool, default False
        Whether equal arguments of different types are different calls.
    max_bytes : int or str, optional
        The most that keys, results and the cache itself may take, in bytes or as ``"16MiB"``; a
        result that is larger alone is returned and not kept.

    Examples
    --------
    >>> from bytebound.compat.functools import lru_cache
    >>> @lru_cache(maxsize=None, max_bytes="1MiB")
    ... def double(number):
    ...     return 2 * number
    >>> double(4), double(4), double.cache_info().hits
    (8, 8, 1)
    """
    if callable(maxsize) and isinstance(typed, bool):
        return LRUCachedCall(maxsize, 128, typed, max_bytes)
    if maxsize is not None:
        if not isinstance(maxsize, int):
            raise TypeError("Expected first argument to be an integer, a callable, or None")
        maxsize = max(maxsize, 0)
        if maxsize > sys.maxsize:
            raise OverflowError(f"maxsize must be at most {sys.maxsize}, not {maxsize}")

    def decorate(function: Any) -> Any:
        return LRUCachedCall(function, maxsize, typed, max_bytes)

    return decorate


def cache(user_function: Callable[_P, _R], /) -> LRUCachedCall[_P, _R]:
    """Keep the result of every call: ``lru_cache(maxsize=None)``."""
    return LRUCachedCall(user_function, None, False, None)


def __getattr__(name: str) -> Any:
    return getattr(_functools, name)
