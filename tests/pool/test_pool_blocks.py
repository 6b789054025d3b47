"""Blocks of a pool: a writable buffer that goes back exactly once."""

import copy
import gc
import pickle
import re
import weakref
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bytebound import Block, MemoryPool, PoolExhaustedError

PAGE = 4096


@pytest.fixture
def pool() -> MemoryPool:
    return MemoryPool("4MiB")


def address_of(block: Block) -> int:
    return np.frombuffer(block, np.uint8).ctypes.data if len(block) else 0


@pytest.mark.parametrize("nbytes", [0, 1, 15, 16, 17, 256, 257, 4096, 4097, 65536, 65537, 10**6])
def test_a_block_is_as_long_as_asked_for(pool: MemoryPool, nbytes: int) -> None:
    block = pool.alloc(nbytes)
    assert len(block) == block.nbytes == pool.requested_nbytes == nbytes
    assert pool.stats().blocks == 1
    view = memoryview(block)
    assert (view.nbytes, view.format, view.ndim, view.readonly) == (nbytes, "B", 1, False)
    assert (view.shape, view.strides, view.contiguous) == ((nbytes,), (1,), True)
    view[:] = bytes(i % 251 for i in range(nbytes))
    assert bytes(view) == bytes(block) == bytes(i % 251 for i in range(nbytes))


def test_a_size_may_be_text(pool: MemoryPool) -> None:
    assert len(pool.alloc("1.5 KiB")) == 1536


@pytest.mark.parametrize("nbytes", [1, 100, 300, 5000, 70000])
@pytest.mark.parametrize("align", [1, 16, 32, 64, 512, 4096])
def test_alignment(pool: MemoryPool, nbytes: int, align: int) -> None:
    blocks = [pool.alloc(nbytes, align=align) for _ in range(10)]
    assert [address_of(block) % align for block in blocks] == [0] * 10
    assert pool.requested_nbytes == 10 * nbytes


@pytest.mark.parametrize("align", [0, -16, 3, 24, 8192, 1 << 40, 2**62])
def test_alignments_that_are_none(pool: MemoryPool, align: int) -> None:
    with pytest.raises(ValueError, match="align must be .*" + re.escape(f"not {align}")) as raised:
        pool.alloc(100, align=align)
    assert "between 0" not in str(raised.value) or align > 2**61
    for other in (16.0, None, "16", True):
        with pytest.raises(TypeError, match=f"align must be an int, not {type(other).__name__}"):
            pool.alloc(100, align=other)  # type: ignore[arg-type]


def test_a_living_pool_is_not_initialised_again(pool: MemoryPool) -> None:
    block = pool.alloc(100)
    with pytest.raises(RuntimeError, match="initialised already; make another one"):
        pool.__init__(5)  # type: ignore[misc]
    assert pool.max_bytes > 5
    assert len(block) == pool.requested_nbytes == 100


@pytest.mark.parametrize("nbytes", [-1, 2**62, 2**64, 2**2000, "12 bananas"])
def test_sizes_that_are_none(pool: MemoryPool, nbytes: Any) -> None:
    with pytest.raises(ValueError, match="nbytes"):
        pool.alloc(nbytes)


@pytest.mark.parametrize("nbytes", [None, 1.0, b"1", True, [1]])
def test_sizes_of_another_type(pool: MemoryPool, nbytes: Any) -> None:
    with pytest.raises(TypeError, match="nbytes"):
        pool.alloc(nbytes)


@pytest.mark.parametrize("nbytes", [2**22 + 1, 2**39, 2**39 + 1, 2**60 + 1, 2**62 - 1])
def test_nothing_wraps_around(pool: MemoryPool, nbytes: int) -> None:
    for align in (16, 4096):
        with pytest.raises(PoolExhaustedError) as caught:
            pool.alloc(nbytes, align=align)
        assert caught.value.requested == nbytes
    assert pool.nbytes == pool.peak_nbytes == 0


@pytest.mark.parametrize("nbytes", [10, 1000, 5000, 100_000])
def test_zeroed_memory_is_zero_where_something_was(pool: MemoryPool, nbytes: int) -> None:
    for _ in range(3):
        blocks = [pool.alloc(nbytes, zero=True) for _ in range(8)]
        assert all(bytes(block) == bytes(nbytes) for block in blocks)
        for block in blocks:
            memoryview(block)[:] = b"\xff" * nbytes


# ---- going back ----


def test_a_block_goes_back_when_dropped(pool: MemoryPool) -> None:
    block = pool.alloc(100)
    gone = weakref.ref(block)
    del block
    assert gone() is None
    assert pool.requested_nbytes == pool.usable_nbytes == pool.stats().blocks == 0


def test_a_block_goes_back_at_the_end_of_a_with(pool: MemoryPool) -> None:
    with pool.alloc(100) as block:
        assert pool.requested_nbytes == 100
    assert block.released
    assert pool.requested_nbytes == 0


def test_releasing_twice_gives_back_once(pool: MemoryPool) -> None:
    other = pool.alloc(50)
    block = pool.alloc(100)
    with block:
        block.release()
    block.release()
    assert pool.requested_nbytes == len(other)


USES: list[Callable[[Block], object]] = [
    len,
    bytes,
    memoryview,
    lambda block: block.nbytes,
    lambda block: block.__enter__(),
    lambda block: np.frombuffer(block, "u1"),
    lambda block: bytearray(8).__setitem__(slice(8), block),
]


