"""CPython's own tests of lru_cache, those of the running interpreter, and what max_bytes adds."""

import functools
import gc
import threading
import unittest
import weakref
from typing import Any

import pytest

from bytebound.compat import functools as ours

genuine = pytest.importorskip(
    "test.test_functools", reason="this interpreter was installed without its own tests"
)


@ours.lru_cache()
def add_three_times(x: int, y: int) -> int:
    return 3 * x + y


class TestLRUCached(genuine.TestLRU, unittest.TestCase):  # type: ignore[misc,name-defined]
    """What test.test_functools has for both of functools' own implementations."""

    module = ours
    cached_func = (add_three_times,)

    @ours.lru_cache()
    def cached_meth(self, x: int, y: int) -> int:
        return 3 * x + y

    @staticmethod
    @ours.lru_cache()
    def cached_staticmeth(x: int, y: int) -> int:
        return 3 * x + y


class TestCache(genuine.TestCache, unittest.TestCase):  # type: ignore[misc,name-defined]
    module = ours


# The bases are mixins: they have no module to test.
if not issubclass(genuine.TestLRU, unittest.TestCase):
    assert len([name for name in dir(TestLRUCached) if name.startswith("test_")]) > 20


def test_rest_of_functools_is_there() -> None:
    assert ours.cached_property is functools.cached_property
    assert ours.wraps is functools.wraps
    with pytest.raises(AttributeError, match="no_such"):
        _ = ours.no_such


def test_bytes_are_bounded() -> None:
    @ours.lru_cache(maxsize=None, max_bytes=10_000)
    def make(number: int) -> bytes:
        return bytes(1000) + number.to_bytes(2, "big")

    for number in range(100):
        make(number)
        assert make.nbytes is not None
        assert make.nbytes <= 10_000
    assert 5 <= make.cache_info().currsize < 10
    assert make(99) is make(99)
    assert make.cache_parameters() == {"maxsize": None, "typed": False, "max_bytes": 10_000}


def test_both_bounds_hold() -> None:
    @ours.lru_cache(maxsize=3, max_bytes="1MiB")
    def make(number: int) -> int:
        return number

    for number in range(10):
        make(number)
    assert make.cache_info() == (0, 10, 3, 3)


def test_result_too_large_is_returned_and_not_kept() -> None:
    @ours.lru_cache(max_bytes=1000)
    def make(size: int) -> bytes:
        return bytes(size)

    assert make(2000) == bytes(2000)
    assert make.cache_info() == (0, 1, 128, 0)
    make(10)
    assert make.cache_info().currsize == 1


def test_nothing_is_kept_with_no_room_for_items() -> None:
    @ours.lru_cache(maxsize=0, max_bytes="1MiB")
    def make(number: int) -> int:
        return number

    assert [make(1), make(1)] == [1, 1]
    assert make.cache_info() == (0, 2, 0, 0)
    assert make.nbytes == 0


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="integer, a callable, or None"):
        ours.lru_cache("1MiB")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="max_bytes"):
        ours.lru_cache(max_bytes=-1)(len)
    with pytest.raises(TypeError, match="callable"):
        ours.lru_cache()(3)  # type: ignore[arg-type]


def test_is_callable_to_those_who_ask() -> None:
    from collections.abc import Callable

    assert isinstance(add_three_times, Callable)  # type: ignore[arg-type]
    assert add_three_times.__call__(1, 2) == 5


def test_cycle_through_it_is_collected() -> None:
    class Holder:
        pass

    def make() -> "weakref.ref[Holder]":
        holder = Holder()

        @ours.lru_cache()
        def method(number: int) -> Any:
            return holder

        holder.method = method  # type: ignore[attr-defined]
        method(1)
        return weakref.ref(holder)

    reference = make()
    gc.collect()
    assert reference() is None


def test_references_do_not_leak() -> None:
    import sys

    @ours.lru_cache(maxsize=4, max_bytes="1MiB")
    def pair(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    word = "".join(["some", "thing"])
    before = sys.getrefcount(word)
    for number in range(100):
        pair(word, number, other=word)
        pair(word)
    pair.cache_clear()
    assert sys.getrefcount(word) == before


def test_threads_share_it() -> None:
    @ours.lru_cache(maxsize=50, max_bytes="1MiB")
    def square(number: int) -> int:
        return number * number

    wrong = []

    def work() -> None:
        for i in range(5000):
            if square(i % 80) != (i % 80) ** 2:
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = square.cache_info()
    assert not wrong
    assert info.hits + info.misses == 20_000
    assert info.currsize <= 50


def test_every_name_of_functools_is_imported_by_a_star() -> None:
    names: dict[str, Any] = {}
    exec("from bytebound.compat.functools import *", names)
    assert set(functools.__all__) <= set(names)
    assert names["lru_cache"] is ours.lru_cache
    assert names["wraps"] is functools.wraps


def test_a_maxsize_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(OverflowError, match="maxsize must be at most"):
        ours.lru_cache(10**20)
