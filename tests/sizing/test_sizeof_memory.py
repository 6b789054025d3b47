"""What measuring itself takes: little while it runs, nothing afterwards, whatever happens."""

import gc
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import run_apart
from sizing_corpus import fresh_text, growth, traced

from bytebound._native.sizing import MemoryBlock, register_sizer, sizeof

MOST_SCRATCH = 24  # bytes an object


class Instance:
    def __init__(self, number: int) -> None:
        self.number = number
        self.text = fresh_text()


class Told:
    __slots__ = ()

    def __sizeof__(self) -> int:
        return 100


def test_measuring_instances_creates_nothing() -> None:
    instances = [Instance(number) for number in range(20_000)]
    size = sizeof(instances)

    def look() -> None:
        assert sizeof(instances) == size
        for instance in instances[:100]:
            sizeof(instance)
            sizeof(instance, rounded=True)

    with traced():
        growth(look)
        assert growth(look)[1] == 0
        # While to ask each for its __dict__ would have made one each.
        _, made = growth(lambda: [vars(instance) for instance in instances])
    assert made > 20_000 * 48
    assert sizeof(instances) == size + 20_000 * 64 * (sys.version >= "3.13") or made > 0


def scratch(measure: Callable[[], object]) -> int:
    """Return the most that a call holds in passing."""
    with traced():
        measure()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        measure()
        return tracemalloc.get_traced_memory()[1] - before


LISTS = [[] for _ in range(100_000)]  # type: list[list[Any]]


