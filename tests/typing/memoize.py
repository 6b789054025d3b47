"""What a type checker makes of memoized functions; checked by `make lint`, never run."""

from collections.abc import Coroutine
from typing import Any, assert_type

from bytebound import MemoInfo, memoize
from bytebound.compat.functools import cache, lru_cache


@memoize
def bare(number: int, *, text: str = "") -> list[int]:
    return [number, len(text)]


@memoize("1MiB", max_items=5, ignore=["text"])
def bounded(number: int, text: str) -> float:
    return number / len(text)


@memoize()
async def later(number: int) -> str:
    return str(number)


@lru_cache(maxsize=None, max_bytes="1MiB")
def cached(number: int) -> bytes:
    return bytes(number)


@cache
def forever(number: int) -> int:
    return number


class Holder:
    @memoize
    def method(self, number: int) -> int:
        return number

    @classmethod
    @memoize
    def of_class(cls, number: int) -> str:
        return str(number)

    @staticmethod
    @memoize
    def of_nobody(number: int) -> str:
        return str(number)


async def check_waiting() -> None:
    assert_type(await later(1), str)


def check_coroutine() -> Coroutine[Any, Any, str]:
    return later(1)


def check(holder: Holder) -> None:
    assert_type(bare(1, text="a"), list[int])
    assert_type(bounded(1, "a"), float)
    assert_type(cached(1), bytes)
    assert_type(forever(1), int)
    assert_type(holder.method(1), int)
    assert_type(Holder.method(holder, 1), int)
    assert_type(holder.of_class(1), str)
    assert_type(Holder.of_nobody(1), str)
    assert_type(bare.cache_info(), MemoInfo)
    assert_type(bare.cache_delete(1), bool)
    bare("1")  # type: ignore[arg-type]
    bounded(1)  # type: ignore[call-arg]
    cached(1, 2)  # type: ignore[call-arg]
    holder.method("1")  # type: ignore[arg-type]
