"""`sizeof` against a slow walk in Python, over random graphs with sharing and cycles."""

import collections
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sizing_corpus import FREE_THREADED

from bytebound._native.sizing import sizeof


class Plain:
    def __init__(self) -> None:
        self.one: Any = None
        self.two: Any = None


class Slotted:
    __slots__ = ("one", "two")
    two: Any

    def __init__(self) -> None:
        self.one: Any = None


INTERNED = sys.intern("a key that the interpreter keeps")
SETTLED = [Plain() for _ in range(40)]
OWN = {
    Plain: sizeof(SETTLED[-1], deep=False),
    Slotted: sizeof(Slotted(), deep=False),
}


def own_nbytes(thing: Any) -> int:
    """Return the own bytes of one object, by the interpreter's own account and what it forgets."""
    if thing is None or thing is INTERNED or (type(thing) is tuple and not thing):
        return 0
    if type(thing) in OWN:
        return OWN[type(thing)]
    nbytes = sys.getsizeof(thing)
    if type(thing) is list and len(thing) > 0 and FREE_THREADED:
        nbytes += 8
    return -(-nbytes // 8) * 8 if type(thing) is int else nbytes


def referents(thing: Any) -> Iterable[Any]:
    """Return what an object refers to, by asking it in Python."""
    if isinstance(thing, list | tuple | set | frozenset | collections.deque):
        return list(thing)
    if isinstance(thing, dict):
        return [part for item in thing.items() for part in item]
    if isinstance(thing, Plain | Slotted):
        names = [name for name in ("one", "two") if hasattr(thing, name)]
        return [getattr(thing, name) for name in names]
    if isinstance(thing, np.ndarray):
        return [] if thing.base is None else [thing.base]
    return []


def model(*roots: Any) -> int:
    """Add up the own bytes of everything that can be reached, each object once."""
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen:
            seen[id(thing)] = thing
            waiting.extend(referents(thing))
    return sum(map(own_nbytes, seen.values()))


MAKERS = ["list", "tuple", "dict", "set", "frozenset", "deque", "plain", "slotted", "array"]
LEAVES: list[Any] = ["text", "int", "float", "bytes", "none"]
PICKS = st.integers(0, 10**6)


def make_leaf(kind: str, number: int) -> Any:
    match kind:
        case "text":
            return f"{number:09d} text"
        case "int":
            return 1000 + number
        case "float":
            return number / 7
        case "bytes":
            return b"%9d" % number
    return None


def hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:
        return False
    return True


def make(kind: str, parts: list[Any]) -> Any:
    """Make a container of what was made before."""
    keys = [part for part in parts if hashable(part)]
    match kind:
        case "list":
            return parts
        case "tuple":
            return tuple(parts)
        case "dict":
            return dict(zip(keys, parts, strict=False))
        case "set":
            return set(keys)
        case "frozenset":
            return frozenset(keys)
        case "deque":
            return collections.deque(parts)
        case "array":
            return np.arange(len(parts) + 1.0)
    made: Any = Plain() if kind == "plain" else Slotted()
    if parts:
        made.one = parts[0]
    if len(parts) > 1:
        made.two = parts[1]
    return made


def tie(thing: Any, target: Any) -> None:
    """Make a container refer to any other: that is how cycles come about."""
    if isinstance(thing, list | collections.deque):
        thing.append(target)
    elif isinstance(thing, dict):
        thing[INTERNED] = target
    elif isinstance(thing, Plain | Slotted):
        thing.two = target


Node = tuple[str, list[int]]


@st.composite
def recipes(draw: st.DrawFn) -> tuple[list[str], list[Node], list[tuple[int, int]]]:
    """How to make a graph: leaves, containers of what comes before, references to anything."""
    leaves = draw(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=8))
    nodes = draw(
        st.lists(
            st.tuples(st.sampled_from(MAKERS), st.lists(PICKS, max_size=90)),
            min_size=1,
            max_size=20,
        )
    )
    ties = draw(st.lists(st.tuples(PICKS, PICKS), max_size=10))
    return leaves, nodes, ties


def build(recipe: tuple[list[str], list[Node], list[tuple[int, int]]]) -> list[Any]:
    """Return the last two things made; what they do not reach is gone, and nobody else holds it."""
    leaves, nodes, ties = recipe
    made = [make_leaf(kind, number) for number, kind in enumerate(leaves)]
    for kind, picks in nodes:
        made.append(make(kind, [made[pick % len(made)] for pick in picks]))
    for source, target in ties:
        tie(made[source % len(made)], made[target % len(made)])
    return made[-2:]


@settings(max_examples=400, deadline=None)
@given(recipes())
def test_random_graphs(recipe: tuple[list[str], list[Node], list[tuple[int, int]]]) -> None:
    graph = build(recipe)
    told, both, one = sizeof(graph), sizeof(*graph), sizeof(graph[-1])
    assert told == model(graph)
    assert both == model(*graph)
    assert one == model(graph[-1])
    assert sizeof(*graph, graph) == told, "several arguments are one graph"


@settings(max_examples=100, deadline=None)
@given(recipes(), PICKS)
def test_limits_on_random_graphs(
    recipe: tuple[list[str], list[Node], list[tuple[int, int]]], pick: int
) -> None:
    graph = build(recipe)
    size = model(graph)
    limit = pick % (size + 2)
    told = sizeof(graph, limit=limit)
    assert told == size if limit >= size else limit < told <= size


@settings(max_examples=100, deadline=None)
@given(recipes())
def test_stopping_at_any_part(recipe: tuple[list[str], list[Node], list[tuple[int, int]]]) -> None:
    graph = build(recipe)

    def without(stop: Any) -> int:
        seen: dict[int, Any] = {id(stop): stop}
        waiting: list[Any] = [graph]
        total = 0
        while waiting:
            thing = waiting.pop()
            if id(thing) not in seen:
                seen[id(thing)] = thing
                total += own_nbytes(thing)
                waiting.extend(referents(thing))
        return total

    for part in parts_of(graph):
        assert sizeof(graph, stop=[part]) == without(part)


def parts_of(graph: list[Any]) -> Iterator[Any]:
    yield graph
    for part in graph:
        yield part
        yield from list(referents(part))[:3]
