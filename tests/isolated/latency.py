"""Prints how many nanoseconds the longest of a million inserts took.

Argument: "dict" or "cache". Time is that of the thread, in the interpreter and in the kernel, so
what other processes do to this one does not count; an insert has nothing to wait for.
"""

import gc
import sys
from collections.abc import Callable
from time import thread_time_ns
from typing import Any

from bytebound import LRUCache

KEYS = list(map(str, range(1_000_000)))


def longest(insert: Callable[[str, None], object]) -> int:
    """Insert every key; return the nanoseconds of the insert that took longest."""
    worst = 0
    for key in KEYS:
        start = thread_time_ns()
        insert(key, None)
        taken = thread_time_ns() - start
        if taken > worst:
            worst = taken
    return worst


def main(kind: str) -> None:
    gc.disable()
    target: Any = {} if kind == "dict" else LRUCache("1GiB")
    print(longest(target.__setitem__ if kind == "dict" else target.put))
    assert len(target) == len(KEYS)


main(sys.argv[1])
