"""Fails the n-th allocation of each operation of a queue: it happens whole or not at all.

Argument: the name of one of the operations below.
"""

import asyncio
import contextlib
import gc
import queue
import sys
from typing import Any

from failing_memory import fail_each

from bytebound import BoundedQueue, Budget

if not getattr(sys, "_is_gil_enabled", lambda: True)() and sys.argv[1] == "get_many":
    print("skip: CPython 3.13 without GIL crashes where a list cannot be made")
    sys.exit()

if sys.version_info >= (3, 12) and sys.argv[1] == "aget":
    # Known: the item is lost if the interpreter cannot make the StopIteration that carries it.
    print("skip: from 3.12 on, awaiting a native coroutine takes memory for what it returns")
    sys.exit()

BUDGET = Budget("64MiB")
DEEP = [[number] * 3 for number in range(30)]
LOOP = asyncio.new_event_loop()
WAITING: list[Any] = []
RESULT: list[Any] = [None]  # there is room in it


def size(item: Any) -> int:
    return 100


def tell(*arguments: Any) -> None:
    pass


def made(count: int, **settings: Any) -> Any:
    arguments: dict[str, Any] = {"max_bytes": 5000, "sizer": size, "budget": BUDGET}
    queue_: Any = BoundedQueue(**(arguments | settings))
    for number in range(count):
        queue_.put(number)
    queue_.trim(0)  # so that the next put has to take memory
    return queue_


def watched() -> Any:
    return made(7, max_items=8, high_water=tell, low_water=tell)


def put_late(queue_: Any) -> None:
    with contextlib.suppress(queue.Full):
        queue_.put(1, 1e-4)


def get_late(queue_: Any) -> None:
    with contextlib.suppress(queue.Empty):
        queue_.get(1e-4)


async def take(queue_: Any) -> None:
    RESULT[0] = await queue_.aget()


async def give(queue_: Any) -> None:
    await queue_.aput("new")
    RESULT[0] = "new"


def await_consumer() -> Any:
    """Make a queue at which a task waits, and note its coroutine."""
    queue_ = made(0)
    waiter = queue_.aget()
    WAITING[:] = [waiter, waiter.send(None)]
    return queue_


def await_producer() -> Any:
    queue_ = made(3, max_items=3)
    waiter = queue_.aput("late")
    WAITING[:] = [waiter, waiter.send(None)]
    return queue_


def start_to_wait(queue_: Any) -> None:
    waiter = queue_.aget()
    try:
        waiter.send(None)
    except TypeError as error:  # what Cython says when it cannot iterate over the future
        raise MemoryError from error
    finally:
        waiter.close()


def finish(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    raise AssertionError("it waits still")


OPERATIONS: dict[str, Any] = {
    "construct": (lambda: made(1), lambda queue_: BoundedQueue(100, budget=BUDGET, name="x")),
    "put": (lambda: made(5), lambda queue_: queue_.put("new")),
    "put_first": (lambda: made(0), lambda queue_: queue_.put("new")),
    "put_measured": (lambda: made(5, sizer="deep"), lambda queue_: queue_.put(DEEP)),
    "put_and_tell": (watched, lambda queue_: queue_.put("new")),
    "drop_one": (
        lambda: made(5, max_items=5, overflow="drop_oldest", on_drop=tell),
        lambda queue_: queue_.put("new"),
    ),
    "drop_newest": (
        lambda: made(5, max_items=5, overflow="drop_newest", on_drop=tell),
        lambda queue_: queue_.put("new"),
    ),
    "put_late": (lambda: made(3, max_items=3), put_late),
    "get_late": (lambda: made(0), get_late),
    "get": (lambda: made(5), lambda queue_: queue_.get()),
    "get_many": (lambda: made(5), lambda queue_: queue_.get_many(4)),
    "clear": (lambda: made(5, on_drop=tell), lambda queue_: queue_.clear()),
    "shutdown": (lambda: made(5, on_drop=tell), lambda queue_: queue_.shutdown(immediate=True)),
    "resize": (
        lambda: made(40, overflow="drop_oldest", on_drop=tell),
        lambda queue_: queue_.resize(1000),
    ),
    "trim": (lambda: made(40, overflow="drop_oldest"), lambda queue_: queue_.trim(1000)),
    "stats": (lambda: made(5), lambda queue_: queue_.stats()),
    "iterate": (lambda: made(5), lambda queue_: next(iter(queue_))),
    "aget": (lambda: made(5), lambda queue_: finish(take(queue_))),
    "aput": (lambda: made(5), lambda queue_: finish(give(queue_))),
    "start_to_wait": (lambda: made(0), start_to_wait),
    "wake_consumer": (await_consumer, lambda queue_: queue_.put("new")),
    "wake_producer": (await_producer, lambda queue_: queue_.get()),
    "cancel": (await_consumer, lambda queue_: WAITING[0].close()),
}
# What is done in pieces may be done in part; closing a coroutine may be done, and then fail.
PIECEWISE = {"trim", "iterate", "cancel"}


def state(queue_: Any) -> tuple[Any, ...]:
    stats = queue_.stats()._replace(peak_nbytes=0)
    return (*stats, BUDGET.nbytes)


def check(queue_: Any, before: Any, nth: int, failed: bool) -> None:
    if failed and sys.argv[1] not in PIECEWISE and RESULT == [None]:
        assert state(queue_) == before, f"allocation {nth}: {before} became {state(queue_)}"
    assert queue_.nbytes <= queue_.max_bytes
    if sys.argv[1].startswith("wake") and not failed:
        check_waker(queue_)
    WAITING.clear()
    RESULT[0] = None
    queue_._validate()
    BUDGET._validate()


def check_waker(queue_: Any) -> None:
    """A task that could not be told is first in line: the next event tells it."""
    coroutine, future = WAITING
    queue_.resize(queue_.max_bytes)
    assert future.done()
    if sys.argv[1] == "wake_consumer":
        assert finish(coroutine) == "new"
    else:
        finish(coroutine)
        assert queue_.get_many() == [1, 2, "late"]


def make_alone(make: Any) -> Any:
    gc.collect()
    assert BUDGET.nbytes == 0, "the queue before has left something charged"
    return make()


def main(name: str) -> None:
    make, operate = OPERATIONS[name]
    asyncio._set_running_loop(LOOP)
    failures = fail_each(lambda: make_alone(make), operate, check, state)
    print(name, "failed", failures, "times")
    asyncio._set_running_loop(None)
    LOOP.close()


main(sys.argv[1])
