"""Fails the n-th allocation of an operation on a pool, for every n: all of it or nothing.

The pool's own pages are not Python's memory; the tests of the core fail those.
Argument: the name of one of the operations below.
"""

import contextlib
import sys
from typing import Any

import numpy as np
from failing_memory import fail_each

from bytebound import Budget, MemoryPool

BUDGET = Budget("4MiB")
DATA, ARRAY = bytes(500), np.arange(100)
KEPT: list[Any] = []


def pool() -> MemoryPool:
    made = MemoryPool("1MiB", budget=BUDGET)
    KEPT[:] = made.alloc_many([100, 1000, 10_000])
    with made.numpy():  # for the first value of a context variable CPython 3.11 itself may crash
        np.ones(1)
    made.trim()
    return made


def write_in_scope(pool: MemoryPool) -> None:
    scope = pool.numpy()
    try:
        with scope:
            np.ones(100)
    finally:
        with contextlib.suppress(RuntimeError):  # not entered, or left
            scope.__exit__()  # if leaving is what failed


OPERATIONS: dict[str, Any] = {
    "alloc": lambda pool: pool.alloc(100),
    "alloc_aligned": lambda pool: pool.alloc("64KiB", align=4096),
    "alloc_many": lambda pool: pool.alloc_many([10, 5000, 100_000]),
    "copy": lambda pool: pool.copy(DATA),
    "exhausted": lambda pool: pool.stats() and pool.max_bytes,
    "view": lambda pool: bytes(memoryview(KEPT[0])[3:9]),
    "empty": lambda pool: pool.empty((2, 3)),
    "zeros": lambda pool: pool.zeros(100, "f4"),
    "array": lambda pool: pool.array(ARRAY),
    "scope": write_in_scope,
    "stats": lambda pool: (pool.stats(), repr(pool), pool._ranges()),
    "trim": lambda pool: pool.trim(0),
    "construct": lambda pool: MemoryPool("1MiB", budget=BUDGET, name="x"),
}


def state(pool: Any) -> tuple[Any, ...]:
    stats = pool.stats()
    return stats.requested_nbytes, stats.usable_nbytes, stats.blocks, [bytes(b) for b in KEPT]


def check(pool: Any, before: Any, nth: int, failed: bool) -> None:
    pool._validate()
    assert state(pool) == before, f"allocation {nth}"
    assert BUDGET.nbytes == pool.nbytes


print(fail_each(pool, OPERATIONS[sys.argv[1]], check, state), "times")
