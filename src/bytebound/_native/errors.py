"""The exceptions of the package; each derives from the built-in that people already catch."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bytebound._native.report import BudgetReport


class EntryTooLargeError(ValueError):
    """An entry could not be kept even if everything else left.

    Nothing has changed: the older value under the key, if any, is still there.

    Attributes
    ----------
    nbytes : int or None
        Bytes the entry needs; for a deep measurement that stopped early, at least these.
    max_bytes : int or None
        The bound it does not fit.

    Examples
    --------
    >>> from bytebound import LRUCache
    >>> cache = LRUCache(1000)
    >>> cache.put("key", "value", size=2000)
    False
    >>> cache["key"] = bytes(2000)
    Traceback (most recent call last):
        ...
    bytebound.EntryTooLargeError: an entry of at least ... bytes and 112 bytes of \
structure cannot fit into max_bytes=1000
    """

    def __init__(
        self, message: str = "", nbytes: int | None = None, max_bytes: int | None = None
    ) -> None:
        super().__init__(message)
        self.nbytes = nbytes
        self.max_bytes = max_bytes

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.nbytes, self.max_bytes)


class _NoRoomError(MemoryError):
    """What errors about a bound without room for more have in common."""

    def __init__(
        self,
        message: str = "",
        requested: int | None = None,
        available: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        super().__init__(message)
        self.requested = requested
        self.available = available
        self.max_bytes = max_bytes

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.requested, self.available, self.max_bytes)


class BudgetExceededError(_NoRoomError):
    """A budget above has no room, and what could be evicted would not make enough.

    Nothing has changed, at any level.

    Attributes
    ----------
    requested : int or None
        Bytes by which the total of the level that refused would have risen.
    available : int or None
        Bytes that were free there.
    max_bytes : int or None
        The bound of that level.
    levels : tuple of BudgetReport or None
        What each level held that the charge goes through, the nearest first.

    Examples
    --------
    >>> from bytebound import Budget, LRUCache
    >>> budget = Budget("1kB", name="all")
    >>> cache = LRUCache("1MiB", budget=budget)
    >>> cache["key"] = bytes(2000)
    Traceback (most recent call last):
        ...
    bytebound.BudgetExceededError: budget 'all' has no room for ... more bytes: 0 of \
max_bytes=1000 are in use (Budget 'all' 0 of 1,000: LRUCache 0)
    """

    def __init__(
        self,
        message: str = "",
        requested: int | None = None,
        available: int | None = None,
        max_bytes: int | None = None,
        levels: "tuple[BudgetReport, ...] | None" = None,
    ) -> None:
        super().__init__(message, requested, available, max_bytes)
        self.levels = levels

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.requested, self.available, self.max_bytes, self.levels)


class PoolExhaustedError(_NoRoomError):
    """A pool's own bound has no room for a block.

    No block has changed. Idle memory has been counted as available already.

    Attributes
    ----------
    requested : int or None
        Bytes asked for.
    available : int or None
        Bytes not charged, or charged for pages that are idle. A block and what describes it
        take whole pages, so it may need more than was asked for.
    max_bytes : int or None
        The bound of the pool.

    Examples
    --------
    >>> from bytebound import MemoryPool
    >>> pool = MemoryPool("64KiB", name="frames")
    >>> pool.alloc("1MiB")
    Traceback (most recent call last):
        ...
    bytebound.PoolExhaustedError: pool 'frames' has no room for a block of 1048576 bytes: \
65536 of max_bytes=65536 are available
    """


if sys.version_info >= (3, 13):
    from queue import ShutDown as ShutDown
else:

    class ShutDown(Exception):
        """Raised by a queue that was shut down; the class of `queue` itself from Python 3.13 on."""

    ShutDown.__module__ = "bytebound"


class PinnedError(RuntimeError):
    """What is pinned would have to leave.

    Nothing has changed, but that in a `BytesCache` the entries that are not viewed may have left.

    Examples
    --------
    >>> from bytebound import LRUCache
    >>> cache = LRUCache("1MiB")
    >>> cache["key"] = "value"
    >>> with cache.pin("key"):
    ...     del cache["key"]
    Traceback (most recent call last):
        ...
    bytebound.PinnedError: the entry of 'key' is pinned: it cannot be deleted
    """


for _error in (EntryTooLargeError, BudgetExceededError, PoolExhaustedError, PinnedError):
    _error.__module__ = "bytebound"
