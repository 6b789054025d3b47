from collections.abc import Iterator
from typing import TypeVar, final

_T = TypeVar("_T")

@final
class LRUIterator(Iterator[_T]):
    def __next__(self) -> _T: ...
