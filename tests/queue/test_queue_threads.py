"""Queues under load: many threads, several event loops, tasks that are cancelled all the time."""

import asyncio
import contextlib
import queue
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hostile import run_isolated
from queue_kit import AnyQueue, check_idle, until_waiting
from threads import SECONDS

from bytebound import BoundedQueue, Budget, ShutDown

Note = tuple[int, int, int]  # who put it, its number, its size


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def size(item: Note) -> int:
    return item[2]


class Load:
    """Producers and consumers of one queue, and what each did that succeeded."""

    def __init__(self, queue_: AnyQueue) -> None:
        self.queue = queue_
        self.sent: dict[int, list[Note]] = {}
        self.received: dict[int, list[Note]] = {}
        self.given_up = Counter[str]()
        self.errors: list[BaseException] = []
        self.threads: list[threading.Thread] = []
        self.stop = threading.Event()

    def add(self, function: Any, lane: int) -> None:
        self.threads.append(threading.Thread(target=self.run, args=(function, lane)))

    def run(self, function: Any, lane: int) -> None:
        try:
            function(lane, random.Random(lane))
        except ShutDown:
            return
        except BaseException as error:
            self.errors.append(error)
            self.stop.set()

    def notes(self, lane: int, chance: random.Random) -> Iterator[Note]:
        number = 0
        while not self.stop.is_set():
            number += 1
            yield lane, number, chance.choice((1, 10, 10, 100, 700))

    # ---- threads ----

    def produce(self, lane: int, chance: random.Random) -> None:
        sent = self.sent[lane] = []
        for note in self.notes(lane, chance):
            try:
                self.queue.put(note, chance.choice((None, None, 0, 0.0002)))
            except queue.Full:
                self.given_up["put"] += 1
            else:
                sent.append(note)

    def consume(self, lane: int, chance: random.Random) -> None:
        received = self.received[lane] = []
        while True:
            try:
                if chance.random() < 0.2:
                    taken = self.queue.get_many(chance.randrange(1, 5), timeout=0.001)
                else:
                    taken = [self.queue.get(chance.choice((None, None, 0, 0.0002)))]
            except queue.Empty:
                self.given_up["get"] += 1
                continue
            received += taken
            for _ in taken:
                self.queue.task_done()
            stats = self.queue.stats()  # of one instant
            assert stats.max_bytes is None or stats.nbytes <= stats.max_bytes

    # ---- tasks ----

    def loop(self, lane: int, chance: random.Random) -> None:
        """Run some producers and consumers in a loop, and a task that cancels them."""
        asyncio.run(self.tasks(lane, chance))

    async def tasks(self, lane: int, chance: random.Random) -> None:
        lanes = [1000 * lane + number for number in range(6)]
        workers = [
            asyncio.create_task((self.aproduce if number % 2 else self.aconsume)(number, chance))
            for number in lanes
        ]
        # One that ends by ShutDown must not have the others cancelled, with what they took.
        for ended in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, ShutDown):
                raise ended

    async def aproduce(self, lane: int, chance: random.Random) -> None:
        sent = self.sent[lane] = []
        for note in self.notes(lane, chance):
            if await self.finished(self.queue.aput(note), chance):
                sent.append(note)
            await asyncio.sleep(0)

    async def aconsume(self, lane: int, chance: random.Random) -> None:
        received = self.received[lane] = []
        while True:
            taken: list[Note] = []
            try:
                done = await self.finished(self.take(taken), chance)
            except ShutDown:
                return
            assert done or not taken
            received += taken
            for _ in taken:
                self.queue.task_done()
            await asyncio.sleep(0)

    async def take(self, into: list[Note]) -> None:
        into.append(await self.queue.aget())

    async def finished(self, coroutine: Any, chance: random.Random) -> bool:
        """Whether a call succeeded, which may be cancelled at any of its steps."""
        task = asyncio.ensure_future(coroutine)
        if chance.random() < 0.5:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                self.queue.qsize()
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            self.given_up["cancelled"] += 1
            return False
        return True

    # ---- the end ----

    def play(self, seconds: float = SECONDS / 2) -> None:
        for thread in self.threads:
            thread.start()
        self.stop.wait(seconds)
        self.stop.set()
        time.sleep(0.05)
        end = time.monotonic() + 60
        joiner = threading.Thread(target=self.queue.join)
        joiner.start()
        joiner.join(60)
        self.queue.shutdown()
        for thread in self.threads:
            thread.join(max(0, end - time.monotonic()))
        alive = [thread for thread in (joiner, *self.threads) if thread.is_alive()]
        assert not alive, (alive, self.queue.stats())
        if self.errors:
            raise self.errors[0]

    def check(self) -> None:
        """Check that what was sent was received, once, and in the order of each producer."""
        rest = list(self.queue)
        sent = Counter(note for lane in self.sent.values() for note in lane)
        received = Counter(note for lane in self.received.values() for note in lane)
        received.update(rest)
        assert sent == received
        for lane in self.received.values():
            last: dict[int, int] = {}
            for producer, number, _ in lane:
                assert number > last.get(producer, 0)
                last[producer] = number
        check_idle(self.queue)
        stats = self.queue.stats()
        assert (stats.puts, stats.gets) == (sum(sent.values()),) * 2


@pytest.mark.parametrize("bounds", [(1000, None), (None, 2), (20_000, 50)])
def test_threads(bounds: Any) -> None:
    load = Load(BoundedQueue(*bounds, sizer=size))
    for lane in range(4):
        load.add(load.produce, lane)
        load.add(load.consume, lane)
    load.play()
    load.check()
    assert load.given_up["put"] > 0


