"""cachetools' interface over native tables: change the import, keep the code."""

from bytebound._native.compat_cache import Cache, FIFOCache, LRUCache
from bytebound._native.compat_ttl import TTLCache
from bytebound.compat.cachetools._calls import CacheInfo
from bytebound.compat.cachetools._functions import cached
from bytebound.compat.cachetools._methods import cachedmethod
from bytebound.compat.cachetools._policies import LFUCache, RRCache, TLRUCache

__all__ = (
    "Cache",
    "CacheInfo",
    "FIFOCache",
    "LFUCache",
    "LRUCache",
    "RRCache",
    "TLRUCache",
    "TTLCache",
    "cached",
    "cachedmethod",
)

for _class in (LFUCache, RRCache, TLRUCache, CacheInfo):
    _class.__module__ = __name__
del _class
