# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""The part of a mapping that need not be native: views, comparison, merging, records."""

from collections import namedtuple
from collections.abc import ItemsView, KeysView, Mapping, MutableMapping, ValuesView
from types import GenericAlias, MappingProxyType


def _mapping_of(view):
    """The cache, read-only."""
    return MappingProxyType(view._mapping)


class CacheKeysView(KeysView):
    """The keys of a cache, from least to most recently used; never promotes."""

    __slots__ = ()
    mapping = property(_mapping_of)

    def __iter__(self):
        return self._mapping._walk(WALK_KEYS, False)

    def __reversed__(self):
        return self._mapping._walk(WALK_KEYS, True)

    def __repr__(self):
        return f"{type(self).__name__}({list(self)!r})"


class CacheValuesView(ValuesView):
    """The values of a cache, from least to most recently used; never promotes."""

    __slots__ = ()
    mapping = property(_mapping_of)

    def __iter__(self):
        return self._mapping._walk(WALK_VALUES, False)

    def __reversed__(self):
        return self._mapping._walk(WALK_VALUES, True)

    def __contains__(self, value):
        return any(other is value or other == value for other in self)

    def __repr__(self):
        return f"{type(self).__name__}({list(self)!r})"


class CacheItemsView(ItemsView):
    """The pairs of a cache, from least to most recently used; never promotes."""

    __slots__ = ()
    mapping = property(_mapping_of)

    def __iter__(self):
        return self._mapping._walk(WALK_ITEMS, False)

    def __reversed__(self):
        return self._mapping._walk(WALK_ITEMS, True)

    def __contains__(self, pair):
        if not isinstance(pair, tuple) or len(pair) != 2:
            return False
        missing = object()
        value = self._mapping.peek(pair[0], missing)
        return value is not missing and (value is pair[1] or value == pair[1])

    def __repr__(self):
        return f"{type(self).__name__}({list(self)!r})"


class CacheStats(namedtuple("CacheStats", (
    "hits", "misses", "inserts", "replacements", "evictions", "items", "max_items",
    "nbytes", "payload_nbytes", "overhead_nbytes", "peak_nbytes", "max_bytes",
    "pinned_items", "pinned_nbytes",
))):
    """What a cache has done and what it holds; sizes in bytes.

    Attributes
    ----------
    hits, misses : int
        Lookups by ``cache[key]``, `get`, `pop` and `setdefault`, each counted once.
    inserts, replacements : int
        Entries that entered under a new key, and values put in the place of another.
    evictions : dict of str to int
        Entries that left, by reason.
    items, max_items : int, int or None
        Entries now that have not expired, and the bound on all.
    nbytes, payload_nbytes, overhead_nbytes, peak_nbytes, max_bytes : int
        As the attributes of the cache.
    pinned_items, pinned_nbytes : int
        Entries that are pinned, and what would be released of `payload_nbytes` if they left.
    """

    __slots__ = ()

    @property
    def hit_ratio(self):
        """float: Hits among lookups, 0.0 before the first."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0


def _contents(mapping):
    """A dict of what a mapping held at one instant, whatever other threads do meanwhile."""
    if isinstance(mapping, BoundedMapping):
        return dict(mapping._pairs())
    return dict(mapping.items())


cdef class BoundedMapping(EvictingContainer):
    """What the mappings of this package share, on top of their native methods."""

    __hash__ = None

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    @classmethod
    def fromkeys(cls, iterable, value=None, /, *args, **settings):
        """fromkeys(iterable, value=None, /, *args, **settings)

        A cache made by ``cls(*args, **settings)`` that holds `value` under every key; the bound is
        among the settings.

        Examples
        --------
        >>> from bytebound import LRUCache
        >>> LRUCache.fromkeys("ab", 0, max_bytes="1kB") == {"a": 0, "b": 0}
        True
        """
        try:
            cache = cls(*args, **settings)
        except TypeError as error:
            if args or settings:
                raise
            raise TypeError(
                f"{cls.__name__}.fromkeys() needs what {cls.__name__}() needs, such as "
                f"max_bytes=: {error}"
            ) from None
        for key in iterable:
            cache[key] = value
        return cache

    def keys(self):
        """A view of the keys, from least to most recently used."""
        return CacheKeysView(self)

    def values(self):
        """A view of the values, from least to most recently used."""
        return CacheValuesView(self)

    def items(self):
        """A view of the pairs, from least to most recently used."""
        return CacheItemsView(self)

    def update(self, other=(), /, **pairs):
        """update([other], **pairs)

        Put each pair of a mapping or of an iterable of pairs, then the keyword ones.

        Raises what ``cache[key] = value`` raises, and keeps what was put before.
        """
        if isinstance(other, BoundedMapping):
            other = other._pairs()  # under one budget, putting here may evict there
        if isinstance(other, Mapping) or hasattr(other, "keys"):
            for key in other.keys():
                self[key] = other[key]
        else:
            for key, value in other:
                self[key] = value
        for key, value in pairs.items():
            self[key] = value

    def __eq__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return self is other or _contents(self) == _contents(other)

    def __or__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = self._like()
        merged.update(other)
        merged.update(self)
        return merged

    def __ior__(self, other):
        self.update(other)
        return self


MutableMapping.register(BoundedMapping)
for record in (CacheKeysView, CacheValuesView, CacheItemsView, CacheStats):
    record.__module__ = "bytebound"
del record
