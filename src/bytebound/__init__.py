"""Bounded data structures that count every byte."""

from bytebound._native.array_ring import ArrayRing, ArrayRingStats
from bytebound._native.budget import Budget
from bytebound._native.byte_ring import ByteRing, ByteRingStats
from bytebound._native.container import Audit
from bytebound._native.errors import BudgetExceededError, EntryTooLargeError
from bytebound._native.lru import LRUCache
from bytebound._native.mapping import CacheStats
from bytebound._native.ring import RingBuffer
from bytebound._native.ring_base import RingStats
from bytebound._native.sizing import MemoryBlock, register_sizer, sizeof
from bytebound._native.tracker import SizeTracker

__version__ = "0.1.0"

__all__ = [
    "ArrayRing",
    "ArrayRingStats",
    "Audit",
    "Budget",
    "BudgetExceededError",
    "ByteRing",
    "ByteRingStats",
    "CacheStats",
    "EntryTooLargeError",
    "LRUCache",
    "MemoryBlock",
    "RingBuffer",
    "RingStats",
    "SizeTracker",
    "register_sizer",
    "sizeof",
]
