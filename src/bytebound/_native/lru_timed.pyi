from types import EllipsisType
from typing import TypeVar

from bytebound._native.lru_state import LRUState

_K = TypeVar("_K")
_V = TypeVar("_V")

class LRUTimed(LRUState[_K, _V]):
    def expire(self) -> int: ...
    def expires_in(self, key: _K) -> float | None: ...
    def touch(
        self,
        key: _K,
        *,
        ttl: float | EllipsisType | None = ...,
        idle_ttl: float | EllipsisType | None = ...,
    ) -> bool: ...
