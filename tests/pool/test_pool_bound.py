"""The bound of a pool, what is charged to it, and how memory goes back."""

import copy
import gc
import pickle
import random
import sys
import weakref
from typing import Any

import pytest

from bytebound import (
    Block,
    Budget,
    BudgetExceededError,
    ClassStats,
    LRUCache,
    MemoryPool,
    PoolExhaustedError,
)

PAGE = 4096


def check(pool: MemoryPool) -> None:
    assert pool.requested_nbytes <= pool.usable_nbytes <= pool.reserved_nbytes
    assert pool.reserved_nbytes + pool.overhead_nbytes == pool.nbytes
    assert pool.nbytes <= pool.peak_nbytes <= pool.max_bytes
    pool._validate()


def fill(pool: MemoryPool, nbytes: int) -> list[Block]:
    blocks = []
    while True:
        try:
            blocks.append(pool.alloc(nbytes))
        except PoolExhaustedError:
            return blocks


def test_a_new_pool_has_nothing() -> None:
    pool = MemoryPool("1MiB", name="frames")
    assert (pool.max_bytes, pool.name, pool.budget, pool.debug) == (2**20, "frames", None, False)
    assert pool.nbytes == pool.peak_nbytes == pool.reserved_nbytes == pool.overhead_nbytes == 0
    assert pool.stats().fragmentation == 0
    check(pool)


@pytest.mark.parametrize("given", [-1, 1.5, None, "much", 2**62])
def test_bounds_that_are_none(given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="max_bytes"):
        MemoryPool(given)
    pool = MemoryPool("1MiB")
    with pytest.raises((TypeError, ValueError), match="max_bytes"):
        pool.resize(given)
    assert pool.max_bytes == 2**20


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="name"):
        MemoryPool(100, name=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="budget"):
        MemoryPool(100, budget=100)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        MemoryPool()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        MemoryPool(100, None)  # type: ignore[misc]


@pytest.mark.parametrize("nbytes", [1, 16, 300, 4096, 5000, 65536, 70000])
@pytest.mark.parametrize("bound", [0, 5000, 20_000, 65_536, 10**6])
def test_a_pool_is_filled_to_its_bound_and_not_beyond(bound: int, nbytes: int) -> None:
    pool = MemoryPool(bound)
    blocks = fill(pool, nbytes)
    check(pool)
    assert pool.requested_nbytes == len(blocks) * nbytes
    if nbytes >= 16 and bound == 10**6:
        assert pool.requested_nbytes >= 0.84 * bound
    blocks.clear()
    pool.trim()
    assert pool.nbytes == 0
    check(pool)


def test_what_is_lost_by_rounding_is_little() -> None:
    pool = MemoryPool("64MiB")
    for nbytes in random.Random(1).sample(range(257, 200_000), 300):
        with pool.alloc(nbytes):
            assert pool.usable_nbytes <= nbytes * 17 / 16


def test_the_books_take_at_most_four_in_a_thousand() -> None:
    for nbytes in (16, 256, 1000, 4096, 8192, 65536, 100_000):
        pool = MemoryPool("16MiB")
        blocks = fill(pool, nbytes)
        assert pool.overhead_nbytes <= 0.004 * pool.usable_nbytes
        del blocks


def test_exhausted_says_what_was_asked_for_and_what_there_is() -> None:
    pool = MemoryPool(100_000, name="frames")
    kept = pool.alloc(20_000)
    pool.alloc(40_000)
    with pytest.raises(PoolExhaustedError) as caught:
        pool.alloc(90_000)
    error = caught.value
    assert isinstance(error, MemoryError)
    assert (error.requested, error.max_bytes) == (90_000, 100_000)
    assert error.available == 100_000 - pool.nbytes + pool.idle_nbytes
    for number in ("'frames'", "90000", str(error.available), "max_bytes=100000"):
        assert number in str(error)
    assert len(kept) == 20_000


def test_a_doomed_request_leaves_everything_as_it_was() -> None:
    pool = MemoryPool("1MiB")
    blocks = pool.alloc_many([100, 5000, 100_000])
    blocks.pop()
    before = pool.stats()
    for nbytes in (2**20, 2**30, 2**61):
        with pytest.raises(PoolExhaustedError):
            pool.alloc(nbytes)
        assert pool.stats() == before
    assert len(pool.alloc(100)) == 100


def test_the_peak_is_the_most_that_was_charged() -> None:
    pool = MemoryPool("1MiB")
    pool.alloc(500_000)
    pool.trim()
    peak = pool.peak_nbytes
    assert pool.nbytes == 0
    assert 500_000 <= peak <= 530_000
    pool.alloc(100)
    assert pool.peak_nbytes == peak
    pool.reset_peak()
    assert pool.peak_nbytes == pool.nbytes > 0


def test_stats() -> None:
    pool = MemoryPool("1MiB")
    blocks = pool.alloc_many([100] * 10 + [5000] * 3 + [100_000])
    del blocks[0]
    stats = pool.stats()
    assert stats.blocks == 13
    assert stats.slabs == 3
    assert stats.requested_nbytes == 115_900
    assert stats.usable_nbytes == 9 * 112 + 3 * 5120 + 102_400
    assert stats.size_classes == {
        112: ClassStats(blocks=9, free=27, slabs=1),
        5120: ClassStats(blocks=3, free=0, slabs=1),
        102_400: ClassStats(blocks=1, free=0, slabs=1),
    }
    assert stats.fragmentation == 1 - 115_900 / pool.reserved_nbytes
    assert stats.nbytes == pool.nbytes
    assert stats.max_bytes == pool.max_bytes


