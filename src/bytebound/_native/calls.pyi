from collections.abc import Callable
from types import GenericAlias
from typing import (
    Any,
    Concatenate,
    Generic,
    NamedTuple,
    ParamSpec,
    Self,
    TypeVar,
    final,
    overload,
)

from typing_extensions import disjoint_base

_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_R = TypeVar("_R")
_S = TypeVar("_S")
_R_co = TypeVar("_R_co", covariant=True)

class MemoInfo(NamedTuple):
    hits: int
    misses: int
    nbytes: int | None
    max_bytes: int | None
    items: int

@disjoint_base
class CachedCall(Generic[_P, _R_co]):
    __wrapped__: Callable[_P, _R_co]
    __name__: str
    __qualname__: str
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias: ...
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object) -> Self: ...

@disjoint_base
class LRUCachedCall(CachedCall[_P, _R_co]):
    def __init__(
        self,
        function: Callable[_P, _R_co],
        maxsize: int | None,
        typed: bool,
        max_bytes: int | str | None,
    ) -> None: ...
    def cache_clear(self) -> None: ...
    def cache_parameters(self) -> dict[str, Any]: ...
    def cache_info(self) -> Any: ...
    @property
    def nbytes(self) -> int | None: ...
    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(
        self: LRUCachedCall[Concatenate[_S, _Q], _R], instance: _S, owner: type | None = None, /
    ) -> LRUCachedCall[_Q, _R]: ...

@disjoint_base
class MemoizedCall(CachedCall[_P, _R_co]):
    cache: Any
    def __init__(
        self,
        function: Callable[_P, _R_co],
        cache: Any,
        private: bool,
        flights: Any,
        key: Callable[..., Any] | None,
        ignored: frozenset[str],
        masked: bytes | None,
        settings: dict[str, Any],
    ) -> None: ...
    def __set_name__(self, owner: type, name: str) -> None: ...
    def cache_clear(self) -> None: ...
    def cache_parameters(self) -> dict[str, Any]: ...
    def cache_info(self) -> MemoInfo: ...
    def cache_delete(self, /, *args: Any, **kwargs: Any) -> bool: ...
    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(
        self: MemoizedCall[Concatenate[_S, _Q], _R], instance: _S, owner: type | None = None, /
    ) -> MemoizedCall[_Q, _R]: ...

@final
class Token:
    def __call__(self, _reference: object) -> None: ...
