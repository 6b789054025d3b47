"""A pool in debug mode tells what was done to its blocks that should not have been."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bytebound import Block, MemoryPool

Unraisable = Any


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    found: list[str] = []

    def note(unraisable: Unraisable) -> None:
        assert unraisable.exc_type is RuntimeError
        assert isinstance(unraisable.object, MemoryPool)
        found.append(str(unraisable.exc_value))

    monkeypatch.setattr(sys, "unraisablehook", note)
    return found


def address_of(block: Block) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(block))


@pytest.mark.parametrize("nbytes", [1, 16, 100, 5000, 100_000])
@pytest.mark.parametrize(
    ("place", "words"), [(lambda n: n, "beyond its end"), (lambda n: -1, "before its start")]
)
def test_writing_beside_a_block(
    reports: list[str], nbytes: int, place: Callable[[int], int], words: str
) -> None:
    pool = MemoryPool("4MiB", debug=True)
    first = pool.alloc(3)
    block = pool.alloc(nbytes)
    ctypes.memset(address_of(block) + place(nbytes), 7, 1)
    assert reports == []
    block.release()
    assert reports == [f"block 2 of {nbytes} bytes was written to {words}"]
    first.release()
    assert len(reports) == 1
    pool._validate()
    pool.close()


def test_freed_memory_is_overwritten(reports: list[str]) -> None:
    pool = MemoryPool("1MiB", debug=True)
    block = pool.copy(b"secret" * 10)
    address = address_of(block)
    block.release()
    assert ctypes.string_at(address, 60) == b"\xdd" * 60
    assert reports == []


def test_totals_are_of_what_was_asked_for() -> None:
    pool = MemoryPool("1MiB", debug=True)
    assert pool.debug
    blocks = pool.alloc_many([0, 10, 5000])
    assert pool.requested_nbytes == 5010
    assert [len(block) for block in blocks] == [0, 10, 5000]
    assert address_of(pool.alloc(10, align=4096)) % 4096 == 0
    with pool.numpy():
        array = np.arange(100)
    assert pool.requested_nbytes == 5010 + array.nbytes
    pool._validate()


def test_an_array_that_was_overrun(reports: list[str]) -> None:
    pool = MemoryPool("1MiB", debug=True)
    with pool.numpy():
        array = np.zeros(10)
    ctypes.memset(array.ctypes.data + 80, 7, 1)
    del array
    assert reports == ["block 1 of 80 bytes was written to beyond its end"]


def test_a_report_leaves_an_exception_on_its_way(reports: list[str]) -> None:
    pool = MemoryPool("1MiB", debug=True)

    def fail() -> None:
        block = pool.alloc(10)
        ctypes.memset(address_of(block) + 10, 7, 1)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert len(reports) == 1
