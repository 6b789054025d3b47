"""BoundedQueue in event loops: one, several, closed ones, and threads beside them."""

import asyncio
import contextlib
import gc
import queue
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hostile import unraisable
from queue_kit import AnyQueue, Block, check_idle, until_waiting, word

from bytebound import BoundedQueue, Budget, BudgetExceededError, EntryTooLargeError, ShutDown


def run(main: Awaitable[Any]) -> Any:
    """Run a coroutine in a loop of its own, and fail rather than hang."""
    return asyncio.run(asyncio.wait_for(main, 60))


@contextlib.contextmanager
def loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        assert not thread.is_alive()
        loop.close()


async def waiting(queue_: AnyQueue, producers: int = 0, consumers: int = 0) -> None:
    """Let other tasks run until so many wait."""
    for _ in range(10_000):
        if queue_.stats()[3:5] == (producers, consumers):
            return
        await asyncio.sleep(0)
    raise AssertionError(queue_.stats())


def test_items_pass_in_order() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=3)

        async def produce() -> None:
            for number in range(300):
                await queue_.aput(number)
            queue_.shutdown()

        producer = asyncio.create_task(produce())
        assert [item async for item in queue_] == list(range(300))
        await producer
        check_idle(queue_)

    run(main())


def test_what_is_never_awaited_has_done_nothing() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=3)
    queue_.put(1)
    for coroutine in (queue_.aput(2), queue_.aget()):
        coroutine.close()
    assert len(queue_) == 1

    async def main() -> None:
        tasks = [asyncio.create_task(queue_.aget()), asyncio.create_task(queue_.aput(2))]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run(main())
    assert queue_.get_many() == [1]


def test_errors() -> None:
    async def main() -> None:
        budget = Budget(1000)
        queue_: AnyQueue = BoundedQueue(2000, sizer=word, budget=budget, overflow="raise")
        with pytest.raises(EntryTooLargeError):
            await queue_.aput(Block(2000))
        with pytest.raises(BudgetExceededError):
            await queue_.aput(Block(1500))
        await queue_.aput(Block(900))
        with pytest.raises(queue.Full):
            await queue_.aput(Block(100))
        await queue_.aget()
        queue_.shutdown()
        with pytest.raises(ShutDown):
            await queue_.aput(1)
        with pytest.raises(ShutDown):
            await queue_.aget()
        assert [item async for item in queue_] == []

    run(main())


def test_only_a_task_can_wait() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    with pytest.raises(StopIteration):
        queue_.aput("needs not wait").send(None)
    with pytest.raises(RuntimeError, match="event loop"):
        queue_.aput("must wait").send(None)
    check_idle(queue_)


def test_shutting_down_wakes_tasks() -> None:
    async def main() -> None:
        full: AnyQueue = BoundedQueue(max_items=1)
        empty: AnyQueue = BoundedQueue(max_items=1)
        full.put(1)
        producers = [asyncio.create_task(full.aput(2)) for _ in range(2)]
        consumers = [asyncio.create_task(empty.aget()) for _ in range(2)]
        await waiting(full, producers=2)
        await waiting(empty, consumers=2)
        full.shutdown()
        empty.shutdown()
        for task in (*producers, *consumers):
            with pytest.raises(ShutDown):
                await task
        assert await full.aget() == 1

    run(main())


def test_joining() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=9)
        await queue_.ajoin()
        await queue_.aput(1)
        joiners = [asyncio.create_task(queue_.ajoin()) for _ in range(3)]
        await asyncio.sleep(0)
        joiners[1].cancel()
        await asyncio.sleep(0)
        await queue_.aget()
        assert not joiners[0].done()
        queue_.task_done()
        await asyncio.gather(joiners[0], joiners[2])
        check_idle(queue_)

    run(main())


def test_producers_are_served_in_turn() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(1000, sizer=word)
        queue_.put(Block(500))
        sizes = (900, 1, 2, 3, 700, 4)
        tasks = []
        for count, size in enumerate(sizes, 1):
            tasks.append(asyncio.create_task(queue_.aput(Block(size))))
            await waiting(queue_, producers=count)
        with pytest.raises(queue.Full):
            queue_.put_nowait(Block(1))
        await queue_.aget()
        assert [(await queue_.aget()).nbytes for _ in sizes] == list(sizes)
        await asyncio.gather(*tasks)
        check_idle(queue_)

    run(main())


def test_a_cancelled_consumer_loses_no_item() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=9)
        consumers = [asyncio.create_task(queue_.aget()) for _ in range(3)]
        await waiting(queue_, consumers=3)
        queue_.put("first")  # consumer 0 is called
        queue_.put("second")  # consumer 1 is called
        consumers[0].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(consumers[1], 10) == "first"
        assert await asyncio.wait_for(consumers[2], 10) == "second"
        assert consumers[0].cancelled()
        check_idle(queue_)

    run(main())


def test_a_cancelled_producer_has_put_nothing() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=1)
        queue_.put("first")
        producers = [asyncio.create_task(queue_.aput(number)) for number in range(3)]
        await waiting(queue_, producers=3)
        assert queue_.get_nowait() == "first"  # producer 0 is called
        producers[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await producers[0]
        assert await queue_.aget() == 1
        assert await queue_.aget() == 2
        await asyncio.gather(*producers[1:])
        assert len(queue_) == 0
        check_idle(queue_)

    run(main())


def test_room_that_is_promised_is_not_given_away() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=1)
        queue_.put("first")
        producer = asyncio.create_task(queue_.aput("second"))
        await waiting(queue_, producers=1)
        queue_.get_nowait()
        assert queue_.full()
        with pytest.raises(queue.Full):
            queue_.put_nowait("third")
        await producer
        assert queue_.get_nowait() == "second"

    run(main())


