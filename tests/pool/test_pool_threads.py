"""Many threads on one pool, with and without the GIL."""

import contextlib
import queue
import random
import threading
from typing import Any

import numpy as np
import pytest
from threads import run_threads

from bytebound import Block, Budget, BudgetExceededError, MemoryPool, PoolExhaustedError

THREADS = 8
BOUND = 1 << 20
pytestmark = pytest.mark.usefixtures("switch_often")
NO_ROOM = (PoolExhaustedError, BudgetExceededError)


def check_bound(pool: MemoryPool) -> None:
    stats = pool.stats()
    assert stats.reserved_nbytes + stats.overhead_nbytes == stats.nbytes <= BOUND
    assert stats.peak_nbytes <= BOUND
    assert stats.requested_nbytes <= stats.usable_nbytes <= stats.reserved_nbytes


def test_any_thread_frees_any_block() -> None:
    pool = MemoryPool(BOUND)
    passed: queue.SimpleQueue[Block] = queue.SimpleQueue()

    def work(chance: random.Random) -> None:
        for _ in range(50):
            with contextlib.suppress(PoolExhaustedError):
                block = pool.alloc(int(2 ** chance.uniform(0, 15)))
                memoryview(block)[:] = bytes([len(block) % 256]) * len(block)
                passed.put(block)
            with contextlib.suppress(queue.Empty):
                block = passed.get_nowait() if passed.qsize() > 100 else passed.get(False)
                assert bytes(block) == bytes([len(block) % 256]) * len(block)
                block.release()
        if chance.random() < 0.1:
            pool.trim(chance.randrange(BOUND))
        check_bound(pool)

    run_threads(*[work] * THREADS)
    pool._validate()
    while not passed.empty():
        passed.get().release()
    assert pool.requested_nbytes == 0
    pool.close()


def test_pools_under_one_budget_never_pass_it() -> None:
    budget = Budget(BOUND)
    pools = [MemoryPool(BOUND, budget=budget) for _ in range(3)]

    def work(chance: random.Random) -> None:
        kept = []
        for _ in range(30):
            with contextlib.suppress(*NO_ROOM):
                kept.append(chance.choice(pools).alloc(int(2 ** chance.uniform(0, 17))))
            assert budget.nbytes <= BOUND
        del kept[::2]
        chance.choice(pools).trim()

    run_threads(*[work] * THREADS)
    assert budget.peak_nbytes <= BOUND
    for pool in pools:
        pool._validate()
    assert sum(pool.nbytes for pool in pools) == budget.nbytes


def test_releasing_races_with_viewing() -> None:
    pool = MemoryPool(BOUND)
    shared = [pool.alloc(100)]

    def look(chance: random.Random) -> None:
        for _ in range(20):
            block = shared[0]
            with contextlib.suppress(ValueError), memoryview(block) as view:
                assert len(view) == 100
                with pytest.raises(BufferError):
                    block.release()

    def release(chance: random.Random) -> None:
        with contextlib.suppress(BufferError):
            shared[0].release()
            shared[0] = pool.alloc(100)

    run_threads(look, look, look, release, release)
    pool._validate()
    shared.clear()
    assert pool.stats().blocks == 0


def test_threads_in_scopes_never_pass_the_bound() -> None:
    pool = MemoryPool(BOUND)
    kept: list[Any] = [None] * 40

    def work(chance: random.Random) -> None:
        for _ in range(20):
            with contextlib.suppress(MemoryError):
                array = np.ones(int(2 ** chance.uniform(0, 15)), "u1") * 2
                assert array.max() == array.min() == 2
                kept[chance.randrange(len(kept))] = array
        check_bound(pool)

    with pool.numpy() as scope:
        run_threads(*[scope.bind(work)] * THREADS)
    assert pool.requested_nbytes > 0
    pool._validate()
    kept.clear()
    assert pool.requested_nbytes == pool.stats().blocks == 0


def test_a_pool_is_closed_or_used_but_not_both() -> None:
    for _ in range(50):
        pool = MemoryPool(BOUND)
        got: list[Block] = []
        start = threading.Barrier(3)

        def use(pool: MemoryPool = pool, got: list[Block] = got, start: Any = start) -> None:
            start.wait()
            with contextlib.suppress(ValueError):
                got.append(pool.alloc(100))

        def close(pool: MemoryPool = pool, start: Any = start) -> None:
            start.wait()
            with contextlib.suppress(BufferError):
                pool.close()

        threads = [threading.Thread(target=target) for target in (use, use, close)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pool.closed == (not got)
        assert pool.stats().blocks == len(got)
        pool._validate()
