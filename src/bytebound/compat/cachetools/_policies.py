"""RRCache, LFUCache and TLRUCache: what leaves next is decided here, over the native table."""

import heapq
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from bytebound._native.compat_cache import Cache
from bytebound._native.compat_ttl import Timer

_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")


def _empty(cache: Any) -> KeyError:
    return KeyError(f"{type(cache).__name__} is empty")


class RRCache(Cache[_K, _V]):
    """A `Cache` from which an entry leaves that a function picks.

    Parameters
    ----------
    maxsize, getsizeof
        As for `Cache`.
    choice : callable, default random.choice
        ``choice(keys)`` picks one of a list.

    Examples
    --------
    >>> from bytebound.compat.cachetools import RRCache
    >>> cache = RRCache(2, choice=max)
    >>> cache.update(a=1, b=2, c=3)
    >>> sorted(cache)
    ['a', 'c']
    """

    def __init__(
        self,
        maxsize: float,
        choice: Callable[[Sequence[_K]], _K] = random.choice,
        getsizeof: Callable[[_V], float] | None = None,
    ) -> None:
        super().__init__(maxsize, getsizeof)
        self.__choice = choice
        self.__keys: list[_K] = []
        self.__places: dict[_K, int] = {}

    @property
    def choice(self) -> Callable[[Sequence[_K]], _K]:
        """The function that picks."""
        return self.__choice

    def __setitem__(self, key: _K, value: _V, /) -> None:
        super().__setitem__(key, value)
        if key not in self.__places:
            self.__places[key] = len(self.__keys)
            self.__keys.append(key)

    def __delitem__(self, key: _K, /) -> None:
        super().__delitem__(key)
        place = self.__places.pop(key)
        last = self.__keys.pop()
        if place < len(self.__keys):
            self.__keys[place] = last
            self.__places[last] = place

    def popitem(self) -> tuple[_K, _V]:
        """Remove an entry that `choice` picks and return its ``(key, value)``."""
        if not self.__keys:
            raise _empty(self) from None
        key = self.__choice(self.__keys)
        value = Cache.__getitem__(self, key)
        del self[key]
        return key, value

    def clear(self) -> None:
        """Drop every entry."""
        super().clear()
        self.__keys.clear()
        self.__places.clear()


class _Uses(Generic[_K]):
    """How often a key was used. Found by identity, so that no key is compared on the way."""

    __slots__ = ("count", "key")

    def __init__(self, key: _K) -> None:
        self.key = key
        self.count = 1


class LFUCache(Cache[_K, _V]):
    """A `Cache` from which the entry leaves that was used least often, of those the oldest.

    Reading and writing are uses. Every operation is O(1), `popitem` amortised.

    Examples
    --------
    >>> from bytebound.compat.cachetools import LFUCache
    >>> cache = LFUCache(2)
    >>> cache.update(a=1, b=2)
    >>> cache["a"], cache.popitem()
    (1, ('b', 2))
    """

    def __init__(self, maxsize: float, getsizeof: Callable[[_V], float] | None = None) -> None:
        super().__init__(maxsize, getsizeof)
        self.__uses: dict[_K, _Uses[_K]] = {}
        self.__by_count: dict[int, OrderedDict[_Uses[_K], None]] = {}
        self.__least = 1  # at most the least count there is

    def __getitem__(self, key: _K, /) -> _V:
        value = super().__getitem__(key)
        uses = self.__uses.get(key)
        if uses is not None:  # __missing__ need not have put it
            self.__use(uses)
        return value

    def __setitem__(self, key: _K, value: _V, /) -> None:
        super().__setitem__(key, value)
        uses = self.__uses.get(key)
        if uses is not None:
            self.__use(uses)
        else:
            self.__uses[key] = uses = _Uses(key)
            self.__enter(uses)
            self.__least = 1

    def __delitem__(self, key: _K, /) -> None:
        super().__delitem__(key)
        self.__leave(self.__uses.pop(key))

    def popitem(self) -> tuple[_K, _V]:
        """Remove the least often used entry and return its ``(key, value)``."""
        if not self.__uses:
            raise _empty(self) from None
        while self.__least not in self.__by_count:
            self.__least += 1
        key = next(iter(self.__by_count[self.__least])).key
        value = Cache.__getitem__(self, key)
        del self[key]
        return key, value

    def clear(self) -> None:
        """Drop every entry."""
        super().clear()
        self.__uses.clear()
        self.__by_count.clear()

    def __use(self, uses: _Uses[_K]) -> None:
        self.__leave(uses)
        uses.count += 1
        self.__enter(uses)

    def __enter(self, uses: _Uses[_K]) -> None:
        self.__by_count.setdefault(uses.count, OrderedDict())[uses] = None

    def __leave(self, uses: _Uses[_K]) -> None:
        peers = self.__by_count[uses.count]
        del peers[uses]
        if not peers:
            del self.__by_count[uses.count]


class _Item(Generic[_K, _T]):
    """When an entry expires; heaps order it by that. Dicts find it by identity."""

    __slots__ = ("expires", "key", "left")

    def __init__(self, key: _K, expires: _T) -> None:
        self.key = key
        self.expires = expires
        self.left = False

    def __lt__(self, other: "_Item[_K, _T]") -> bool:
        return self.expires < other.expires  # type: ignore[operator,no-any-return]