def test_a_timeout_leaves_nobody_waiting() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=1)
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue_.aget(), 0.01)
        queue_.put(1)
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue_.aput(2), 0.01)
        assert queue_.get_nowait() == 1
        check_idle(queue_)

    run(main())


def test_threads_and_two_loops_at_one_queue() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=2)
    with loop_in_a_thread() as one, loop_in_a_thread() as other:
        consumers = [asyncio.run_coroutine_threadsafe(queue_.aget(), loop) for loop in (one, other)]
        until_waiting(queue_, consumers=2)
        queue_.put("a")
        asyncio.run_coroutine_threadsafe(queue_.aput("b"), one).result(10)
        assert sorted(consumer.result(10) for consumer in consumers) == ["a", "b"]
        queue_.put("c")
        queue_.put("d")
        producers = [
            asyncio.run_coroutine_threadsafe(queue_.aput(loop), loop) for loop in (one, other)
        ]
        until_waiting(queue_, producers=2)
        assert queue_.get_many() == ["c", "d"]
        for producer in producers:
            producer.result(10)
        assert set(queue_.get_many()) == {one, other}
        joined = asyncio.run_coroutine_threadsafe(queue_.ajoin(), other)
        for _ in range(6):
            queue_.task_done()
        joined.result(10)
    check_idle(queue_)


def abandon(make: Callable[[AnyQueue], Any], queue_: AnyQueue) -> asyncio.AbstractEventLoop:
    """Have a task wait in a loop that is stopped then; nobody refers to the task."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # "Task was destroyed ..."

    async def start() -> None:
        task = asyncio.ensure_future(make(queue_))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()

    loop.run_until_complete(start())
    return loop


@pytest.mark.parametrize("when", ["before the call", "after the call"])
def test_a_closed_loop_passes_a_consumers_call_on(when: str) -> None:
    queue_: AnyQueue = BoundedQueue(max_items=5)
    loop = abandon(lambda queue_: queue_.aget(), queue_)
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(queue_.get(timeout=30)))
    thread.start()
    until_waiting(queue_, consumers=2)
    if when == "before the call":
        loop.close()
    queue_.put("item")
    if when == "after the call":
        assert thread.is_alive()
        loop.close()  # which drops the call
    thread.join(30)
    assert seen == ["item"]
    gc.collect()
    check_idle(queue_)


@pytest.mark.parametrize("when", ["before the call", "after the call"])
def test_a_closed_loop_passes_a_producers_call_on(when: str) -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    queue_.put("item")
    loop = abandon(lambda queue_: queue_.aput("lost with its loop"), queue_)
    thread = threading.Thread(target=queue_.put, args=("next",))
    thread.start()
    until_waiting(queue_, producers=2)
    if when == "before the call":
        loop.close()
    assert queue_.get() == "item"
    if when == "after the call":
        assert thread.is_alive()
        loop.close()
    thread.join(30)
    assert queue_.get_nowait() == "next"
    gc.collect()
    check_idle(queue_)


def test_a_task_that_is_dropped_stops_waiting() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=1)
        coroutine = queue_.aget()
        coroutine.send(None)
        assert queue_.stats().waiting_consumers == 1
        coroutine.close()
        check_idle(queue_)
        coroutine = queue_.aget()
        coroutine.send(None)
        queue_.put("item")  # calls it
        del coroutine
        gc.collect()
        assert queue_.get_nowait() == "item"
        check_idle(queue_)

    run(main())


def test_a_queue_and_those_who_wait_at_it_are_collected_together() -> None:
    async def main() -> Any:
        queue_: AnyQueue = BoundedQueue(max_items=1)

        class Note:
            pass

        note = Note()

        async def consume(queue_: AnyQueue, note: Note) -> None:
            await queue_.aget()

        coroutine = consume(queue_, note)
        coroutine.send(None)
        gone = weakref.ref(note), weakref.ref(queue_)
        del coroutine, note, queue_
        gc.collect()
        return gone

    gone = run(main())
    assert [reference() for reference in gone] == [None, None]


class Loop(asyncio.SelectorEventLoop):
    """A loop that cannot be told anything for a while."""

    deaf = False

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        if self.deaf:
            raise OSError("deaf")
        return super().call_soon_threadsafe(*args, **kwargs)


def test_a_task_that_could_not_be_told_stays_first_in_line() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=3)
    loop = Loop()
    task: list[Any] = []

    async def main() -> None:
        task.append(asyncio.ensure_future(queue_.aget()))
        await waiting(queue_, consumers=1)

    loop.run_until_complete(main())
    loop.deaf = True
    with unraisable() as seen:
        queue_.put("first")
    assert seen == [OSError]
    assert queue_.stats().waiting_consumers == 1
    loop.deaf = False
    queue_.put("second")
    assert loop.run_until_complete(task[0]) == "first"
    loop.close()
    assert queue_.get() == "second"
    check_idle(queue_)


def test_a_finaliser_may_put_what_a_task_waits_for() -> None:
    async def main() -> None:
        queue_: AnyQueue = BoundedQueue(max_items=3)

        class Late:
            def __del__(self) -> None:
                queue_.put_nowait("late")

        consumer = asyncio.create_task(queue_.aget())
        await waiting(queue_, consumers=1)
        late = Late()
        del late
        assert await consumer == "late"

    run(main())


def test_a_put_from_a_thread_wakes_a_loop_that_sleeps() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=3)
    timer = threading.Timer(0.1, lambda: queue_.put("x"))

    async def main() -> Any:
        timer.start()
        return await queue_.aget()

    assert run(main()) == "x"
    timer.join()
