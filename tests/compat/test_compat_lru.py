"""bytebound.compat.lru beyond lru-dict's own tests: hostile keys, callbacks, threads, leaks."""

import gc
import sys
import threading
import weakref
from typing import Any

import pytest

from bytebound.compat.lru import LRU


def test_callback_may_use_the_table() -> None:
    spilled: dict[int, int] = {}

    def spill(key: int, value: int) -> None:
        assert len(table) <= 3
        spilled[key] = value
        if key == 5:
            table.clear()

    table = LRU[int, int](3, callback=spill)
    for i in range(10):
        table[i] = i
        assert len(table) <= 3
    assert table.keys() == [9]  # 8 was there already when 5 left
    assert spilled == {key: key for key in (0, 1, 2, 3, 4, 5)}


def test_shrinking_calls_back_for_each() -> None:
    seen = []
    table = LRU[int, int](5, callback=lambda key, value: seen.append(key))
    table.update((i, i) for i in range(5))
    table.set_size(2)
    assert seen == [0, 1, 2]
    assert table.keys() == [4, 3]


@pytest.mark.parametrize("size", [0, -1, -(2**70)])
def test_bad_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        LRU(size)
    table = LRU[int, int](1)
    with pytest.raises(ValueError, match="positive"):
        table.set_size(size)
    assert table.get_size() == 1


def test_bad_settings() -> None:
    for size in ("5", 2.5, None):
        with pytest.raises(TypeError):
            LRU(size)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callable"):
        LRU(1, callback=5)  # type: ignore[arg-type]
    table = LRU[int, int](1)
    with pytest.raises(TypeError, match="callable"):
        table.set_callback(5)  # type: ignore[arg-type]

    class Forgetful(LRU[int, int]):
        def __init__(self) -> None:
            pass

    with pytest.raises(RuntimeError, match="not initialised"):
        Forgetful()[1] = 1


def test_comparison_that_changes_the_table() -> None:
    class Key:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            table.clear()
            return True

    table = LRU[Any, int](3)
    table[Key()] = 1
    with pytest.raises(KeyError):
        table[Key()]
    table[Key()] = 2
    assert len(table) == 1


def test_value_that_puts_again_when_it_dies() -> None:
    class Value:
        def __del__(self) -> None:
            table[len(seen)] = None
            seen.append(len(table))

    seen: list[int] = []
    table = LRU[int, Any](4)
    for i in range(14):
        table[100 + i] = Value()
        assert len(table) <= 4
    assert max(seen) <= 4


def test_references_do_not_leak() -> None:
    table = LRU[Any, Any](2, callback=lambda key, value: None)
    value = object()
    before = sys.getrefcount(value)
    for i in range(30):
        table[i] = value
        table.get(i), table.setdefault(i, value), table.peek_first_item(), table.peek_last_item()
        table.items(), table.values(), repr(table)
        table.pop(i)
        table[i] = value
        table.popitem(least_recent=False)
        table[i] = value
    table.clear()
    assert sys.getrefcount(value) == before


def test_dying_table_cannot_be_reached() -> None:
    class Value:
        def __del__(self) -> None:
            seen.append(reference())

    class Callback(Value):
        def __call__(self, key: object, value: object) -> None:
            pass

    seen: list[Any] = []
    table = LRU[str, Any](1, callback=Callback())
    table["a"] = Value()
    reference = weakref.ref(table)
    del table
    gc.collect()
    assert seen == [None, None]


def test_threads() -> None:
    table = LRU[int, int](30)

    def work(seed: int) -> None:
        for i in range(5000):
            table[(i * seed) % 80] = i
            table.get(i % 50)
            if i % 100 == 0:
                table.items()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(table) == 30
    assert sum(table.get_stats()) == 15_000