@pytest.mark.parametrize("use", USES)
def test_every_use_of_a_released_block_is_refused(
    pool: MemoryPool, use: Callable[[Block], object]
) -> None:
    block = pool.alloc(8)
    block.release()
    with pytest.raises(ValueError, match="released"):
        use(block)
    assert repr(block) == "<Block: released>"


def test_a_viewed_block_is_not_released(pool: MemoryPool) -> None:
    block = pool.alloc(100)
    view = memoryview(block)[10:20]
    view[:] = b"0123456789"
    with pytest.raises(BufferError, match="views"):
        block.release()
    with pytest.raises(BufferError, match="views"), block:
        pass
    assert not block.released
    assert bytes(view) == bytes(block)[10:20] == b"0123456789"
    assert pool.requested_nbytes == 100
    view.release()
    block.release()
    assert pool.requested_nbytes == 0


def test_a_block_goes_back_with_the_last_view(pool: MemoryPool) -> None:
    block = pool.alloc(100)
    first, second = memoryview(block), np.frombuffer(block, np.uint8)
    del block
    other = pool.alloc(100)
    second[:] = 7
    del first
    assert pool.requested_nbytes == 200
    assert bytes(other) != bytes(second) or second.ctypes.data != address_of(other)
    del second
    assert pool.requested_nbytes == 100


def test_released_memory_is_not_reached_through_old_views(pool: MemoryPool) -> None:
    for _ in range(100):
        block = pool.alloc(64)
        view = memoryview(block)
        view.release()
        block.release()
        with pytest.raises(ValueError, match="released"):
            bytes(view)


def test_blocks_outlive_the_name_of_their_pool() -> None:
    pool = MemoryPool("1MiB")
    gone = weakref.ref(pool)
    block = pool.copy(b"still here")
    del pool
    assert bytes(block) == b"still here"
    assert gone() is not None
    del block
    assert gone() is None


def test_reuse_before_new_memory(pool: MemoryPool) -> None:
    blocks = pool.alloc_many([100] * 1000)
    reserved = pool.reserved_nbytes
    for _ in range(5):
        del blocks[::2]
        blocks += pool.alloc_many([100] * 500)
        assert pool.reserved_nbytes == reserved
    blocks.clear()
    assert pool.idle_nbytes == pool.reserved_nbytes == reserved
    block = pool.alloc(reserved // 2)
    assert pool.reserved_nbytes <= reserved
    del block


# ---- several at once, copies ----


def test_many_blocks(pool: MemoryPool) -> None:
    blocks = pool.alloc_many(iter([0, 1, 100, "1KiB", 100_000]))
    assert [len(block) for block in blocks] == [0, 1, 100, 1024, 100_000]
    assert pool.alloc_many([]) == []


def test_many_blocks_are_all_or_none(pool: MemoryPool) -> None:
    kept = pool.alloc(1000)
    before = pool.nbytes, pool.requested_nbytes, pool.stats().blocks
    with pytest.raises(PoolExhaustedError):
        pool.alloc_many([100_000] * 100)
    assert (pool.nbytes, pool.requested_nbytes, pool.stats().blocks) == before
    with pytest.raises(TypeError, match="nbytes"):
        pool.alloc_many([1, 2, None])  # type: ignore[list-item]

    def sizes() -> Any:
        yield 100
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        pool.alloc_many(sizes())
    assert (pool.nbytes, pool.requested_nbytes, pool.stats().blocks) == before
    assert len(kept) == 1000
    pool._validate()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"some bytes",
        bytearray(5000),
        array("d", [1.5, -2.5]),
        memoryview(b"abcdef")[::-2],
        np.arange(12).reshape(3, 4).T,
        np.arange(100_000)[::3],
    ],
)
def test_a_copy_has_the_bytes(pool: MemoryPool, data: Any) -> None:
    block = pool.copy(data)
    expected = data.tobytes() if hasattr(data, "tobytes") else bytes(data)
    assert bytes(block) == expected
    assert pool.requested_nbytes == len(expected)


def test_a_copy_of_what_is_no_buffer(pool: MemoryPool) -> None:
    for data in ("text", 5, None, [1, 2]):
        with pytest.raises(TypeError):
            pool.copy(data)  # type: ignore[arg-type]
    block = pool.alloc(5)
    block.release()
    with pytest.raises(ValueError, match="released"):
        pool.copy(block)
    assert pool.requested_nbytes == 0


# ---- what blocks are not ----


def test_blocks_come_from_pools_only() -> None:
    with pytest.raises(TypeError, match="alloc"):
        Block()
    with pytest.raises(ValueError, match="released"):
        len(Block.__new__(Block))
    with pytest.raises(TypeError):
        type("Derived", (Block,), {})


def test_blocks_are_neither_copied_nor_pickled(pool: MemoryPool) -> None:
    block = pool.alloc(10)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Block"):
            attempt(block)
    assert pool.stats().blocks == 1


def test_an_exception_in_a_with_is_not_hidden(pool: MemoryPool) -> None:
    with pytest.raises(ArithmeticError), pool.alloc(10):
        raise ArithmeticError
    gc.collect()
    assert pool.stats().blocks == 0
