"""BoundedQueue between threads: order, bounds, waiting, ending."""

import copy
import gc
import os
import pickle
import queue
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import GenericAlias
from typing import Any

import pytest
from queue_kit import SLOT, AnyQueue, Block, check_idle, until_waiting, word

from bytebound import (
    BoundedQueue,
    Budget,
    BudgetExceededError,
    EntryTooLargeError,
    ShutDown,
    sizeof,
)


class Worker(threading.Thread):
    """A thread that keeps what a call returned or raised."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        super().__init__(daemon=True)
        self.function, self.arguments = function, arguments
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.function(*self.arguments)
        except BaseException as error:
            self.error = error

    def finish(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        self.join(30)
        assert not self.is_alive(), "the call hangs"
        if self.error is not None:
            raise self.error
        return self.result


def test_items_leave_in_the_order_in_which_they_came() -> None:
    queue_: AnyQueue = BoundedQueue("1MiB")
    for number in range(1000):
        queue_.put(number)
    assert [queue_.get() for _ in range(1000)] == list(range(1000))
    check_idle(queue_)


def test_every_byte_is_charged_until_it_is_taken() -> None:
    queue_: AnyQueue = BoundedQueue("1MiB")
    texts = ["x" * number for number in range(100)]
    for text in texts:
        queue_.put(text)
    assert queue_.payload_nbytes == sum(map(sizeof, texts))
    assert queue_.nbytes == queue_.payload_nbytes + queue_.overhead_nbytes
    assert queue_.overhead_nbytes >= SLOT * 100
    while queue_:
        queue_.get()
    assert queue_.payload_nbytes == 0
    assert queue_.overhead_nbytes <= SLOT * 64
    assert queue_.trim(0) > 0
    assert queue_.nbytes == 0


def test_length_and_truth() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=2)
    assert (len(queue_), queue_.qsize(), bool(queue_), queue_.empty()) == (0, 0, False, True)
    queue_.put(None)
    assert (len(queue_), queue_.qsize(), bool(queue_), queue_.empty()) == (1, 1, True, False)
    assert not queue_.full()
    queue_.put(None)
    assert queue_.full()


def test_full_in_bytes() -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=word)
    assert not queue_.full()
    queue_.put(Block(1000 - SLOT))
    assert queue_.full()
    with pytest.raises(queue.Full):
        queue_.put_nowait(Block(0))
    assert queue_.nbytes == 1000


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, ValueError),
        ({"max_bytes": "64 Mib?"}, ValueError),
        ({"max_bytes": 1.5}, TypeError),
        ({"max_bytes": -1}, ValueError),
        ({"max_items": 0}, ValueError),
        ({"max_items": "1"}, TypeError),
        ({"max_items": 1, "sizer": "shared"}, ValueError),
        ({"max_items": 1, "sizer": 3}, TypeError),
        ({"max_items": 1, "overflow": "wait"}, ValueError),
        ({"max_items": 1, "overflow": ["block"]}, ValueError),
        ({"max_items": 1, "on_drop": 3}, TypeError),
        ({"max_items": 1, "high_water": 0.8}, TypeError),
        ({"max_items": 1, "low_water": 0.8}, TypeError),
        ({"max_items": 1, "high": 1.1}, ValueError),
        ({"max_items": 1, "low": -0.1}, ValueError),
        ({"max_items": 1, "low": float("nan")}, ValueError),
        ({"max_items": 1, "high": 0.5, "low": 0.5}, ValueError),
        ({"max_items": 1, "name": 3}, TypeError),
        ({"max_items": 1, "budget": 3}, TypeError),
    ],
)
def test_arguments_that_are_none(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        BoundedQueue(**arguments)


def test_settings_can_be_read() -> None:
    budget = Budget("1MiB")
    queue_: AnyQueue = BoundedQueue(
        "1kB", 3, sizer=word, overflow="raise", budget=budget, name="jobs", high=0.7, low=0.1
    )
    assert (queue_.max_bytes, queue_.max_items, queue_.overflow) == (1000, 3, "raise")
    assert (queue_.sizer, queue_.budget, queue_.name) == (word, budget, "jobs")
    assert (queue_.high, queue_.low, queue_.high_water) == (0.7, 0.1, None)
    assert repr(queue_) == "<BoundedQueue 'jobs': 0 items, 0 of 1,000 bytes>"
    assert isinstance(BoundedQueue[int], GenericAlias)
    unbounded: AnyQueue = BoundedQueue(budget=budget)
    assert (unbounded.max_bytes, unbounded.max_items) == (None, None)
    assert repr(unbounded) == "<BoundedQueue: 0 items, 0 bytes>"


def test_one_that_was_not_initialised_says_so() -> None:
    queue_ = BoundedQueue.__new__(BoundedQueue)
    for use in (lambda: queue_.put(1), queue_.get, lambda: queue_.resize(3)):
        with pytest.raises(RuntimeError, match="not initialised"):
            use()
    ready: AnyQueue = BoundedQueue(max_items=1)
    with pytest.raises(RuntimeError, match="initialised already"):
        ready.__init__(max_items=2)  # type: ignore[misc]


@pytest.mark.parametrize("overflow", ["block", "raise", "drop_oldest", "drop_newest"])
def test_an_item_that_can_never_fit(overflow: Any) -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=word, overflow=overflow)
    queue_.put("kept")
    for put in (queue_.put, queue_.put_nowait, lambda item: queue_.put(item, timeout=1)):
        with pytest.raises(EntryTooLargeError, match="item of 985 bytes and 16 bytes") as caught:
            put(Block(985))
        assert (caught.value.nbytes, caught.value.max_bytes) == (985, 1000)
    queue_.get()
    queue_.put(Block(984))


def test_waiting_for_room() -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=word)
    queue_.put(Block(900))
    worker = Worker(queue_.put, Block(500))
    until_waiting(queue_, producers=1)
    assert len(queue_) == 1
    queue_.get()
    worker.finish()
    assert queue_.get(timeout=1).nbytes == 500
    check_idle(queue_)


def test_waiting_for_an_item() -> None:
    queue_: AnyQueue = BoundedQueue(1000)
    worker = Worker(queue_.get)
    until_waiting(queue_, consumers=1)
    queue_.put("item")
    assert worker.finish() == "item"
    check_idle(queue_)


def test_timeouts() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    start = time.monotonic()
    with pytest.raises(queue.Empty):
        queue_.get(timeout=0.1)
    with pytest.raises(queue.Empty):
        queue_.get_many(timeout=0.1)
    queue_.put(1)
    with pytest.raises(queue.Full):
        queue_.put(2, timeout=0.1)
    assert 0.3 <= time.monotonic() - start < 10
    for nothing in (0, 0.0):
        with pytest.raises(queue.Full):
            queue_.put(2, nothing)
    assert queue_.get(timeout=float("inf")) == 1
    with pytest.raises(queue.Empty):
        queue_.get(0)
    for bad in (-1, -0.1, float("nan")):
        for call in (lambda: queue_.put(1, bad), lambda: queue_.get(bad)):  # noqa: B023
            with pytest.raises(ValueError, match="non-negative"):
                call()
    with pytest.raises(TypeError, match="there is no block="):
        queue_.get(True)
    with pytest.raises(TypeError):
        queue_.get("soon")  # type: ignore[arg-type]
    assert len(queue_) == 0
    check_idle(queue_)


def test_a_producer_whose_time_is_up_lets_the_next_one_in() -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=word)
    queue_.put(Block(500))
    large = Worker(queue_.put, Block(900), 0.2)
    until_waiting(queue_, producers=1)
    small = Worker(queue_.put, Block(1))
    with pytest.raises(queue.Full):
        large.finish()
    small.finish()
    assert [item.nbytes for item in queue_.get_many()] == [500, 1]
    check_idle(queue_)


def test_producers_are_served_in_turn_and_a_large_item_is_not_starved() -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=word)
    queue_.put(Block(400))
    queue_.put(Block(400))
    workers = []
    for count, size in enumerate((900, 1, 2, 3), 1):
        workers.append(Worker(queue_.put, Block(size)))
        until_waiting(queue_, producers=count)
    with pytest.raises(queue.Full):
        queue_.put_nowait(Block(1))
    queue_.get()
    until_waiting(queue_, producers=4)
    queue_.get()
    sizes = [queue_.get(timeout=10).nbytes for _ in range(4)]
    for worker in workers:
        worker.finish()
    assert sorted(sizes) == [1, 2, 3, 900]
    assert sizes.index(900) <= 3
    check_idle(queue_)


def test_one_who_could_overtake_has_to_wait_behind() -> None:
    queue_: AnyQueue = BoundedQueue(1000, sizer=word)
    queue_.put(Block(500))
    large = Worker(queue_.put, Block(900))
    until_waiting(queue_, producers=1)
    with pytest.raises(queue.Full):
        queue_.put(Block(1), timeout=0.05)
    with pytest.raises(queue.Full):
        queue_.put_nowait(Block(1))
    queue_.get()
    large.finish()
    assert queue_.get().nbytes == 900


def test_get_many() -> None:
    queue_: AnyQueue = BoundedQueue("1MiB", sizer=word)
    for size in (100, 200, 300, 400, 500):
        queue_.put(Block(size))

    def take(*bounds: Any, **more: Any) -> list[int]:
        return [item.nbytes for item in queue_.get_many(*bounds, **more)]

    assert take(1) == [100]
    assert take(max_bytes=200) == [200]
    assert take(max_bytes=10) == [300]  # more than it, but one in any case
    assert take(5, "1kB") == [400, 500]
    with pytest.raises(ValueError, match="max_items"):
        queue_.get_many(0)
    worker = Worker(queue_.get_many)
    until_waiting(queue_, consumers=1)
    queue_.put("x")
    assert worker.finish() == ["x"]
    check_idle(queue_)


def test_get_many_makes_room_for_all_who_wait() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=3)
    for number in range(3):
        queue_.put(number)
    workers = [Worker(queue_.put, 10) for _ in range(3)]
    until_waiting(queue_, producers=3)
    assert queue_.get_many() == [0, 1, 2]
    for worker in workers:
        worker.finish()
    assert queue_.get_many() == [10] * 3


def test_joining() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=10)
    queue_.join()
    queue_.put(1)
    queue_.put(2)
    waiting = [Worker(queue_.join) for _ in range(2)]
    for _ in range(2):
        queue_.get()
        assert all(worker.is_alive() for worker in waiting)
        queue_.task_done()
    for worker in waiting:
        worker.finish()
    with pytest.raises(ValueError, match="too many times"):
        queue_.task_done()


def test_what_is_dropped_is_done() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=2, overflow="drop_oldest")
    for number in range(5):
        queue_.put(number)
    assert queue_.stats().unfinished == 2
    worker = Worker(queue_.join)
    queue_.clear()
    worker.finish()


def test_shutting_down() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=2)
    queue_.put(1)
    queue_.put(2)
    producer = Worker(queue_.put, 3)
    until_waiting(queue_, producers=1)
    queue_.shutdown()
    with pytest.raises(ShutDown):
        producer.finish()
    assert queue_.is_shutdown
    for put in (queue_.put, queue_.put_nowait):
        with pytest.raises(ShutDown):
            put(4)
    assert [queue_.get(), queue_.get_nowait()] == [1, 2]
    for get in (queue_.get, queue_.get_nowait, queue_.get_many, lambda: queue_.get(timeout=9)):
        with pytest.raises(ShutDown):
            get()
    assert "shut down" in repr(queue_)
    if sys.version_info >= (3, 13):
        assert ShutDown is queue.ShutDown


def test_shutting_down_wakes_consumers() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=2)
    consumers = [Worker(queue_.get) for _ in range(3)] + [Worker(queue_.get_many)]
    until_waiting(queue_, consumers=4)
    queue_.shutdown()
    for consumer in consumers:
        with pytest.raises(ShutDown):
            consumer.finish()


def test_shutting_down_at_once_drops_what_is_there() -> None:
    dropped: list[Any] = []
    queue_: AnyQueue = BoundedQueue(max_items=5, on_drop=lambda *drop: dropped.append(drop))
    for number in range(3):
        queue_.put(number)
    queue_.get()
    queue_.shutdown(immediate=True)
    assert dropped == [(1, "cleared"), (2, "cleared")]
    with pytest.raises(ShutDown):
        queue_.get()
    assert queue_.stats().unfinished == 1
    queue_.task_done()
    queue_.join()
    assert queue_.nbytes == 0


def test_iterating_takes_items_until_the_end() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=5)

    def produce() -> None:
        for number in range(100):
            queue_.put(number)
        queue_.shutdown()

    worker = Worker(produce)
    assert list(queue_) == list(range(100))
    worker.finish()
    assert list(queue_) == []


def test_a_budget_above_bounds_too() -> None:
    budget = Budget(1000, name="all")
    queue_: AnyQueue = BoundedQueue("1MiB", sizer=word, budget=budget)
    queue_.put(Block(500))
    assert budget.nbytes == queue_.nbytes
    with pytest.raises(queue.Full):
        queue_.put_nowait(Block(500))  # what is here may leave
    worker = Worker(queue_.put, Block(500))
    until_waiting(queue_, producers=1)
    queue_.get()
    worker.finish()
    queue_.get()
    with pytest.raises(BudgetExceededError, match="'all'"):
        queue_.put(Block(2000))  # nothing here could make room
    other: AnyQueue = BoundedQueue("1MiB", sizer=word, budget=budget)
    other.put(Block(600))
    with pytest.raises(BudgetExceededError):
        queue_.put(Block(500))
    del other
    queue_.put(Block(500))
    check_idle(queue_)


def test_who_waits_for_a_budget_is_told_when_nothing_here_can_make_room() -> None:
    budget = Budget(1000)
    queue_: AnyQueue = BoundedQueue("1MiB", sizer=word, budget=budget)
    other: AnyQueue = BoundedQueue("1MiB", sizer=word, budget=budget)
    queue_.put(Block(300))
    worker = Worker(queue_.put, Block(700))
    until_waiting(queue_, producers=1)
    other.put(Block(300))
    queue_.get()
    with pytest.raises(BudgetExceededError):
        worker.finish()
    check_idle(queue_)


def test_resizing_up_wakes_producers() -> None:
    queue_: AnyQueue = BoundedQueue(100, 1, sizer=word)
    queue_.put(Block(50))
    workers = [Worker(queue_.put, Block(60)) for _ in range(2)]
    until_waiting(queue_, producers=2)
    queue_.resize(max_items=5)
    until_waiting(queue_, producers=2)
    queue_.resize(max_bytes="1kB")
    for worker in workers:
        worker.finish()
    assert queue_.payload_nbytes == 170
    assert (queue_.max_bytes, queue_.max_items) == (1000, 5)
    queue_.resize(None, None)
    assert (queue_.max_bytes, queue_.max_items) == (None, None)


def test_resizing_down_loses_nothing() -> None:
    queue_: AnyQueue = BoundedQueue(1000, 10, sizer=word)
    for _ in range(4):
        queue_.put(Block(100))
    worker = Worker(queue_.put, Block(700))
    until_waiting(queue_, producers=1)
    for bounds in ((400, 10), (1000, 3)):
        with pytest.raises(ValueError, match="4 items of"):
            queue_.resize(*bounds)
        assert (queue_.max_bytes, queue_.max_items) == (1000, 10)
    queue_.resize(600)
    with pytest.raises(EntryTooLargeError):
        worker.finish()
    assert len(queue_.get_many()) == 4
    check_idle(queue_)


def test_trimming_loses_nothing_that_is_not_to_be_lost() -> None:
    queue_: AnyQueue = BoundedQueue("1MiB", sizer=word)
    for _ in range(100):
        queue_.put(Block(10))
    for _ in range(60):
        queue_.get()
    before = queue_.nbytes
    freed = queue_.trim(0)
    assert len(queue_) == 40
    assert freed == before - queue_.nbytes > 0
    assert queue_.overhead_nbytes == 40 * SLOT
    with pytest.raises(ValueError, match="target_bytes"):
        queue_.trim(-1)


def test_clearing_wakes_producers() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    queue_.put(1)
    worker = Worker(queue_.put, 2)
    until_waiting(queue_, producers=1)
    queue_.clear()
    worker.finish()
    assert queue_.get() == 2


def test_stats() -> None:
    queue_: AnyQueue = BoundedQueue("1kB", 3, sizer=word, overflow="drop_newest")
    for number in range(5):
        queue_.put(number)
    queue_.put(Block(980))
    queue_.get()
    queue_.put(Block(960))
    stats = queue_.stats()
    drops = {"size": 1, "items": 3, "budget": 0, "trimmed": 0, "cleared": 0}
    assert (stats.puts, stats.gets, stats.drops) == (3, 1, drops)
    assert (stats.items, stats.max_items, stats.unfinished, stats.max_bytes) == (2, 3, 3, 1000)
    assert (stats.nbytes, stats.payload_nbytes) == (queue_.nbytes, 20)
    assert stats.nbytes == stats.payload_nbytes + stats.overhead_nbytes
    assert stats.peak_nbytes == 30 + 3 * SLOT
    queue_.reset_stats()
    stats = queue_.stats()
    assert (stats.puts, stats.gets, sum(stats.drops.values())) == (0, 0, 0)
    assert stats.peak_nbytes == stats.nbytes


def test_it_cannot_be_pickled_or_copied() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            use(queue_)


def test_weak_references_and_cycles() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=3)
    queue_.put([queue_])
    gone = weakref.ref(queue_)
    del queue_
    gc.collect()
    assert gone() is None


def test_a_dead_queue_gives_its_budget_back() -> None:
    budget = Budget("1MiB")
    queue_: AnyQueue = BoundedQueue(budget=budget)
    item = Block(10)
    gone = weakref.ref(item)
    queue_.put(item)
    assert budget.nbytes > 0
    del queue_, item
    gc.collect()
    assert (budget.nbytes, gone()) == (0, None)


def test_its_own_size_is_measured() -> None:
    queue_: AnyQueue = BoundedQueue("1MiB")
    empty = sizeof(queue_)
    texts = [str(number) * 10 for number in range(100)]
    for text in texts:
        queue_.put(text)
    assert sizeof(queue_) - empty == queue_.nbytes
    assert sys.getsizeof(queue_) >= queue_.overhead_nbytes


def test_subclasses() -> None:
    class Jobs(BoundedQueue[int]):
        def __init__(self) -> None:
            super().__init__(max_items=2, name="jobs")
            self.note = 1

    jobs = Jobs()
    jobs.put(5)
    assert (jobs.note, jobs.get()) == (1, 5)
    assert repr(jobs).startswith("<Jobs 'jobs'")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to single threads")
@pytest.mark.parametrize("what", ["put", "get", "get_many", "join"])
def test_an_interrupt_ends_a_wait(what: str) -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    if what in ("put", "join"):
        queue_.put(1)
    waits: dict[str, Callable[[], object]] = {
        "put": lambda: queue_.put(2),
        "get": queue_.get,
        "get_many": queue_.get_many,
        "join": queue_.join,
    }
    main = threading.get_ident()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer = threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            waits[what]()
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    check_idle(queue_)
    assert len(queue_) == (what in ("put", "join"))


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to single threads")
def test_a_signal_that_is_handled_does_not_end_a_wait() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    seen: list[int] = []
    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        timers = [
            threading.Timer(0.05, lambda: signal.pthread_kill(main, signal.SIGUSR1)),
            threading.Timer(0.15, lambda: queue_.put("late")),
        ]
        for timer in timers:
            timer.start()
        assert queue_.get(timeout=30) == "late"
        for timer in timers:
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]


def test_a_signal_handler_may_put_what_the_interrupted_thread_waits_for() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1)
    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: queue_.put("from the handler"))
    try:
        timer = threading.Timer(0.05, lambda: signal.pthread_kill(main, signal.SIGUSR1))
        timer.start()
        assert queue_.get(timeout=30) == "from the handler"
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    check_idle(queue_)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_the_items_but_not_the_waiters() -> None:
    full: AnyQueue = BoundedQueue(max_items=1)
    empty: AnyQueue = BoundedQueue(max_items=1)
    full.put("item")
    workers = [Worker(full.put, "late"), Worker(empty.get)]
    until_waiting(full, producers=1)
    until_waiting(empty, consumers=1)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            gc.collect()
            assert full.get() == "item"
            full.put("mine")
            empty.put("more")
            assert (full.get_nowait(), empty.get_nowait()) == ("mine", "more")
            check_idle(full)
            check_idle(empty)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert full.get() == "item"
    workers[0].finish()
    empty.put("more")
    assert (full.get(), workers[1].finish()) == ("late", "more")
