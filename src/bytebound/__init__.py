"""Bounded data structures that count every byte."""

from bytebound._native.array_ring import ArrayRing, ArrayRingStats
from bytebound._native.budget import Budget, Reservation
from bytebound._native.byte_ring import ByteRing
from bytebound._native.byte_ring_base import ByteRingStats
from bytebound._native.bytes_cache import BytesCache
from bytebound._native.container import Audit
from bytebound._native.errors import (
    BudgetExceededError,
    EntryTooLargeError,
    PinnedError,
    PoolExhaustedError,
    ShutDown,
)
from bytebound._native.lru import LRUCache
from bytebound._native.lru_pin import LRUPin
from bytebound._native.mapping import CacheStats
from bytebound._native.pool import ArrayScope, MemoryPool
from bytebound._native.pool_base import Block, ClassStats, PoolStats
from bytebound._native.queue import BoundedQueue
from bytebound._native.queue_base import QueueStats
from bytebound._native.report import BudgetReport
from bytebound._native.ring import RingBuffer
from bytebound._native.ring_base import RingStats
from bytebound._native.sizing import MemoryBlock, register_sizer, sizeof
from bytebound._native.tracker import SizeTracker

__version__ = "0.1.0"

__all__ = [
    "ArrayRing",
    "ArrayRingStats",
    "ArrayScope",
    "Audit",
    "Block",
    "BoundedQueue",
    "Budget",
    "BudgetExceededError",
    "BudgetReport",
    "ByteRing",
    "ByteRingStats",
    "BytesCache",
    "CacheStats",
    "ClassStats",
    "EntryTooLargeError",
    "Governor",
    "GovernorStats",
    "LRUCache",
    "LRUPin",
    "Limit",
    "MemoInfo",
    "MemoizedCall",
    "MemoryBlock",
    "MemoryPool",
    "PinnedError",
    "PoolExhaustedError",
    "PoolStats",
    "QueueStats",
    "Relief",
    "Reservation",
    "RingBuffer",
    "RingStats",
    "ShutDown",
    "SizeTracker",
    "get_include",
    "memoize",
    "memory_limit",
    "register_sizer",
    "sizeof",
]

# Loaded when first asked for: these want what a container does not, and what takes long to import.
TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from bytebound._memoize import memoize
    from bytebound._native.calls import MemoInfo, MemoizedCall
    from bytebound.pressure import Governor, GovernorStats, Relief
    from bytebound.system import Limit, memory_limit

_LATER = {
    "Governor": "bytebound.pressure",
    "GovernorStats": "bytebound.pressure",
    "Limit": "bytebound.system",
    "MemoInfo": "bytebound._native.calls",
    "MemoizedCall": "bytebound._native.calls",
    "Relief": "bytebound.pressure",
    "memoize": "bytebound._memoize",
    "memory_limit": "bytebound.system",
}


def get_include() -> str:
    """Return the folder of the C headers, for extensions that allocate from a `MemoryPool`."""
    return f"{__path__[0]}/include"


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
