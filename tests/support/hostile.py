"""Keys, values and callbacks that misbehave, for tests to put into a cache."""

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bytebound import LRUCache

AnyCache = LRUCache[Any, Any]
Use = Callable[[AnyCache], object]
UseKey = Callable[[AnyCache, Any], object]

# The allocator of the free-threaded build keeps what was freed for 10 ms, and more of it the faster
# it comes: a process that is measured shall show what our structures hold.
ENVIRONMENT = {"MIMALLOC_PURGE_DELAY": "0"}

ISOLATED = Path(__file__).parents[1] / "isolated"


class Collider:
    """A key whose hash is the same as every other's; equal by name, compared in Python."""

    def __init__(self, name: object) -> None:
        self.name = name

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collider) and self.name == other.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Meddler(Collider):
    """A colliding key that does something whenever it is compared, while it is armed."""

    def __init__(self, name: object, action: Callable[[], object] | None = None) -> None:
        super().__init__(name)
        self.action = action
        self.comparisons = 0

    __hash__ = Collider.__hash__

    def __eq__(self, other: object) -> bool:
        self.comparisons += 1
        if self.action is not None:
            self.action()
        return super().__eq__(other)


class Shifter:
    """A key whose hash can be changed after it was put."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __hash__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shifter) and self.value == other.value


class HashError(Exception):
    """Raised by a key that refuses to be hashed."""


class CompareError(Exception):
    """Raised by a key that refuses to be compared."""


class Unhashable:
    """A key whose hash raises."""

    def __hash__(self) -> int:
        raise HashError


class Incomparable(Collider):
    """A colliding key that raises when it is compared."""

    __hash__ = Collider.__hash__

    def __eq__(self, other: object) -> bool:
        raise CompareError


class LastWords:
    """A value that runs something when it dies."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def __del__(self) -> None:
        self.action()


class Odd:
    """A value that `__sizeof__` says something of."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def __sizeof__(self) -> int:
        return self.answer()  # type: ignore[no-any-return]


class Left(NamedTuple):
    """One call of an eviction callback."""

    key: Any
    value: Any
    reason: str


class Departures(list[Left]):
    """An eviction callback that remembers its calls."""

    def __call__(self, key: object, value: object, reason: str) -> None:
        self.append(Left(key, value, reason))

    @property
    def keys(self) -> list[object]:
        return [left.key for left in self]

    @property
    def reasons(self) -> list[str]:
        return [left.reason for left in self]


def refill(cache: AnyCache) -> None:
    cache.clear()
    cache.put("refilled", 1)


# What a key, value, sizer or callback may do to a cache that is at work.
MEDDLING: dict[str, Use] = {
    "clear": lambda cache: cache.clear(),
    "resize": lambda cache: cache.resize(max_items=1),
    "resize to nothing": lambda cache: cache.resize(0),
    "trim": lambda cache: cache.trim(0),
    "popitem": lambda cache: len(cache) and cache.popitem(),
    "insert": lambda cache: cache.put(object(), 1, size=10),
    "grow": lambda cache: [cache.put(object(), 1, size=1) for _ in range(50)],
    "delete another": lambda cache: cache.pop("other", None),
    "overwrite all": lambda cache: [cache.put(key, object(), size=9) for key in [*cache][-2:]],
    "promote": lambda cache: [cache.get(key) for key in list(cache)[-2:]],
    "refill": refill,
    "collect": lambda cache: gc.collect(),
    "copy": lambda cache: cache.copy(),
}

# What makes the entry under "key", the oldest, leave a cache of seven entries of 2000 bytes.
DROPPING: dict[str, Use] = {
    "overwrite": lambda cache: cache.__setitem__("key", 1),
    "put": lambda cache: cache.put("key", 1),
    "put of what cannot fit": lambda cache: cache.put("key", 1, size=2**40),
    "del": lambda cache: cache.__delitem__("key"),
    "pop": lambda cache: cache.pop("key") and None,
    "popitem": lambda cache: cache.popitem() and None,
    "clear": lambda cache: cache.clear(),
    "trim": lambda cache: cache.trim(0),
    "resize": lambda cache: cache.resize(1000),
    "resize of items": lambda cache: cache.resize(max_items=1),
    "eviction": lambda cache: cache.put("large", 1, size=2**20 - 2000),
}


def check_in_order(cache: AnyCache) -> None:
    """Check that a cache is in order and still works."""
    cache._validate()
    assert cache.nbytes <= cache.max_bytes
    cache.resize("1MiB", None)
    cache["after"] = 1
    assert cache["after"] == 1
    assert len(list(cache)) == len(cache)
    cache.clear()
    assert (cache.nbytes, cache.overhead_nbytes) == (0, 0)


@contextlib.contextmanager
def unraisable() -> Iterator[list[type[BaseException]]]:
    """Collect the types of the exceptions that nobody can catch."""
    seen: list[type[BaseException]] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda report: seen.append(report.exc_type)
    try:
        yield seen
    finally:
        sys.unraisablehook = before


def run_apart(*command: str, seconds: float = 120) -> str:
    """Run an interpreter that finds what the tests may import; return its output."""
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", *command],
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run_isolated(script: str, *arguments: str, seconds: float = 120) -> str:
    """Run a script of the folder `isolated` in an interpreter of its own; return its output.

    A script that cannot run on this interpreter prints "skip:" and the reason.
    """
    output = run_apart(str(ISOLATED / script), *arguments, seconds=seconds)
    if output.startswith("skip:"):
        pytest.skip(output.removeprefix("skip:").strip())
    return output
