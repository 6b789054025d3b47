"""Nothing is left behind by many rounds of an operation on a pool.

Argument: the name of one of the functions below.
"""

import sys
from typing import Any

import numpy as np
from leak_check import check, failing

from bytebound import Budget, BudgetExceededError, MemoryPool, PoolExhaustedError

DATA, ARRAY, LARGE = bytes(500), np.arange(100), np.zeros(200_000, "i1")
OBJECTS = np.full(3000, None)
WATCHED: list[Any] = [DATA, ARRAY]
BUDGET = Budget("64MiB")  # for a while there is garbage
SMALL = Budget(5000)
POOL = MemoryPool("1MiB", budget=BUDGET)
TINY = MemoryPool("20kB")
WATCHED.append(POOL)


def blocks() -> None:
    with POOL.alloc(100, align=64, zero=True) as block:
        assert bytes(block) == bytes(100)
        len(block), repr(block), block.nbytes
    kept = POOL.alloc_many([0, 100, 5000])
    views = [memoryview(kept[1])[3:], np.frombuffer(kept[2], "u1")]
    failing(BufferError, kept[1].release)
    kept.append(POOL.copy(DATA))
    del views, kept


def refused() -> None:
    failing(PoolExhaustedError, POOL.alloc, "2MiB")
    failing(PoolExhaustedError, POOL.alloc_many, [100, 2**21])
    failing((TypeError, ValueError), POOL.alloc, -1)
    failing(TypeError, POOL.alloc, None)
    failing(TypeError, POOL.copy, "text")
    failing(ValueError, POOL.resize, 10) if POOL.nbytes > 10 else None
    failing(TypeError, POOL.empty, 3, object)
    failing(ValueError, POOL.empty, (3, -1))
    failing(PoolExhaustedError, POOL.zeros, 10**6)
    failing(PoolExhaustedError, POOL.array, LARGE, float)
    failing(PoolExhaustedError, TINY.array, OBJECTS, "O")


def look() -> None:
    block = POOL.alloc(100)
    POOL.stats(), repr(POOL), POOL.nbytes, POOL.requested_nbytes, sys.getsizeof(POOL)
    POOL._ranges()
    failing(BufferError, POOL.close)
    del block
    POOL.trim()


def come_and_go() -> None:
    pool = MemoryPool("1MiB", budget=BUDGET, name="frames", debug=True)
    kept = [pool.alloc(100), pool.zeros(100)]
    with pool.numpy() as scope:
        kept.append(scope.bind(np.ones)(10))
    del pool
    kept.clear()
    with MemoryPool("1MiB") as pool:
        pool.alloc(5)
    starved = MemoryPool("1MiB", budget=SMALL)
    failing(BudgetExceededError, starved.alloc, 10)
    failing((TypeError, ValueError), MemoryPool, "much")
    failing(TypeError, lambda: MemoryPool(5, name=ARRAY))  # type: ignore[arg-type]


def arrays() -> None:
    kept = [POOL.empty(100), POOL.zeros((2, 3), "f4"), POOL.array(ARRAY), POOL.array([1, [2]], "O")]
    with POOL.numpy():
        kept.append(ARRAY * 2)
        kept.append(np.empty((0, 100)))
        kept[-2].resize(5000, refcheck=False)
        failing(MemoryError, np.ones, 10**6)
    del kept


def empty() -> None:
    POOL.trim()
    assert POOL.nbytes == POOL.requested_nbytes == BUDGET.nbytes == SMALL.nbytes == 0


check(globals()[sys.argv[1]], empty, WATCHED)
