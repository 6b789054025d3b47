"""Nothing is left behind by many rounds of an operation on a queue, whether it succeeds or fails.

Argument: the name of one of the functions below.
"""

import asyncio
import queue
import sys
import threading
from typing import Any

import leak_check
from leak_check import check, failing

from bytebound import BoundedQueue, Budget, BudgetExceededError, EntryTooLargeError, ShutDown

Queue = BoundedQueue[Any]
ITEM, NOTE = ["item"], "note"
WATCHED = (ITEM, NOTE)
QUEUE: Any = Queue(10_000)
ONE: Any = Queue(max_items=1)
BUDGET = Budget(3000)
MEMBER: Any = Queue("1MiB", budget=BUDGET)
NEIGHBOUR: Any = Queue("1MiB", budget=BUDGET)
LOOP = asyncio.new_event_loop()


def put_and_get() -> None:
    QUEUE.put(ITEM)
    QUEUE.put_nowait(NOTE)
    assert QUEUE.get() is ITEM
    assert QUEUE.get_many() == [NOTE]
    QUEUE.put(ITEM)
    assert next(iter(QUEUE)) is ITEM


def refused() -> None:
    ONE.put(ITEM)
    failing(queue.Full, ONE.put_nowait, NOTE)
    failing(queue.Full, ONE.put, NOTE, 1e-6)
    ONE.get()
    failing(queue.Empty, ONE.get_nowait)
    failing(queue.Empty, ONE.get, 1e-6)
    failing(queue.Empty, ONE.get_many, None, None, 1e-6)
    failing(EntryTooLargeError, QUEUE.put, bytes(20_000))
    failing(ValueError, ONE.put, ITEM, -1)
    failing(ValueError, Queue(max_items=1).task_done)
    ONE.clear()


def over_budget() -> None:
    NEIGHBOUR.put(bytes(2000))
    failing(BudgetExceededError, MEMBER.put, bytes(2000))
    NEIGHBOUR.clear()
    MEMBER.put(ITEM)
    MEMBER.get()


def drops() -> None:
    for overflow in ("drop_oldest", "drop_newest"):
        dropping = Queue(max_items=2, overflow=overflow, on_drop=lambda item, reason: item[0])
        for _ in range(4):
            dropping.put(ITEM)
        dropping.put(7)  # at which the callback fails
        dropping.trim(0)
        dropping.clear()


def water() -> None:
    tanks: list[Any] = []
    tank: Any = Queue(max_items=2, high_water=tanks.append, low_water=tanks.append)
    for _ in range(3):
        tank.put(ITEM)
        tank.put(ITEM)
        tank.clear()


def construct() -> None:
    Queue(100, 3, sizer=len, on_drop=print, high_water=print, name=NOTE, budget=BUDGET)
    failing(ValueError, Queue)
    failing(ValueError, Queue, -1)
    full = Queue(max_items=3)
    full.put(ITEM)


def cycles() -> None:
    cycle: Any = Queue(max_items=3)
    cycle.put([cycle, ITEM])


def shut_down() -> None:
    ended: Any = Queue(max_items=3)
    ended.put(ITEM)
    ended.shutdown()
    failing(ShutDown, ended.put, ITEM)
    assert list(ended) == [ITEM]
    failing(ShutDown, ended.get)


def tasks() -> None:
    async def main() -> None:
        consumer = asyncio.ensure_future(ONE.aget())
        await asyncio.sleep(0)
        await ONE.aput(ITEM)
        assert await consumer is ITEM
        ONE.put(ITEM)
        producer = asyncio.ensure_future(ONE.aput(NOTE))
        await asyncio.sleep(0)
        ONE.get()
        await producer
        assert [await ONE.aget()] == [NOTE]

    LOOP.run_until_complete(main())


def cancelled_tasks() -> None:
    async def main() -> None:
        consumers = [asyncio.ensure_future(ONE.aget()) for _ in range(3)]
        await asyncio.sleep(0)
        ONE.put(ITEM)
        for consumer in consumers:
            consumer.cancel()
        await asyncio.wait(consumers)
        producers = [asyncio.ensure_future(ONE.aput(NOTE)) for _ in range(3)]
        await asyncio.sleep(0)
        ONE.get()
        for producer in producers:
            producer.cancel()
        await asyncio.wait(producers)
        assert ONE.empty()

    LOOP.run_until_complete(main())


def dropped_coroutines() -> None:
    async def main() -> None:
        for _ in range(3):
            coroutine = ONE.aget()
            coroutine.send(None)
            del coroutine
        coroutine = ONE.aget()
        coroutine.send(None)
        ONE.put(ITEM)
        del coroutine
        assert ONE.get_nowait() is ITEM

    LOOP.run_until_complete(main())


def closed_loops() -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)

    async def start() -> None:
        asyncio.ensure_future(ONE.aget())  # noqa: RUF006
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop.run_until_complete(start())
    ONE.put(ITEM)
    loop.close()
    assert ONE.get() is ITEM


def threads() -> None:
    thread = threading.Thread(target=ONE.get)
    thread.start()
    ONE.put(ITEM)
    thread.join()
    ONE.put(ITEM)
    thread = threading.Thread(target=ONE.put, args=(NOTE,))
    thread.start()
    ONE.get()
    thread.join()
    assert ONE.get() is NOTE


def empty() -> None:
    for each in (QUEUE, ONE, MEMBER, NEIGHBOUR):
        each.clear()
        each.trim(0)


SLOW = (tasks, cancelled_tasks, dropped_coroutines, closed_loops, threads)
operation = globals()[sys.argv[1]]
if operation in SLOW:
    leak_check.ROUNDS = 400  # the readings themselves take some 300 bytes
check(operation, empty, WATCHED)
LOOP.close()
