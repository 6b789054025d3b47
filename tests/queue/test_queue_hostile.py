"""Items, sizers and callbacks that misbehave at a queue."""

import asyncio
import contextlib
import gc
import queue
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hostile import LastWords, Odd
from queue_kit import AnyQueue, Block, check_idle, word

from bytebound import BoundedQueue, ShutDown

Use = Callable[[AnyQueue], object]


def try_to_put(queue_: AnyQueue) -> object:
    with contextlib.suppress(queue.Full, ShutDown):
        queue_.put_nowait("meddled")
    return None


def try_to_get(queue_: AnyQueue) -> None:
    with contextlib.suppress(queue.Empty, ShutDown):
        queue_.get_nowait()


# What an item, a sizer or a callback may do to a queue that is at work.
MEDDLING: dict[str, Use] = {
    "put": try_to_put,
    "get": try_to_get,
    "get_many": lambda queue_: len(queue_) and queue_.get_many(),
    "clear": lambda queue_: queue_.clear(),
    "trim": lambda queue_: queue_.trim(0),
    "resize": lambda queue_: queue_.resize(max_items=queue_.max_items),
    "stats": lambda queue_: queue_.stats(),
    "collect": lambda queue_: gc.collect(0),
}
# What makes an item leave, or enter, a queue of four out of five.
WORKING: dict[str, Use] = {
    "put": lambda queue_: queue_.put("new"),
    "put twice": lambda queue_: [try_to_put(queue_) for _ in range(2)],
    "get": lambda queue_: len(queue_) and queue_.get(),
    "get_many": lambda queue_: len(queue_) and queue_.get_many(3),
    "aget": lambda queue_: len(queue_) and asyncio.run(queue_.aget()),
    "clear": lambda queue_: queue_.clear(),
    "shutdown": lambda queue_: queue_.shutdown(immediate=True),
}


@pytest.mark.parametrize("overflow", ["raise", "drop_oldest", "drop_newest"])
@pytest.mark.parametrize("meddling", MEDDLING)
@pytest.mark.parametrize("working", WORKING)
def test_items_that_use_the_queue_when_they_die(working: str, meddling: str, overflow: Any) -> None:
    times = 0
    queue_: AnyQueue = BoundedQueue(max_items=5, overflow=overflow)

    def meddle() -> None:
        nonlocal times
        if times < 20:
            times += 1
            MEDDLING[meddling](queue_)
            queue_._validate()

    for _ in range(4):
        queue_.put(LastWords(meddle))
    WORKING[working](queue_)
    check_idle(queue_)
    queue_.shutdown(immediate=True)
    assert queue_.payload_nbytes == 0


@pytest.mark.parametrize("meddling", MEDDLING)
def test_sizers_that_use_the_queue(meddling: str) -> None:
    times = 20

    def size(item: Any) -> int:
        nonlocal times
        if times < 20:
            times += 1
            MEDDLING[meddling](queue_)
        return 10

    queue_: AnyQueue = BoundedQueue(1000, 5, sizer=size, overflow="drop_oldest")
    for number in range(4):
        queue_.put(number)
    times = 0
    queue_.put("last")
    assert times > 0
    assert queue_.get_many()[-1] == "last"
    check_idle(queue_)


@pytest.mark.parametrize("meddling", MEDDLING)
def test_callbacks_that_use_the_queue(meddling: str) -> None:
    times = 0

    def meddle(*_: Any) -> None:
        nonlocal times
        if times < 20:
            times += 1
            MEDDLING[meddling](queue_)
            queue_._validate()

    queue_: AnyQueue = BoundedQueue(
        max_items=5,
        overflow="drop_oldest",
        on_drop=meddle,
        high_water=meddle,
        low_water=meddle,
    )
    for number in range(20):
        queue_.put(number)
        if number % 7 == 0:
            try_to_get(queue_)
    queue_.clear()
    assert times > 0
    check_idle(queue_)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (-1, ValueError),
        (2**63, OverflowError),
        ("1", TypeError),
        (1.5, TypeError),
        (None, TypeError),
    ],
)
def test_sizers_that_answer_nonsense(answer: Any, error: type[Exception]) -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=lambda item: answer)
    for put in (queue_.put, queue_.put_nowait, lambda item: asyncio.run(queue_.aput(item))):
        with pytest.raises(error):
            put(1)
    assert queue_.nbytes == len(queue_) == 0


def test_sizers_that_raise() -> None:
    def fail(item: Any) -> int:
        raise ArithmeticError

    for sizer in (fail, "deep"):
        queue_: AnyQueue = BoundedQueue(1000, sizer=sizer)
        with pytest.raises(ArithmeticError):
            queue_.put(Odd(lambda: fail(None)))
        assert queue_.nbytes == len(queue_) == 0


def test_enormous_sizes_do_not_wrap() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=10, sizer=word)
    for _ in range(3):
        queue_.put(Block(2**62 - 1))
    assert queue_.payload_nbytes == 3 * (2**62 - 1)
    queue_.put(Block(2**62 - 1 - 10 * 16))
    for put in (queue_.put_nowait, lambda item: queue_.put(item, timeout=0.01)):
        with pytest.raises(queue.Full):
            put(Block(2**62 - 1))
    queue_._validate()


def test_items_are_not_compared_or_hashed() -> None:
    class Touchy:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise ArithmeticError

        def __bool__(self) -> bool:
            raise ArithmeticError

    queue_: AnyQueue = BoundedQueue(max_items=2, overflow="drop_oldest")
    items = [Touchy() for _ in range(3)]
    for item in items:
        queue_.put(item)
    assert queue_.get() is items[1]
    assert asyncio.run(queue_.aget()) is items[2]


def test_an_item_may_be_the_queue_itself() -> None:
    queue_: AnyQueue = BoundedQueue("1MiB")
    queue_.put(queue_)
    assert queue_.get() is queue_
    check_idle(queue_)


def test_items_are_let_go_of_when_they_are_taken() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=4, sizer=word)
    block = Block(1)
    gone = weakref.ref(block)
    queue_.put(block)
    del block
    assert gone() is not None
    queue_.get()
    assert gone() is None


def test_a_long_chain_of_queues_dies_without_recursion() -> None:
    queue_: AnyQueue | None = None
    for _ in range(100_000):
        outer: AnyQueue = BoundedQueue(max_items=1, sizer="shallow")
        outer.put(queue_)
        queue_ = outer
    del queue_, outer
    gc.collect()
