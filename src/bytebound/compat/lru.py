"""lru-dict's interface over a native table: change the import, keep the code."""

from bytebound._native.compat_lru import LRU

__all__ = ["LRU"]
