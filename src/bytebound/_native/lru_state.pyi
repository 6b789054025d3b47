from collections.abc import Callable
from typing import Any, TypeVar

from typing_extensions import disjoint_base

from bytebound._native.mapping import BoundedMapping

_K = TypeVar("_K")
_V = TypeVar("_V")

@disjoint_base
class LRUState(BoundedMapping[_K, _V]):
    @property
    def sizer(self) -> Any: ...
    @property
    def on_evict(self) -> Any: ...
    @property
    def ttl(self) -> float | None: ...
    @property
    def idle_ttl(self) -> float | None: ...
    @property
    def ttl_jitter(self) -> float: ...
    @property
    def timer(self) -> Callable[[], float]: ...
    @property
    def max_items(self) -> int | None: ...