def chain(count: int) -> list[Any]:
    """Make a nesting in which something waits on every level."""
    nested: list[Any] = []
    for _ in range(count // 2):
        nested = [[], nested]
    return nested


def shared_chain(count: int) -> list[Any]:
    return [held := [chain(count)], held, list(held[0])]


SHAPES: dict[str, Callable[[int], object]] = {
    "held once": lambda count: [[] for _ in range(count)],
    "held twice": lambda count: [LISTS[:count], LISTS[:count]],
    "texts held twice": lambda count: (texts := [fresh_text() for _ in range(count)]) + texts,
    "a dict": lambda count: {number + 1000: [number] for number in range(count // 3)},
    "a chain": chain,
    "a chain held twice": shared_chain,
    "asked": lambda count: [Told() for _ in range(count)],
    "asked, held twice": lambda count: (told := [Told() for _ in range(count)]) + told,
    "deque": lambda count: __import__("collections").deque([] for _ in range(count)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1000, 10_000, 23_456, 34_567, 52_000, 78_000, 100_000])
def test_scratch_memory_is_bounded(shape: str, count: int) -> None:
    graph = SHAPES[shape](count)
    assert scratch(lambda: sizeof(graph)) < MOST_SCRATCH * count + 4096


CHILD = [1.5]
CONSTANT = (10, ())
SIZERS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "a constant": (lambda _: CONSTANT, 12),
    "own bytes": (lambda _: (10, []), 12),
    "a leaf": (lambda _: (10, [fresh_text()]), 12),
    "one that all hold": (lambda _: (10, (CHILD,)), 24),
    "a list of its own": (lambda _: (10, [[1.5]]), 12),
    "memory": (lambda sized: (10, [MemoryBlock(id(sized) + 8, 5)]), 60),
}


@pytest.mark.parametrize("told", SIZERS)
@pytest.mark.parametrize("count", [10_000, 34_567])
def test_scratch_memory_with_a_registered_sizer(told: str, count: int) -> None:
    class Sized:
        __slots__ = ()

    sizer, most = SIZERS[told]
    graph = [Sized() for _ in range(count)]
    register_sizer(Sized, sizer)
    try:
        assert scratch(lambda: sizeof(graph)) < most * count + 4096
    finally:
        register_sizer(Sized, None)


def test_scratch_memory_of_a_deep_nesting() -> None:
    nested: list[Any] = []
    for _ in range(1_000_000):
        nested = [nested]
    assert scratch(lambda: sizeof(nested)) < MOST_SCRATCH * 1000


def test_small_graphs_need_no_scratch_memory_at_all() -> None:
    message = {"role": "user", "content": [{"text": fresh_text()}], "usage": {"n": 1000}}

    def look() -> None:
        sizeof(message)

    with traced():
        tracemalloc.clear_traces()
        look()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        look()
        assert tracemalloc.get_traced_memory()[1] - before < 200  # the int, and the arguments


def run(script: str) -> str:
    """Run Python in a process of its own."""
    return run_apart("-c", textwrap.dedent(script), seconds=240)


def test_nothing_leaks() -> None:
    """Every way out of a measurement, ten thousand times, in a process of its own."""
    output = run(
        """
        import contextlib, gc, sys, tracemalloc
        import numpy as np
        from bytebound._native.sizing import MemoryBlock, register_sizer, sizeof
        from sizing_corpus import CASES

        class Raises:
            def __sizeof__(self):
                raise KeyError

        class Told:
            def __sizeof__(self):
                return 10

        class Hidden:
            pass

        graphs = [build() for build in CASES.values()]
        raising = [[[None] * 100 for _ in range(100)], Raises(), [Told() for _ in range(100)]]
        lists = [[] for _ in range(300)]

        def once():
            for graph in graphs[::7]:
                sizeof(graph)
            sizeof(graphs[0], limit=1)
            sizeof(lists, lists + lists, limit=20_000)
            sizeof([Told(), Told()], rounded=True)
            sizeof(*lists, stop=[int, lists])
            with contextlib.suppress(KeyError):
                sizeof(raising)
            register_sizer(Hidden, lambda hidden: (5, [MemoryBlock(4096, 5), [hidden]]))
            sizeof(Hidden(), Hidden())
            register_sizer(Hidden, lambda hidden: (-5, ()))
            with contextlib.suppress(ValueError):
                sizeof([Hidden()])
            register_sizer(Hidden, None)

        for _ in range(200):
            once()
        gc.collect()
        tracemalloc.start()
        for _ in range(20):
            once()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        blocks = sys.getallocatedblocks()
        for _ in range(1000):
            once()
        gc.collect()
        print(tracemalloc.get_traced_memory()[0] - before, sys.getallocatedblocks() - blocks)
        """
    )
    nbytes, blocks = map(int, output.split())
    assert nbytes < 5000
    assert blocks < 200


def test_without_memory_nothing_is_lost() -> None:
    """Fail the n-th allocation, for every n, until none is left to fail."""
    output = run(
        """
        import sys
        try:
            from _testcapi import remove_mem_hooks, set_nomemory
        except ImportError:
            print("skip")
            sys.exit()
        from bytebound._native.sizing import register_sizer, sizeof

        class Told:
            __slots__ = ()
            def __sizeof__(self):
                return 10

        class Hidden:
            __slots__ = ()

        referents = ("text", [])
        register_sizer(Hidden, lambda hidden: (5, [*referents]))
        lists = [[] for _ in range(400)]
        chain = []
        for _ in range(2000):
            chain = [[], chain]
        graphs = [[lists, lists[:]], chain, [Told() for _ in range(200)], [Hidden(), Hidden()]]
        for graph in graphs:
            expected = sizeof(graph)
            held = [sys.getrefcount(part) for part in graph]
            failed = 0
            for n in range(1000):
                set_nomemory(n, 0)
                try:
                    size = sizeof(graph)
                except MemoryError:
                    size = None
                finally:
                    remove_mem_hooks()
                if size is None:
                    failed += 1
                else:
                    assert size == expected
                    break
            else:
                raise AssertionError("it never succeeded")
            assert failed > 0
            assert [sys.getrefcount(part) for part in graph] == held
        print("done")
        """
    )
    if output.strip() == "skip":
        pytest.skip("this interpreter has no _testcapi.set_nomemory")
    assert output.strip() == "done"


GROWTH = """
import gc, sys
from bytebound._native.sizing import sizeof

def resident():
    with open("/proc/self/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024

class Instance:
    def __init__(self, number):
        self.number = number / 7
        self.text = f"text {number}"

class Slotted:
    __slots__ = ("number", "text")
    def __init__(self, number):
        self.number = number / 7
        self.text = f"text {number}"

gc.disable()
make = MAKE
made = [make(1) for _ in range(50)]
kept = [None] * COUNT
gc.collect()
size, before = sizeof(kept, made, rounded=True), resident()
for number in range(COUNT):
    kept[number] = make(number)
grown = resident() - before
print((sizeof(kept, made, rounded=True) - size) / grown)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no smaps_rollup here")
@pytest.mark.parametrize(
    ("make", "count"),
    [
        ("lambda n: n / 7", 1_000_000),
        ("lambda n: f'text number {n}'", 1_000_000),
        ("lambda n: [n / 7, None]", 1_000_000),
        ("lambda n: (n / 7,)", 1_000_000),
        ("lambda n: {'key': n / 7}", 1_000_000),
        ("lambda n: {n / 7}", 500_000),
        ("Instance", 1_000_000),
        ("Slotted", 1_000_000),
        ("lambda n: bytes(450)", 300_000),
        ("lambda n: bytes(2000)", 100_000),
        ("lambda n: b'x' * 20_000", 10_000),
        ("lambda n: b'x' * 200_000", 2_000),
    ],
)
def test_rounded_sizes_are_what_the_process_grows_by(make: str, count: int) -> None:
    ratio = float(run(GROWTH.replace("MAKE", make).replace("COUNT", str(count))))
    assert 0.99 <= ratio <= 1.01
