from collections.abc import Callable, Iterable
from typing import Any, TypeVar, final

_T = TypeVar("_T")

__all__ = ["MemoryBlock", "register_sizer", "shell_nbytes", "sizeof"]

@final
class MemoryBlock:
    def __new__(cls, address: int, nbytes: int) -> MemoryBlock: ...

def sizeof(
    obj: object,
    /,
    *more: object,
    deep: bool = True,
    rounded: bool = False,
    limit: int | str | None = None,
    stop: Iterable[object] = (),
) -> int: ...
def shell_nbytes(obj: object, /) -> int: ...
def register_sizer(
    cls: type[_T], fn: Callable[[_T], tuple[int, Iterable[Any]]] | None, /
) -> None: ...
