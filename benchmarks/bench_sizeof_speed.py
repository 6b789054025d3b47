"""What measuring costs: beside other sizers, and in each put of a cache."""

from collections.abc import Callable
from itertools import count
from typing import Any

from benchmarks.report import Claim, Suite, Table
from benchmarks.sizers import OURS, Sizer, find_peers
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import LRUCache, sizeof

MESSAGES = 2_000
OBJECTS = 1_000_000
PEER_ROUNDS = 2  # a peer takes seconds for one graph
FASTER = 20
NANOSECONDS_AN_OBJECT = 40
PUT = 3.0

numbers = count(1_000_000)


class Instance:
    """An object with attributes."""

    def __init__(self) -> None:
        self.number = next(numbers)


def message() -> dict[str, Any]:
    """Make a nested message of which no part is shared."""
    number = next(numbers)
    return {
        "role": f"user {number}",
        "content": f"message {number}, with some text in it",
        "parts": [{"type": f"type {number}", "text": f"part {part} of {number}"} for part in "abc"],
        "meta": {"id": next(numbers), "tags": [f"tag {number}", f"{number}"], "score": number / 7},
    }


GRAPHS: dict[str, Callable[[], object]] = {
    f"{MESSAGES:,} messages": lambda: [message() for _ in range(MESSAGES)],
    f"list of {OBJECTS:,} floats": lambda: [next(numbers) / 7 for _ in range(OBJECTS)],
    f"dict of {OBJECTS:,} keys and values": lambda: {
        f"key {number}": number / 7 for number in range(OBJECTS // 2)
    },
    f"list of {OBJECTS:,} instances": lambda: [Instance() for _ in range(OBJECTS)],
}


def objects_in(graph: Any) -> int:
    """Count the distinct objects of lists and dicts, as `sizeof` meets them."""
    seen = {id(graph)}
    pending = [graph]
    while pending:
        part = pending.pop()
        inside = [*part, *part.values()] if isinstance(part, dict) else part
        for one in inside if isinstance(part, (dict, list)) else ():
            if id(one) not in seen:
                seen.add(id(one))
                pending.append(one)
    return len(seen)


def run(rounds: int) -> Suite:
    """Measure each graph by everybody, in one process."""
    peers, notes = find_peers()
    claims: list[Claim] = []
    rows = []
    for name, build in GRAPHS.items():
        graph = build()
        ours = time_sizer(sizeof, graph, rounds)
        times = {peer: time_sizer(sizer, graph, PEER_ROUNDS) for peer, sizer in peers.items()}
        if not rows:  # the messages
            parts = objects_in(graph)
            text = f"ns an object, {name} of {parts / MESSAGES:.0f} objects"
            claims.append(Claim(text, ours.median / parts, NANOSECONDS_AN_OBJECT, 1))
        claims += [
            Claim(f"{name}: times {peer}'s time", ours.median / timing.median, 1 / FASTER, 3)
            for peer, timing in times.items()
        ]
        rows.append([name, *(f"{timing.median / 1e6:,.2f}" for timing in (ours, *times.values()))])
    claims.append(Claim("put of a message measured, times put(size=)", put_ratio(rounds), PUT))
    return Suite(
        f"sizeof: speed, {rounds} rounds ({PEER_ROUNDS} for the others)",
        claims,
        [Table(["median ms", OURS, *peers], rows)],
        notes,
    )


def time_sizer(sizer: Sizer, graph: object, rounds: int) -> Timing:
    """Time a sizer on a graph."""
    loop = compile_loop("sizer, graph", "sizer(graph)")
    return time_contests({"": Contest(loop, lambda: (sizer, graph), 1)}, rounds)[""]


def put_ratio(rounds: int) -> float:
    """Put the same messages measured and with their size given, into caches that hold them all."""
    pairs = [(f"key {number}", message()) for number in range(MESSAGES)]
    sized = [(key, value, sizeof(key, value)) for key, value in pairs]
    deep = compile_loop("cache, pairs", "for key, value in pairs:\n    cache.put(key, value)")
    given = compile_loop(
        "cache, pairs", "for key, value, size in pairs:\n    cache.put(key, value, size=size)"
    )
    times = time_contests(
        {
            "deep": Contest(deep, lambda: (LRUCache("1GiB"), pairs), MESSAGES),
            "given": Contest(given, lambda: (LRUCache("1GiB"), sized), MESSAGES),
        },
        rounds * 10,
    )
    return times["deep"].median / times["given"].median
