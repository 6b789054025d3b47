"""``memoize``: functions that remember what they returned, within a bound of bytes."""

import sys
from collections.abc import Callable, Collection, Hashable, MutableMapping
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from bytebound._flights import AsyncFlights, Flights
from bytebound._native.calls import MemoizedCall
from bytebound._native.lru import LRUCache

if TYPE_CHECKING:
    from inspect import Parameter

_P = ParamSpec("_P")
_R = TypeVar("_R")

_DEFAULT_BOUND = "16MiB"

# What is asked of a cache.
_WANTED = ("__getitem__", "__iter__", "__len__", "__setitem__", "clear", "get", "pop")


@overload
def memoize(max_bytes: Callable[_P, _R], /) -> MemoizedCall[_P, _R]: ...
@overload
def memoize(
    max_bytes: int | str = ...,
    *,
    max_items: int | None = None,
    ttl: float | None = None,
    key: Callable[..., Hashable] | None = None,
    typed: bool = False,
    sizer: Literal["deep", "shallow", "shared"] | Callable[[Any, Any], int] = "deep",
    cache: MutableMapping[Any, Any] | None = None,
    ignore: Collection[str] = (),
) -> Callable[[Callable[_P, _R]], MemoizedCall[_P, _R]]: ...
def memoize(
    max_bytes: Any = _DEFAULT_BOUND,
    *,
    max_items: int | None = None,
    ttl: float | None = None,
    key: Callable[..., Hashable] | None = None,
    typed: bool = False,
    sizer: Any = "deep",
    cache: Any = None,
    ignore: Collection[str] = (),
) -> Any:
    """Remember what a function returned, and forget what was used longest ago.

    For functions, methods, class and static methods, and coroutine functions. Callers that want
    the same missing result at the same time, threads or tasks of whatever event loops, wait for
    one computation; one that is reached from within itself, or that waits in a circle, computes.

    Parameters
    ----------
    max_bytes : int or str, default "16MiB"
        The most that keys, results and the cache's own tables may take, in bytes or as text.
    max_items : int, optional
        A bound on results besides.
    ttl : float, optional
        How long a result is kept, in seconds.
    key : callable, optional
        ``key(*args, **kwargs)`` makes the key of a call. For a method it stands beside the
        instance: two instances never share a result.
    typed : bool, default False
        Whether equal arguments of different types are different calls.
    sizer : {"deep", "shallow", "shared"} or callable, default "deep"
        What measures keys and results; see `LRUCache`.
    cache : MutableMapping, optional
        Where results are kept, in the place of an `LRUCache` of the function's own; several
        functions may have one. Bounds, ttl and sizer are then the cache's.
    ignore : collection of str, optional
        Parameters that do not make calls different.

    Returns
    -------
    MemoizedCall
        Like the function, with ``cache_info()``, ``cache_clear()``, ``cache_delete(*args)``,
        ``cache_parameters()``, ``cache`` and ``__wrapped__``.

    Raises
    ------
    TypeError
        For a generator function; for what can be no bound or sizer; by a call, if an argument
        cannot be hashed and there is no `key`.
    ValueError
        If `ignore` names no parameter.

    Notes
    -----
    ``f(1)`` and ``f(x=1)`` are different calls, and so are those by name in different order. A
    result that is too large, or for which a budget has no room, is returned and not kept. An
    exception is not kept; everybody who waited gets it, one object for all of them, whose traceback
    grows as each raises it. A leader that was cancelled or interrupted hands over to one that
    waits. What is computed while the cache is cleared is not kept.
    A forked child computes what other threads of its parent were computing.

    What a computation waits for is known where it calls memoized functions itself, or by tasks that
    it creates. If it starts a thread that wants the result being computed, and joins that thread,
    both wait for ever, as with any lock.

    Of a method, instances are told apart by identity and not kept alive; what is kept of dead
    ones leaves by and by. An instance that cannot be referred to weakly is part of the key like
    an argument. ``instance.method.cache_delete`` wants the instance as its first argument.
    That is so where `memoize` itself makes the attribute of the class. Inside another decorator,
    such as ``property(memoize(f))`` or one that wraps it in a function, it cannot tell a method
    from a function: the instance is then an argument, which has to be hashable, and is kept alive
    while its result is. Make `memoize` the outermost, or use `functools.cached_property`.

    Of a memoized coroutine function `inspect.iscoroutinefunction` says so from Python 3.12 on, and
    before that only `asyncio.iscoroutinefunction`.

    Safe to use from several threads, with and without the GIL. Waiting for a thread stops an
    event loop like any other call that takes long; coroutine functions wait without.

    Examples
    --------
    >>> from bytebound import memoize
    >>> @memoize("1MiB", ignore=["log"])
    ... def double(number, log=print):
    ...     log("computing")
    ...     return 2 * number
    >>> double(4), double(4, log=None)
    computing
    (8, 8)
    >>> double.cache_info().hits, double.cache_delete(4)
    (1, True)
    """
    if callable(max_bytes) or isinstance(max_bytes, classmethod):
        return memoize()(max_bytes)
    own = cache is None
    if not own and (max_bytes, max_items, ttl, sizer) != (_DEFAULT_BOUND, None, None, "deep"):
        raise TypeError("memoize(cache=...) has the bounds, the ttl and the sizer of that cache")
    if key is not None and not callable(key):
        raise TypeError(f"key must be callable or None, not {type(key).__name__}")
    if not own and not all(hasattr(cache, name) for name in _WANTED):
        raise TypeError(
            f"cache must be a mutable mapping or None, not {type(cache).__name__}: {cache!r}"
        )
    if isinstance(ignore, str):
        raise TypeError(f"ignore must be a collection of names, not a str: {ignore!r}")
    settings = {
        "max_bytes": max_bytes, "max_items": max_items, "ttl": ttl, "key": key, "typed": typed,
        "sizer": sizer, "cache": cache, "ignore": tuple(ignore),
    }  # fmt: skip

    def decorate(function: Any) -> Any:
        if isinstance(function, staticmethod | classmethod):
            return type(function)(decorate(function.__func__))
        kept = cache
        if own:
            expiry: dict[str, Any] = {} if ttl is None else {"ttl": ttl}
            kept = LRUCache(max_bytes, max_items=max_items, sizer=sizer, **expiry)
        flights = _flights_of(function)(function, kept)
        masked = _masked(function, ignore) if ignore else None
        call: MemoizedCall[Any, Any] = MemoizedCall(
            function, kept, own, flights, key, frozenset(ignore), masked, settings
        )
        if isinstance(flights, AsyncFlights):
            _mark_as_coroutine_function(call)
        return call

    return decorate