@pytest.mark.parametrize("bounds", [(1000, None), (None, 1), (20_000, 50)])
def test_several_loops_whose_tasks_are_cancelled(bounds: Any) -> None:
    load = Load(BoundedQueue(*bounds, sizer=size))
    for lane in range(1, 4):
        load.add(load.loop, lane)
    load.play()
    load.check()
    assert load.given_up["cancelled"] > 0


@pytest.mark.parametrize("bounds", [(1000, None), (None, 2)])
def test_threads_and_loops_at_once_under_a_budget(bounds: Any) -> None:
    budget = Budget("1MiB")
    load = Load(BoundedQueue(*bounds, sizer=size, budget=budget))
    for lane in range(1, 3):
        load.add(load.loop, lane)
        load.add(load.produce, lane)
        load.add(load.consume, lane)
    load.play()
    load.check()
    assert budget.nbytes == load.queue.nbytes


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
def test_threads_that_drop(overflow: Any) -> None:
    dropped: list[Note] = []
    queue_: AnyQueue = BoundedQueue(
        2000,
        8,
        sizer=size,
        overflow=overflow,
        on_drop=lambda item, reason: dropped.append(item),
    )
    load = Load(queue_)
    for lane in range(3):
        load.add(load.produce, lane)
    load.add(load.consume, 0)
    load.play(SECONDS / 4)
    kept = Counter(note for lane in load.sent.values() for note in lane)
    received = Counter(note for lane in load.received.values() for note in lane)
    assert kept == received + Counter(dropped)
    stats = queue_.stats()
    assert sum(stats.drops.values()) == len(dropped) > 0
    check_idle(queue_)


def test_shutting_down_under_load() -> None:
    for round_ in range(20):
        load = Load(BoundedQueue(1000, sizer=size))
        for lane in range(2):
            load.add(load.produce, lane)
            load.add(load.consume, lane)
        load.add(load.loop, 9)
        for thread in load.threads:
            thread.start()
        time.sleep(0.005)
        load.queue.shutdown(immediate=round_ % 2 == 0)
        for thread in load.threads:
            thread.join(30)
            assert not thread.is_alive()
        load.stop.set()
        assert not load.errors
        if round_ % 2:
            load.check()


def test_resizing_and_trimming_under_load() -> None:
    load = Load(BoundedQueue(3000, 40, sizer=size))

    def resize(lane: int, chance: random.Random) -> None:
        while not load.stop.is_set():
            try:
                load.queue.resize(chance.randrange(1000, 4000), chance.randrange(1, 50))
            except ValueError:
                load.given_up["resize"] += 1
            load.queue.trim(0)
            load.queue._validate()

    for lane in range(2):
        load.add(load.produce, lane)
        load.add(load.consume, lane)
    load.add(resize, 0)
    load.play()
    load.queue.resize("1MiB", None)  # it has been larger than it is now
    load.check()


# ---- first come first served ----


def put_in_turn(queue_: AnyQueue, items: list[Any]) -> list[threading.Thread]:
    """Have a thread put each, one in line behind the other."""
    threads = []
    for count, item in enumerate(items, 1):
        thread = threading.Thread(target=queue_.put, args=(item,))
        thread.start()
        threads.append(thread)
        until_waiting(queue_, producers=count)
    return threads


@pytest.mark.parametrize("take", ["one by one", "at once"])
def test_what_waited_longest_enters_first(take: str) -> None:
    for _ in range(20):
        queue_: AnyQueue = BoundedQueue(max_items=8)
        for _number in range(8):
            queue_.put("old")
        threads = put_in_turn(queue_, list(range(8)))
        if take == "at once":
            queue_.get_many(8)
        else:
            for _number in range(8):
                queue_.get()
        assert queue_.get_many(8) == list(range(8))  # they are in, awake or not
        for thread in threads:
            thread.join(SECONDS)
        check_idle(queue_)


def test_small_items_do_not_pass_a_large_one() -> None:
    for _ in range(20):
        queue_: AnyQueue = BoundedQueue(1000, sizer=lambda item: item)
        queue_.put(900)
        threads = put_in_turn(queue_, [700, 1])
        stop = threading.Event()

        def hammer(queue_: AnyQueue = queue_, stop: threading.Event = stop) -> None:
            while not stop.is_set():
                with contextlib.suppress(queue.Full):
                    queue_.put_nowait(50)

        hammering = threading.Thread(target=hammer)
        hammering.start()
        assert [queue_.get(), queue_.get(), queue_.get()] == [900, 700, 1]
        stop.set()
        for thread in (*threads, hammering):
            thread.join(SECONDS)


def test_many_producers_need_not_wake_for_each_item() -> None:
    """Their items enter while they sleep: a line that wakes one by one took 15 us an item."""
    queue_: AnyQueue = BoundedQueue(max_items=4)
    for number in range(4):
        queue_.put(number)
    threads = put_in_turn(queue_, list(range(4, 104)))
    assert queue_.get_many(4) == [0, 1, 2, 3]
    taken = [queue_.get_nowait() for _ in range(100)]  # nobody has had to come meanwhile
    assert taken == list(range(4, 104))
    for thread in threads:
        thread.join(SECONDS)


def test_an_interrupted_put_has_put_nothing() -> None:
    """A signal that comes when the item has entered takes it out again."""
    output = run_isolated("queue_interrupted.py")
    assert output.split() == ["interrupted", "0", "0", "0"]