# ---- giving memory back ----


def test_trim_says_what_it_gave_back() -> None:
    pool = MemoryPool("4MiB")
    blocks = pool.alloc_many([1000] * 1000)
    assert pool.trim() == 0
    del blocks[:900]
    before, idle = pool.nbytes, pool.idle_nbytes
    assert idle > 0
    freed = pool.trim(before - PAGE)
    assert PAGE <= freed == before - pool.nbytes < idle
    freed += pool.trim()
    assert freed == before - pool.nbytes >= idle
    assert pool.idle_nbytes == 0
    check(pool)
    blocks.clear()
    assert pool.trim("0B") > 0
    assert pool.nbytes == 0


def test_pages_between_blocks_go_back() -> None:
    pool = MemoryPool("4MiB")
    blocks = pool.alloc_many([16384] * 64)
    del blocks[::2]
    assert pool.trim() >= 32 * 16384
    assert pool.reserved_nbytes == 32 * 16384
    check(pool)


def test_reserved_never_rises_above_what_blocks_needed() -> None:
    pool = MemoryPool("64MiB")
    choose = random.Random(5)
    blocks: list[Block] = []
    needed = 0
    for _ in range(3000):
        if len(blocks) == 100:
            blocks[choose.randrange(100)] = blocks[-1]
            blocks.pop()
        blocks.append(pool.alloc(int(16 * 2 ** choose.uniform(0, 14))))
        needed = max(needed, pool.reserved_nbytes - pool.idle_nbytes)
        assert pool.reserved_nbytes <= needed


def test_a_bound_is_not_set_below_what_blocks_need() -> None:
    pool = MemoryPool("1MiB")
    block = pool.alloc(100_000)
    pool.alloc(500_000)
    pool.resize("200kB")
    assert (pool.max_bytes, pool.nbytes <= 200_000) == (200_000, True)
    with pytest.raises(ValueError, match=rf"need {pool.nbytes} bytes.*max_bytes=100000"):
        pool.resize(100_000)
    assert pool.max_bytes == 200_000
    pool.resize("2MiB")
    assert len(pool.alloc("1MiB")) + len(block) == 2**20 + 100_000
    check(pool)


def test_close() -> None:
    pool = MemoryPool("1MiB")
    blocks = pool.alloc_many([100, 100_000])
    with pytest.raises(BufferError, match="2 of its blocks"):
        pool.close()
    assert not pool.closed
    assert len(pool.alloc(5)) == 5
    blocks.clear()
    pool.close()
    pool.close()
    assert pool.closed
    assert pool.nbytes == 0
    for attempt in (lambda: pool.alloc(1), lambda: pool.resize(100), pool.__enter__):
        with pytest.raises(ValueError, match="closed"):
            attempt()
    pool._validate()


def test_with_closes() -> None:
    with MemoryPool("1MiB") as pool:
        pool.alloc(100)
    assert pool.closed
    with pytest.raises(BufferError, match="1 of its blocks"), MemoryPool("1MiB") as pool:
        block = pool.alloc(100)
    assert len(block) == 100


# ---- budgets ----


def test_pages_are_charged_to_a_budget_above() -> None:
    budget = Budget("1MiB", name="all")
    pool = MemoryPool("4MiB", budget=budget)
    cache = LRUCache[int, int]("1MiB", budget=budget)
    cache.put(1, 2, size=100_000)
    block = pool.alloc(500_000)
    assert budget.nbytes == pool.nbytes + cache.nbytes
    with pytest.raises(BudgetExceededError, match="'all'"):
        pool.alloc(600_000)
    assert len(cache) == 1
    assert budget.nbytes == pool.nbytes + cache.nbytes
    del block
    block = pool.alloc(700_000)
    assert (len(block), len(cache)) == (700_000, 1)
    cache.put(3, 4, size=150_000)
    small = pool.alloc(200_000)  # has an entry leave
    assert (len(small), list(cache)) == (200_000, [])
    del block
    cache.put(5, 6, size=800_000)  # has the pool give back what is idle
    assert budget.nbytes == pool.nbytes + cache.nbytes <= budget.max_bytes
    del small
    assert pool.trim() > 0
    assert (budget.nbytes, len(cache)) == (cache.nbytes, 1)


def test_a_pool_that_dies_gives_its_bytes_back() -> None:
    budget = Budget("1MiB")
    pool = MemoryPool("1MiB", budget=budget)
    block = pool.alloc(1000)
    gone = weakref.ref(pool)
    del pool
    assert budget.nbytes > 0
    del block
    assert gone() is None
    assert budget.nbytes == 0


# ---- what pools are not ----


def test_pools_are_neither_copied_nor_pickled() -> None:
    pool = MemoryPool("1MiB")
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="MemoryPool"):
            attempt(pool)
    with pytest.raises(TypeError):
        type("Derived", (MemoryPool,), {})


def test_what_a_pool_looks_like() -> None:
    pool = MemoryPool("1MiB", name="frames")
    block = pool.alloc(100)
    assert repr(pool) == "<MemoryPool 'frames': 1 blocks, 16,384 of 1,048,576 bytes>"
    assert repr(block) == "<Block: 100 bytes>"
    assert sys.getsizeof(pool) >= pool.nbytes


def test_a_pool_can_be_collected() -> None:
    gone = weakref.ref(MemoryPool("1MiB"))
    gc.collect()
    assert gone() is None
