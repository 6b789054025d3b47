"""The caches that are compared: each is made for a number of entries."""

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

from bytebound import LRUCache

BASELINE = "dict"
OURS = "bytebound"

Make = Callable[[int], Any]


class Contestant(NamedTuple):
    """A kind of cache, and whether it is a function that remembers rather than a mapping."""

    make: Make
    memoises: bool = False


def padded(kind: str, number: int) -> str:
    """Return a str whose length, and so whose size, is that of every other of its kind."""
    return f"{kind} number {number:08}"


@cache
def bytes_for(count: int) -> int:
    """Return the bound at which a cache holds `count` of the entries used here."""
    probe: LRUCache[str, str] = LRUCache("1GiB")
    for number in range(count):
        probe[padded("key", number)] = padded("value", number)
    return probe.nbytes


def make_bytebound(count: int) -> LRUCache[str, str]:
    """Make a cache bounded in bytes: deep sizes, own overhead charged."""
    return LRUCache(bytes_for(count))


def make_dict(_count: int) -> dict[str, str]:
    """Make a dict, which has no bound."""
    return {}


MAIN = {BASELINE: Contestant(make_dict), OURS: Contestant(make_bytebound)}


def make_functools(count: int) -> Any:
    """Memoise a function written in C, so that what it costs counts least."""
    return lru_cache(maxsize=count)(str)


PEERS = {
    "cachebox": ("cachebox", "LRUCache"),
    "lru-dict": ("lru", "LRU"),
    "cachetools": ("cachetools", "LRUCache"),
}


def find_peers() -> tuple[dict[str, Contestant], list[str]]:
    """Return the peers by name, and a line on each: its version, or why it is absent.

    They are bounded by a number of entries and measure nothing.
    """
    peers = {}
    notes = []
    for name, (module, attribute) in PEERS.items():
        try:
            peers[name] = Contestant(getattr(import_module(module), attribute))
        except ImportError as error:
            notes.append(f"SKIPPED: {name}: {error}")
        else:
            notes.append(f"{name} {version(name)}")
    peers["functools"] = Contestant(make_functools, memoises=True)
    return peers, notes
