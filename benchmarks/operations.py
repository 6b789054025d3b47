"""The operations that are compared, as loops over prepared str keys and values.

Keys that are looked up are the very objects that were put, or that were not: their hashes are
known, as those of keys that a program keeps are. So nothing but the cache is timed. Every cache
is full: one entry more and the oldest leaves.
"""

from collections.abc import Callable
from itertools import accumulate, cycle
from random import Random
from typing import Any, NamedTuple

from benchmarks.contestants import Contestant, padded
from benchmarks.timing import Contest, Loop, compile_loop

ENTRIES = 50_000

# How many new keys a stream brings for each entry that the caches hold.
STREAM = 4

# The zipf stream: requests for each key that could be asked for, and the share of these keys
# for which the caches have room. The dict keeps them all.
ZIPF_REQUESTS = 4
ZIPF_SHARE = 0.5

READ = "for key in keys:\n    cache[key]"
GET = "for key in keys:\n    cache.get(key)"
WRITE = "for key, value in zip(keys, values):\n    cache[key] = value"
GET_OR_PUT = """\
for key, value in zip(keys, values):
    if cache.get(key) is None:
        cache[key] = value"""
CALL = "for key in keys:\n    cache(key)"


class Data(NamedTuple):
    """What goes in and out of the caches."""

    present: list[str]
    shuffled: list[str]  # the same in random order
    absent: list[str]
    later: list[str]
    values: list[str]
    others: list[str]  # to overwrite them with


def make_data(entries: int) -> Data:
    """Make keys and values, always the same ones."""
    keys = [padded("key", number) for number in range((1 + 2 * STREAM) * entries)]
    values = [padded("value", number) for number in range(STREAM * entries)]
    present, absent, later = (
        keys[:entries],
        keys[entries : -STREAM * entries],
        keys[-STREAM * entries :],
    )
    return Data(
        present,
        Random(1).sample(present, entries),
        absent,
        later,
        values,
        [padded("value", number) for number in range(len(values), len(values) + entries)],
    )


def filled(contestant: Contestant, data: Data) -> Any:
    """Make a cache that holds everything that is `present`, and has no room for more."""
    cache = contestant.make(len(data.present))
    fill = compile_loop("cache, keys, values", CALL if contestant.memoises else WRITE)
    fill(cache, data.present, data.values)
    return cache


def loop_for(contestant: Contestant, parameters: str, body: str) -> Loop:
    """Compile the loop of a contestant; a call is how a memoised function does anything."""
    return compile_loop(parameters, CALL if contestant.memoises else body)


def look_up(body: str, contestant: Contestant, data: Data, keys: list[str]) -> Contest:
    """Look keys up, always the same ones in the same order."""
    arguments = (filled(contestant, data), keys)
    return Contest(loop_for(contestant, "cache, keys", body), lambda: arguments, len(keys))


def hit(contestant: Contestant, data: Data) -> Contest:
    """``cache[key]``, all hits, in random order."""
    return look_up(READ, contestant, data, data.shuffled)


def hit_in_order(contestant: Contestant, data: Data) -> Contest:
    """``cache[key]``, all hits, in the order in which they were put."""
    return look_up(READ, contestant, data, data.present)


def get(contestant: Contestant, data: Data) -> Contest:
    """``cache.get(key)``, all hits, in random order."""
    return look_up(GET, contestant, data, data.shuffled)


def get_in_order(contestant: Contestant, data: Data) -> Contest:
    """``cache.get(key)``, all hits, in the order in which they were put."""
    return look_up(GET, contestant, data, data.present)


def miss(contestant: Contestant, data: Data) -> Contest:
    """``cache.get(key)``, all misses."""
    return look_up(GET, contestant, data, data.absent[: len(data.present)])


def replace(contestant: Contestant, data: Data, keys: list[str]) -> Contest:
    """Put another value under keys that are there."""
    cache = filled(contestant, data)
    values = cycle([data.others, data.values])
    loop = loop_for(contestant, "cache, keys, values", WRITE)
    return Contest(loop, lambda: (cache, keys, next(values)), len(keys))


def overwrite(contestant: Contestant, data: Data) -> Contest:
    """``cache[key] = value`` where every key is there, in random order."""
    return replace(contestant, data, data.shuffled)


def overwrite_in_order(contestant: Contestant, data: Data) -> Contest:
    """``cache[key] = value`` where every key is there, in the order in which they were put."""
    return replace(contestant, data, data.present)


def bring(contestant: Contestant, data: Data, first: list[str], second: list[str]) -> Contest:
    """Put keys that are not there, each of which evicts the oldest.

    The dict starts empty, and keeps as many.
    """
    cache = filled(contestant, data)
    keys = cycle([first, second])
    grows = isinstance(cache, dict)
    loop = loop_for(contestant, "cache, keys, values", WRITE)
    return Contest(loop, lambda: ({} if grows else cache, next(keys), data.values), len(first))


def insert(contestant: Contestant, data: Data) -> Contest:
    """``cache[key] = value`` where no key is there: many more than a cache holds."""
    return bring(contestant, data, data.absent, data.later)


def insert_once(contestant: Contestant, data: Data) -> Contest:
    """``cache[key] = value`` where no key is there: as many as a cache holds."""
    return bring(contestant, data, data.absent[: len(data.present)], data.present)


def zipf_requests(data: Data) -> list[int]:
    """Draw the numbers of the keys asked for: the k-th most wanted with a weight of 1/k."""
    entries = len(data.present)
    weights = list(accumulate(1 / rank for rank in range(1, entries + 1)))
    return Random(2).choices(
        Random(3).sample(range(entries), entries),
        cum_weights=weights,
        k=ZIPF_REQUESTS * entries,
    )


def zipf(contestant: Contestant, data: Data) -> Contest:
    """Get, and put what is missing, by a zipf stream of exponent 1; everybody starts empty."""
    requests = zipf_requests(data)
    keys = [data.present[number] for number in requests]
    values = [data.values[number] for number in requests]
    capacity = int(len(data.present) * ZIPF_SHARE)
    return Contest(
        loop_for(contestant, "cache, keys, values", GET_OR_PUT),
        lambda: (contestant.make(capacity), keys, values),
        len(keys),
    )


class Operation(NamedTuple):
    """An operation, and the most times a dict's time that it may take."""

    target: float
    enter: Callable[[Contestant, Data], Contest]
    memoised: bool  # whether a memoised function can do it


OPERATIONS = {
    "hit c[k]": Operation(1.2, hit, True),
    "hit c[k], in order": Operation(1.2, hit_in_order, True),
    "get": Operation(1.15, get, True),
    "get, in order": Operation(1.15, get_in_order, True),
    "miss": Operation(1.0, miss, False),
    "overwrite": Operation(1.4, overwrite, False),
    "overwrite, in order": Operation(1.4, overwrite_in_order, False),
    "insert+evict": Operation(0.8, insert, True),
    "insert+evict, once": Operation(0.8, insert_once, True),
    "zipf": Operation(1.15, zipf, True),
}


def contests(name: str, contestants: dict[str, Contestant], data: Data) -> dict[str, Contest]:
    """Enter every contestant that can do an operation."""
    operation = OPERATIONS[name]
    return {
        key: operation.enter(contestant, data)
        for key, contestant in contestants.items()
        if operation.memoised or not contestant.memoises
    }
