"""SizeTracker and LRUCache(sizer="shared") against measuring everything anew after every step."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bytebound import LRUCache, SizeTracker, sizeof

NODES = 12
kinds = st.sampled_from(["list", "dict", "tuple", "set", "bytes", "text", "float"])
numbers = st.integers(0, NODES - 1)
nodes = st.lists(st.tuples(kinds, st.lists(numbers, max_size=4)), min_size=1, max_size=NODES)


def build(nodes: list[tuple[str, list[int]]]) -> list[Any]:
    """Make a graph: containers refer to any node, so that there are cycles and shared parts."""
    made: list[Any] = []
    for kind, numbers in nodes:
        made.append(make(kind, sum(numbers), [made[at] for at in numbers if at < len(made)]))
    for node, (_, numbers) in zip(made, nodes, strict=True):
        fill(node, [made[number % len(made)] for number in numbers])
    return made


def make(kind: str, amount: int, earlier: list[Any]) -> Any:
    """Make a node that nobody else has, which may refer to earlier ones."""
    if kind == "tuple":
        return (*earlier, amount + 0.5)
    if kind == "set":
        return {float(at) for at in range(amount)}
    if kind == "bytes":
        return bytes(100 * amount + 2)
    if kind == "text":
        return "".join(["y"] * (amount + 2))
    return amount + 0.5 if kind == "float" else [] if kind == "list" else {}


def fill(node: Any, referents: list[Any]) -> None:
    if isinstance(node, list):
        node.extend(referents)
    elif isinstance(node, dict):
        node.update((at + 1000, referent) for at, referent in enumerate(referents))


def together(objects: list[Any]) -> int:
    return sizeof(*objects) if objects else 0


@settings(deadline=None, max_examples=200)
@given(nodes, st.lists(st.tuples(st.booleans(), numbers), max_size=40))
def test_the_total_is_what_all_measure_together(
    nodes: list[tuple[str, list[int]]], steps: list[tuple[bool, int]]
) -> None:
    made = build(nodes)
    tracker = SizeTracker()
    tracked: list[Any] = []
    for adding, number in steps:
        thing = made[number % len(made)]
        before = tracker.nbytes
        if adding:
            assert tracker.add(thing) == tracker.nbytes - before
            tracked.append(thing)
        elif any(other is thing for other in tracked):
            assert tracker.remove(thing) == before - tracker.nbytes
            del tracked[next(at for at, other in enumerate(tracked) if other is thing)]
        tracker._validate()
        assert tracker.nbytes == together(tracked)
        assert len(tracker) == len({id(thing) for thing in tracked})
        assert tracker.audit().drift == 0


@settings(deadline=None, max_examples=200)
@given(nodes, st.lists(st.tuples(st.integers(0, 4), numbers, numbers), max_size=40))
def test_objects_that_change_never_corrupt_the_total(
    nodes: list[tuple[str, list[int]]], steps: list[tuple[int, int, int]]
) -> None:
    made = build(nodes)
    tracker = SizeTracker()
    for step, number, other in steps:
        thing = made[number % len(made)]
        if step == 0 and hasattr(thing, "clear"):
            thing.clear()
        elif step == 1:
            fill(thing, [made[other % len(made)], bytes(50 * other)])
        elif step == 2 and thing in tracker:
            before = tracker.nbytes
            assert 0 <= tracker.remove(thing) == before - tracker.nbytes
        else:
            before = tracker.nbytes
            assert tracker.add(thing) == tracker.nbytes - before
        tracker._validate()
        audit = tracker.audit()
        assert audit.charged == tracker.nbytes
        assert audit.measured - audit.charged == audit.drift
    for thing in made:
        while thing in tracker:
            tracker.remove(thing)
    assert tracker.nbytes == 0
    tracker._validate()


operations = st.sampled_from(
    ["set", "set", "set", "given", "get", "del", "popitem", "trim", "resize", "copy", "again"]
)


@settings(deadline=None, max_examples=200)
@given(
    nodes,
    st.integers(300, 6000),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 6)),
    st.lists(st.tuples(operations, numbers, numbers), max_size=40),
)
def test_a_cache_that_shares(
    nodes: list[tuple[str, list[int]]],
    max_bytes: int,
    charge_overhead: bool,
    max_items: int | None,
    steps: list[tuple[str, int, int]],
) -> None:
    made = build(nodes)
    keys = [(float(number), "".join(["k"] * (number + 2))) for number in range(NODES)]

    def check() -> None:
        assert cache.nbytes <= cache.max_bytes
        payload = sum(given.get(key, 0) for key in cache)
        measured = [part for pair in cache.items() if pair[0] not in given for part in pair]
        assert cache.payload_nbytes == payload + together(measured)
        assert cache.nbytes == cache.payload_nbytes + cache.overhead_nbytes * charge_overhead
        assert cache.audit().drift == 0
        cache._validate()

    given: dict[Any, int] = {}
    cache: LRUCache[Any, Any] = LRUCache(
        max_bytes, max_items=max_items, charge_overhead=charge_overhead, sizer="shared"
    )
    for operation, number, other in steps:
        key, value = keys[number], made[other % len(made)]
        if operation == "set" and cache.put(key, value):
            given.pop(key, None)
            assert cache.peek(key) is value
        elif operation == "given" and cache.put(key, value, size=other * 100):
            given[key] = other * 100
        elif operation == "get":
            cache.get(key)
        elif operation == "del" and key in cache:
            before, released = cache.payload_nbytes, cache.entry_nbytes(key)
            del cache[key]
            assert cache.payload_nbytes == before - released
        elif operation == "popitem" and cache:
            cache.popitem()
        elif operation == "trim":
            cache.trim(cache.nbytes * other // NODES)
        elif operation == "resize":
            cache.resize(max_bytes * (other + 1) // NODES)
        elif operation == "copy":
            twin = cache.copy()
            assert twin.payload_nbytes == cache.payload_nbytes
            assert list(twin.items()) == list(cache.items())
            twin._validate()
        elif operation == "again" and key in cache and cache.remeasure(key):
            given.pop(key, None)
        check()
