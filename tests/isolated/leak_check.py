"""Whether many rounds of an operation leave anything behind, for the scripts of this folder.

Looks at the memory traced, at the number of objects, and at the reference counts of what the
operation uses.
"""

import gc
import itertools
import sys
import tracemalloc
from collections.abc import Callable, Sequence

ROUNDS = 1000
Errors = type[BaseException] | tuple[type[BaseException], ...]


def failing(error: Errors, operation: Callable[..., object], *given: object) -> None:
    """Run what has to raise this error."""
    try:
        operation(*given)
    except error:
        return
    raise AssertionError(f"no {error}")


def check(
    operation: Callable[[], object], empty: Callable[[], object], watched: Sequence[object]
) -> None:
    """Run an operation many times; less than a byte and no object may be left for each round.

    A table of Python's own may grow meanwhile, but not each time. `empty` empties the
    containers that all rounds use.
    """
    sys.unraisablehook = lambda report: None
    tracemalloc.start()

    def rounds() -> list[int]:
        for number in range(ROUNDS):
            operation()
            if number % 100 == 99:
                gc.collect()
        return reading(empty, watched)

    rounds()
    readings = [rounds() for _ in range(4)]
    left = [
        [now - before for now, before in zip(after, first, strict=True)]
        for first, after in itertools.pairwise(readings)
    ]
    bytes_left, objects_left, *references_left = map(min, zip(*left, strict=True))
    print(left)
    assert bytes_left < ROUNDS
    assert objects_left < ROUNDS // 10
    assert all(abs(left) < ROUNDS // 10 for left in references_left)


def reading(empty: Callable[[], object], watched: Sequence[object]) -> list[int]:
    """Count traced bytes, objects, and references to what is used."""
    empty()
    for _ in range(3):  # what finalisers drop is found by the next
        gc.collect()
    counts = [sys.getrefcount(held) for held in watched]
    return [tracemalloc.get_traced_memory()[0], len(gc.get_objects()), *counts]
