"""``bytebound replay``: what a cache of some size would have done with recorded requests."""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from bytebound import LRUCache
from bytebound.cli.errors import Status
from bytebound.cli.output import show
from bytebound.cli.table import format_table
from bytebound.cli.trace import read_trace


class ReplayResult(NamedTuple):
    """What came of replaying a trace."""

    requests: int
    misses: int
    miss_bytes: int
    payload_nbytes: int
    items: int


def replay(trace: Path, max_bytes: int) -> ReplayResult:
    """Replay a trace through an `LRUCache` that charges the sizes in the file alone.

    A request whose key is present is a hit; if its size is another than before, it is put
    anew. One larger than the bound is not kept, and evicts nothing.

    Parameters
    ----------
    trace : Path
        See `bytebound.cli.trace.read_trace`.
    max_bytes : int
        The bound, in bytes.

    Returns
    -------
    ReplayResult
        Counts of requests, and what the cache holds after the last.

    Raises
    ------
    bytebound.cli.errors.UsageError
        If the file cannot be read, or holds something else.
    """
    cache: LRUCache[str, int] = LRUCache(max_bytes, charge_overhead=False)
    get, put = cache.get, cache.put
    miss_bytes = 0
    # The value kept is the size it was charged with.
    for key, size in read_trace(trace):
        kept = get(key)
        if kept is None:
            miss_bytes += size
            put(key, size, size=size)
        elif kept != size:
            put(key, size, size=size)
    stats = cache.stats()
    return ReplayResult(
        stats.hits + stats.misses, stats.misses, miss_bytes, stats.payload_nbytes, stats.items
    )


def run(arguments: argparse.Namespace) -> Status:
    """Replay, print the result, and return the exit status."""
    result = replay(arguments.trace, arguments.max_bytes)._asdict()
    if arguments.json:
        return show(json.dumps(result))
    return show(format_table([(name, str(value)) for name, value in result.items()]))