class TLRUCache(Cache[_K, _V], Generic[_K, _V, _T]):
    """An `LRUCache` whose entries expire each at a time of its own.

    Parameters
    ----------
    maxsize, getsizeof
        As for `Cache`.
    ttu : callable
        ``ttu(key, value, time)`` is the time at which an entry written at `time` expires.
    timer : callable, default time.monotonic
        Tells the time.

    Notes
    -----
    Writing is O(log n).

    Examples
    --------
    >>> from bytebound.compat.cachetools import TLRUCache
    >>> now = 0
    >>> cache = TLRUCache(10, ttu=lambda key, value, time: time + value, timer=lambda: now)
    >>> cache.update(a=1, b=5)
    >>> now = 3
    >>> list(cache)
    ['b']
    """

    def __init__(
        self,
        maxsize: float,
        ttu: Callable[[_K, _V, _T], _T],
        timer: Callable[[], _T] = time.monotonic,  # type: ignore[assignment]
        getsizeof: Callable[[_V], float] | None = None,
    ) -> None:
        super().__init__(maxsize, getsizeof)
        self.__ttu = ttu
        self.__timer: Timer[_T] = Timer(timer)
        self.__items: dict[_K, _Item[_K, _T]] = {}
        # By use. Not of the keys: comparing them may change the cache, and an OrderedDict that is
        # changed while it compares crashes.
        self.__order: OrderedDict[_Item[_K, _T], None] = OrderedDict()
        self.__heap: list[_Item[_K, _T]] = []  # by expiry, with items that have left

    @property
    def ttu(self) -> Callable[[_K, _V, _T], _T]:
        """The function that tells when an entry expires."""
        return self.__ttu

    @property
    def timer(self) -> Timer[_T]:
        """The timer; as a context manager it stands still."""
        return self.__timer

    @property
    def currsize(self) -> float:
        """The sizes of what is in the cache and has not expired, added up."""
        with self.__timer as now:
            self.expire(now)
            return super().currsize

    def __is_alive(self, item: _Item[_K, _T]) -> bool:
        return self.__timer() < item.expires  # type: ignore[operator,no-any-return]

    def __contains__(self, key: Any, /) -> bool:
        item = self.__items.get(key)
        return item is not None and self.__is_alive(item)

    def __getitem__(self, key: _K, /) -> _V:
        item = self.__items.get(key)
        if item is None:
            return super().__getitem__(key)
        if item in self.__order:
            self.__order.move_to_end(item)
        if self.__is_alive(item):
            return super().__getitem__(key)
        return self.__missing__(key)

    def __setitem__(self, key: _K, value: _V, /) -> None:
        with self.__timer as now:
            self.expire(now)
            expires = self.__ttu(key, value, now)
            if not now < expires:  # type: ignore[operator]
                if key in self.__items:  # what it is to replace must not be found any more
                    self.__leave(key)
                return
            super().__setitem__(key, value)
        self.__forget(key)
        self.__items[key] = item = _Item(key, expires)
        self.__order[item] = None
        heapq.heappush(self.__heap, item)

    def __delitem__(self, key: _K, /) -> None:
        if key not in self.__items:
            raise KeyError(key)
        if not self.__is_alive(self.__leave(key)):
            raise KeyError(key)

    def __leave(self, key: _K) -> _Item[_K, _T]:
        super().__delitem__(key)
        item = self.__items[key]
        self.__forget(key)
        return item

    def __forget(self, key: _K) -> None:
        item = self.__items.pop(key, None)
        if item is not None:
            item.left = True
            self.__order.pop(item, None)

    def __len__(self) -> int:
        with self.__timer as now:
            self.expire(now)
            return super().__len__()

    def __iter__(self) -> Iterator[_K]:
        for item in list(self.__heap):
            if not item.left and self.__is_alive(item):
                yield item.key

    def __repr__(self) -> str:
        with self.__timer as now:
            self.expire(now)
            return super().__repr__()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under a key, or `default`."""
        with self.__timer:
            return super().get(key, default)

    def pop(self, key: Any, *default: Any, **named: Any) -> Any:
        """Take an entry out and return its value, or the default."""
        with self.__timer:
            return super().pop(key, *default, **named)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value under a key; put `default` there first if there is none."""
        with self.__timer:
            return super().setdefault(key, default)

    def expire(self, time: _T | None = None) -> list[tuple[_K, _V]]:
        """Remove what has expired and return it as ``(key, value)`` in the order of expiry."""
        now = self.__timer() if time is None else time
        if len(self.__heap) > 2 * len(self.__items):
            self.__heap = [item for item in self.__heap if not item.left]
            heapq.heapify(self.__heap)
        heap = self.__heap
        expired = []
        while heap and (heap[0].left or not now < heap[0].expires):  # type: ignore[operator]
            item = heapq.heappop(heap)
            if not item.left:
                expired.append((item.key, Cache.__getitem__(self, item.key)))
                self.__leave(item.key)
        return expired

    def popitem(self) -> tuple[_K, _V]:
        """Remove the least recently used entry that has not expired."""
        with self.__timer as now:
            self.expire(now)
            for item in self.__order:
                value = Cache.__getitem__(self, item.key)
                del self[item.key]
                return item.key, value
            raise _empty(self) from None

    def clear(self) -> None:
        """Drop every entry."""
        super().clear()
        self.__items.clear()
        self.__order.clear()
        self.__heap.clear()
