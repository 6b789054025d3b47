from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import GenericAlias
from typing import Any, Generic, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

from bytebound._native.compat_cache import Cache, Wrapper

_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")
_Time = TypeVar("_Time")

@final
class Link(Wrapper): ...

@disjoint_base
class Timer(AbstractContextManager[_T], Generic[_T]):
    def __new__(cls, timer: Callable[[], _T]) -> Self: ...
    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> _T: ...
    def __enter__(self) -> _T: ...
    def __exit__(self, *error: object) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

@disjoint_base
class TTLCache(Cache[_K, _V], Generic[_K, _V, _Time]):
    @overload
    def __init__(
        self: TTLCache[_K, _V, float],
        maxsize: float,
        ttl: float,
        *,
        getsizeof: Callable[[_V], float] | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        maxsize: float,
        ttl: Any,
        timer: Callable[[], _Time],
        getsizeof: Callable[[_V], float] | None = None,
    ) -> None: ...
    @property
    def timer(self) -> Timer[_Time]: ...
    @property
    def ttl(self) -> Any: ...
    def expire(self, time: _Time | None = None) -> list[tuple[_K, _V]]: ...

@final
class TTLIterator(Iterator[Any]):
    def __new__(cls, cache: TTLCache[Any, Any, Any]) -> Self: ...
    def __next__(self) -> Any: ...
