"""Bounded data structures that count every byte."""

from bytebound._native.array_ring import ArrayRing, ArrayRingStats
from bytebound._native.budget import Budget
from bytebound._native.byte_ring import ByteRing, ByteRingStats
from bytebound._native.container import Audit
from bytebound._native.errors import (
    BudgetExceededError,
    EntryTooLargeError,
    PoolExhaustedError,
    ShutDown,
)
from bytebound._native.lru import LRUCache
from bytebound._native.mapping import CacheStats
from bytebound._native.pool import ArrayScope, MemoryPool
from bytebound._native.pool_base import Block, ClassStats, PoolStats
from bytebound._native.queue import BoundedQueue
from bytebound._native.queue_base import QueueStats
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
    "ByteRing",
    "ByteRingStats",
    "CacheStats",
    "ClassStats",
    "EntryTooLargeError",
    "LRUCache",
    "MemoryBlock",
    "MemoryPool",
    "PoolExhaustedError",
    "PoolStats",
    "QueueStats",
    "RingBuffer",
    "RingStats",
    "ShutDown",
    "SizeTracker",
    "get_include",
    "register_sizer",
    "sizeof",
]


def get_include() -> str:
    """Return the folder of the C headers, for extensions that allocate from a `MemoryPool`."""
    return f"{__path__[0]}/include"
