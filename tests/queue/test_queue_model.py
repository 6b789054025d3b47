"""Random operations on a queue and on a list, everything compared after each."""

import asyncio
import queue
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from queue_kit import SLOT, AnyQueue, Block, word

from bytebound import BoundedQueue, Budget, EntryTooLargeError, ShutDown

SIZES = st.one_of(st.integers(0, 60), st.integers(0, 1200))


class Machine(RuleBasedStateMachine):
    """Items in a list; tasks that wait, in lists of their own, first come first served."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()

    @initialize(
        max_bytes=st.one_of(st.none(), st.integers(100, 3000)),
        max_items=st.one_of(st.none(), st.integers(1, 8)),
        overflow=st.sampled_from(["block", "block", "raise", "drop_oldest", "drop_newest"]),
    )
    def start(self, max_bytes: int | None, max_items: int | None, overflow: Any) -> None:
        self.budget = Budget(2**40)
        self.dropped: list[Any] = []
        self.queue: AnyQueue = BoundedQueue(
            max_bytes,
            max_items,
            sizer=word,
            overflow=overflow,
            budget=self.budget,
            on_drop=lambda item, reason: self.dropped.append(item),
        )
        self.overflow = overflow
        self.items: list[Block] = []
        self.unfinished = 0
        self.puts = self.gets = 0
        self.producers: list[tuple[asyncio.Task[None], Block]] = []
        self.consumers: list[asyncio.Task[Any]] = []

    # ---- the model ----

    def could_fit(self, item: Block) -> bool:
        return self.queue.max_bytes is None or item.nbytes + SLOT <= self.queue.max_bytes

    def must_fit(self, item: Block) -> bool:
        """Whether there is room even with all the slack there may be; the least it must take."""
        count = len(self.items) + 1
        slots = 2 * count + 40
        limit, most = self.queue.max_bytes, self.queue.max_items
        fits = limit is None or self.payload() + item.nbytes + SLOT * slots <= limit
        return fits and (most is None or count <= most)

    def cannot_fit(self, item: Block) -> bool:
        count = len(self.items) + 1
        limit, most = self.queue.max_bytes, self.queue.max_items
        if most is not None and count > most:
            return True
        return limit is not None and self.payload() + item.nbytes + SLOT * count > limit

    def payload(self) -> int:
        return sum(item.nbytes for item in self.items)

    def entered(self, item: Block) -> None:
        self.items.append(item)
        self.unfinished += 1
        self.puts += 1

    def left(self, item: Any) -> None:
        assert self.items.pop(0) is item
        self.gets += 1

    def run_tasks(self) -> None:
        """Let tasks run until nobody can go on; then take over what they did, in turn."""

        async def turns() -> None:
            for _ in range(4):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        while True:
            moved = False
            while self.consumers and self.consumers[0].done():
                # a consumer got the oldest, or what a producer has put since
                if not self.items:
                    self.producer_done()
                self.left(self.consumers.pop(0).result())
                moved = True
            if self.producers and self.producers[0][0].done():
                self.producer_done()
                moved = True
            if not moved:
                return

    def producer_done(self) -> None:
        task, item = self.producers.pop(0)
        task.result()
        self.entered(item)

    # ---- rules ----

    @rule(size=SIZES)
    def put(self, size: int) -> None:
        item = Block(size)
        overtakes = bool(self.producers)
        if not self.could_fit(item):
            for put in (self.queue.put, self.queue.put_nowait):
                try:
                    put(item)
                except EntryTooLargeError:
                    continue
                raise AssertionError("what cannot fit was put")
            return
        before = list(self.items)
        try:
            self.queue.put_nowait(item)
        except queue.Full:
            assert self.overflow in ("block", "raise")
            assert overtakes or not self.must_fit(item)
            return
        assert not overtakes
        if self.overflow == "drop_newest" and self.dropped:
            assert self.dropped == [item]
            assert not self.must_fit(item)
        else:
            assert self.dropped == before[: len(self.dropped)]
            assert self.overflow == "drop_oldest" or not self.cannot_fit(item)
            del self.items[: len(self.dropped)]
            self.unfinished = max(0, self.unfinished + 1 - len(self.dropped)) - 1
            self.entered(item)
        self.dropped.clear()
        self.run_tasks()

    @rule()
    def get(self) -> None:
        try:
            item = self.queue.get_nowait()
        except queue.Empty:
            assert not self.items
            return
        self.left(item)
        self.run_tasks()

    @rule(max_items=st.integers(1, 9), max_bytes=SIZES)
    def get_many(self, max_items: int, max_bytes: int) -> None:
        expected: list[Block] = []
        for item in self.items[:max_items]:
            if expected and sum(one.nbytes for one in expected) + item.nbytes > max_bytes:
                break
            expected.append(item)
        try:
            taken = self.queue.get_many(max_items, max_bytes, timeout=0)
        except queue.Empty:
            assert not expected
            return
        assert taken == expected
        for item in taken:
            self.left(item)
        self.run_tasks()

    @precondition(lambda self: self.overflow == "block")
    @rule(size=SIZES)
    def aput(self, size: int) -> None:
        item = Block(size)
        if not self.could_fit(item):
            return
        self.producers.append((self.loop.create_task(self.queue.aput(item)), item))
        self.run_tasks()

    @precondition(lambda self: len(self.consumers) < 5)
    @rule()
    def aget(self) -> None:
        self.consumers.append(self.loop.create_task(self.queue.aget()))
        self.run_tasks()

    @rule(at=st.integers(0, 5), producer=st.booleans())
    def cancel(self, at: int, producer: bool) -> None:
        waiting: list[Any] = self.producers if producer else self.consumers
        if at < len(waiting):
            entry = waiting.pop(at)
            task = entry[0] if producer else entry
            task.cancel()
            self.run_tasks()
            assert task.cancelled()

    @rule(get=st.booleans(), at=st.integers(0, 2))
    def cancel_when_called(self, get: bool, at: int) -> None:
        """Make something possible and cancel those who were called for it, before they come."""
        if get:
            self.get_quietly()
        for entry in self.producers[:at]:
            entry[0].cancel()
        for task in self.consumers[:at]:
            task.cancel()
        producers, consumers = self.producers[:at], self.consumers[:at]
        del self.producers[:at], self.consumers[:at]
        self.run_tasks()
        assert all(task.cancelled() for task, _ in producers)
        assert all(task.cancelled() for task in consumers)

    def get_quietly(self) -> None:
        try:
            self.left(self.queue.get_nowait())
        except queue.Empty:
            assert not self.items

    @rule()
    def task_done(self) -> None:
        try:
            self.queue.task_done()
        except ValueError:
            assert self.unfinished == 0
            return
        self.unfinished -= 1

    @rule()
    def clear(self) -> None:
        self.queue.clear()
        assert self.dropped == self.items
        self.unfinished = max(0, self.unfinished - len(self.items))
        self.items.clear()
        self.dropped.clear()
        self.run_tasks()

    @rule(goal=SIZES)
    def trim(self, goal: int) -> None:
        before = self.queue.nbytes
        assert self.queue.trim(goal) == before - self.queue.nbytes
        assert self.dropped == self.items[: len(self.dropped)]
        assert not self.dropped or self.overflow == "drop_oldest"
        assert self.overflow != "drop_oldest" or self.queue.nbytes <= goal
        self.forget_dropped()

    def forget_dropped(self) -> None:
        del self.items[: len(self.dropped)]
        self.unfinished = max(0, self.unfinished - len(self.dropped))
        self.dropped.clear()
        self.run_tasks()

    @precondition(lambda self: not self.producers)
    @rule(max_bytes=st.integers(100, 3000), max_items=st.integers(1, 8))
    def resize(self, max_bytes: int, max_items: int) -> None:
        bounds = self.queue.max_bytes, self.queue.max_items
        needed = self.payload() + SLOT * len(self.items)
        try:
            self.queue.resize(max_bytes, max_items)
        except ValueError:
            assert self.overflow != "drop_oldest"
            assert len(self.items) > max_items or needed + SLOT * 40 > max_bytes
            assert (self.queue.max_bytes, self.queue.max_items) == bounds
            return
        assert not self.dropped or self.overflow == "drop_oldest"
        assert self.dropped == self.items[: len(self.dropped)]
        self.forget_dropped()

    # ---- what always holds ----

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "queue"):
            return
        self.queue._validate()
        stats = self.queue.stats()
        assert (stats.items, len(self.queue), self.queue.qsize()) == (len(self.items),) * 3
        assert self.queue.empty() == (not self.items)
        assert stats.payload_nbytes == self.payload()
        assert stats.nbytes == stats.payload_nbytes + stats.overhead_nbytes == self.budget.nbytes
        assert stats.max_bytes is None or stats.nbytes <= stats.max_bytes
        assert stats.max_items is None or stats.items <= stats.max_items
        assert (stats.puts, stats.gets, stats.unfinished) == (
            self.puts,
            self.gets,
            self.unfinished,
        )
        assert stats.waiting_producers == len(self.producers)
        assert stats.waiting_consumers == len(self.consumers)
        assert not (self.items and self.consumers)
        if self.producers:
            assert not self.must_fit(self.producers[0][1])

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            self.queue.shutdown()
            tasks = [task for task, _ in self.producers] + self.consumers

            async def end() -> list[Any]:
                return await asyncio.gather(*tasks, return_exceptions=True)

            ended = self.loop.run_until_complete(end())
            assert all(isinstance(error, ShutDown) for error in ended)
            assert list(self.queue) == self.items
            self.queue._validate()
        self.loop.close()


def test_it_does_what_a_list_does() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=120,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
