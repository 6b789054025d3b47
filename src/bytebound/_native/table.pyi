from collections.abc import Iterator
from typing import Any, Self, final

from typing_extensions import disjoint_base

@disjoint_base
class Table:
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    def __sizeof__(self) -> int: ...

@final
class TableIterator(Iterator[Any]):
    def __new__(cls, table: Table) -> Self: ...
    def __next__(self) -> Any: ...