def _mark_as_coroutine_function(call: Any) -> None:
    """Have ``inspect`` or, before Python 3.12, ``asyncio`` say that it is one."""
    if sys.version_info >= (3, 12):
        import inspect

        inspect.markcoroutinefunction(call)
    else:
        from asyncio import coroutines

        call._is_coroutine = coroutines._is_coroutine  # type: ignore[attr-defined]


def _flights_of(function: Any) -> type[Flights]:
    """Return what answers calls of a function, or refuse one that has no result to keep."""
    import inspect

    if not callable(function):
        raise TypeError(f"memoize wants a function, not {type(function).__name__}: {function!r}")
    name = getattr(function, "__qualname__", repr(function))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{name}() is a generator function: what it returns can be iterated over only once, "
            "so that it cannot be kept for the next call; return a list or a tuple"
        )
    return AsyncFlights if inspect.iscoroutinefunction(function) else Flights


def _masked(function: Any, ignore: Collection[str]) -> bytes:
    """Return which positions are ignored, a byte each."""
    import inspect

    parameters: list[Parameter] = list(inspect.signature(function).parameters.values())
    by_name = {p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    for name in ignore:
        if name not in by_name and any(name == parameter.name for parameter in parameters):
            raise ValueError(
                f"ignore names {name!r}, which takes several arguments of "
                f"{function.__qualname__}(): only a parameter of one can be ignored"
            )
        if name not in by_name:
            raise ValueError(
                f"ignore names {name!r}, and {function.__qualname__}() has no such parameter"
            )
    positional = (p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    return bytes(parameter.name in ignore for parameter in positional)
