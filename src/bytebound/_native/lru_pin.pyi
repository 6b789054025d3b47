from types import TracebackType
from typing import Any, Generic, Literal, TypeVar, final

_V = TypeVar("_V")

@final
class LRUPin(Generic[_V]):
    @property
    def key(self) -> Any: ...
    def __enter__(self) -> _V: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...
