"""Times several loops side by side, in one process."""

import gc
from collections.abc import Callable, Mapping
from statistics import median
from textwrap import indent
from time import perf_counter_ns
from typing import Any, NamedTuple

ROUNDS = 15

Loop = Callable[..., Any]


class Contest(NamedTuple):
    """A loop to be timed, and how to get what it works on."""

    loop: Loop
    prepare: Callable[[], tuple[Any, ...]]
    operations: int  # in one call of the loop


class Timing(NamedTuple):
    """Nanoseconds an operation, over all rounds."""

    median: float
    minimum: float


def compile_loop(parameters: str, body: str) -> Loop:
    """Compile a function anew, so that nobody else runs its bytecode.

    The interpreter specialises each instruction for the types that it meets there. A loop that
    two contestants shared would be specialised for the first of them, or for neither.
    """
    namespace: dict[str, Loop] = {}
    exec(f"def loop({parameters}):\n{indent(body, '    ')}", namespace)
    return namespace["loop"]


def time_contests(contests: Mapping[str, Contest], rounds: int) -> dict[str, Timing]:
    """Time every contest once a round, each round beginning with another one.

    So whatever slows the machine for a while slows all of them. One pass before the first
    round warms up. What `prepare` returns is dropped outside the time taken.
    """
    times: dict[str, list[float]] = {name: [] for name in contests}
    order = list(contests)
    for name in order:
        _time(contests[name])
    for _ in range(rounds):
        for name in order:
            times[name].append(_time(contests[name]))
        order.append(order.pop(0))
    return {name: Timing(median(taken), min(taken)) for name, taken in times.items()}


def _time(contest: Contest) -> float:
    loop, prepare, operations = contest
    arguments = prepare()
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = perf_counter_ns()
        loop(*arguments)
        return (perf_counter_ns() - start) / operations
    finally:
        if collecting:
            gc.enable()
