from types import TracebackType
from typing import NoReturn, Self

from typing_extensions import disjoint_base

from bytebound._native.container import BoundedContainer

@disjoint_base
class MappedRing(BoundedContainer):
    @property
    def closed(self) -> bool: ...
    @property
    def overhead_nbytes(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __reduce__(self) -> NoReturn: ...
    def __sizeof__(self) -> int: ...
