from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Never, ParamSpec, Self, SupportsIndex, TypeVar, final

import numpy.typing as npt

from bytebound._native.pool_base import PoolBase

_P = ParamSpec("_P")
_T = TypeVar("_T")

_C_API: object

def run_in_scope(
    pool: MemoryPool, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
) -> _T: ...
def call_in_scope(
    pool: MemoryPool, function: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _T: ...

@final
class ArrayMemory:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    def __reduce__(self) -> Never: ...

@final
class ArrayScope:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = ...,
        value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
        /,
    ) -> None: ...
    def bind(self, function: Callable[_P, _T]) -> Callable[_P, _T]: ...

@final
class MemoryPool(PoolBase):
    def empty(
        self, shape: SupportsIndex | Sequence[SupportsIndex], dtype: npt.DTypeLike | None = None
    ) -> npt.NDArray[Any]: ...
    def zeros(
        self, shape: SupportsIndex | Sequence[SupportsIndex], dtype: npt.DTypeLike | None = None
    ) -> npt.NDArray[Any]: ...
    def array(self, obj: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]: ...
    def numpy(self) -> ArrayScope: ...
