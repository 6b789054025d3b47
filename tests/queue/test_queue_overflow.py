"""What happens to items for which there is no room, and what is told of it."""

import asyncio
import queue
import threading
from typing import Any

import pytest
from hostile import unraisable
from queue_kit import SLOT, AnyQueue, Block, check_idle, until_waiting, word
from threads import SECONDS

from bytebound import BoundedQueue, Budget, BudgetExceededError, LRUCache


class Drops(list[tuple[Any, str]]):
    """A callback that remembers its calls."""

    def __call__(self, item: Any, reason: str) -> None:
        self.append((item, reason))


def test_raising() -> None:
    queue_: AnyQueue = BoundedQueue(max_items=1, overflow="raise")
    queue_.put(1)
    for put in (queue_.put, queue_.put_nowait, lambda item: queue_.put(item, timeout=30)):
        with pytest.raises(queue.Full):
            put(2)
    assert queue_.get() == 1


def test_dropping_the_newest() -> None:
    drops = Drops()
    queue_: AnyQueue = BoundedQueue(1000, 3, sizer=word, overflow="drop_newest", on_drop=drops)
    large, small = Block(950), Block(1)
    queue_.put("kept")
    queue_.put(large)
    queue_.put_nowait(large)
    asyncio.run(queue_.aput(large))
    assert drops == [(large, "size")] * 3
    queue_.put(small)
    queue_.put(small)
    queue_.put(small)
    assert drops[3:] == [(small, "items")]
    assert queue_.get_many() == ["kept", small, small]
    assert queue_.stats().drops["size"] == 3
    check_idle(queue_)


def test_dropping_the_oldest() -> None:
    drops = Drops()
    queue_: AnyQueue = BoundedQueue(1000, 10, sizer=word, overflow="drop_oldest", on_drop=drops)
    blocks = [Block(200) for _ in range(4)]
    for block in blocks:
        queue_.put(block)
    queue_.put(Block(500))
    assert drops == [(block, "size") for block in blocks[: len(drops)]]
    assert 2 <= len(drops) <= 3
    assert len(queue_) + len(drops) == 5
    drops.clear()
    queue_.clear()
    drops.clear()
    for number in range(12):
        queue_.put(number)
    assert drops == [(0, "items"), (1, "items")]
    check_idle(queue_)


def test_dropping_for_a_budget() -> None:
    drops = Drops()
    budget = Budget(1000)
    oldest: AnyQueue = BoundedQueue(
        sizer=word, overflow="drop_oldest", on_drop=drops, budget=budget
    )
    first = Block(600)
    oldest.put(first)
    oldest.put(Block(500))
    assert drops == [(first, "budget")]
    newest: AnyQueue = BoundedQueue(
        sizer=word, overflow="drop_newest", on_drop=drops, budget=budget
    )
    last = Block(600)
    newest.put(last)
    assert drops[1:] == [(last, "budget")]
    with pytest.raises(BudgetExceededError):
        oldest.put(Block(1000))
    assert len(oldest) == 1


def test_trimming_and_resizing_drop_the_oldest_where_they_may() -> None:
    drops = Drops()
    queue_: AnyQueue = BoundedQueue("1MiB", sizer=word, overflow="drop_oldest", on_drop=drops)
    for number in range(50):
        queue_.put(number)
    queue_.trim(20 * (10 + SLOT))
    assert queue_.nbytes <= 20 * (10 + SLOT)
    assert {reason for _, reason in drops} == {"trimmed"}
    assert [item for item, _ in drops] == list(range(50 - len(queue_)))
    drops.clear()
    queue_.resize(10 * (10 + SLOT))
    assert {reason for _, reason in drops} == {"size"}
    queue_.resize(max_items=3)
    assert queue_.get_many() == [47, 48, 49]
    assert queue_.stats().unfinished == 3


def test_a_callback_sees_everything_in_order_and_may_use_the_queue() -> None:
    def refill(item: Any, reason: str) -> None:
        queue_._validate()
        assert queue_.nbytes <= queue_.max_bytes  # type: ignore[operator]
        if len(seen) < 30:
            seen.append(item)
            queue_.put(item + 100)

    seen: list[int] = []
    queue_: AnyQueue = BoundedQueue(1000, 3, sizer=word, overflow="drop_oldest", on_drop=refill)
    for number in range(4):
        queue_.put(number)
    assert len(seen) == 30
    assert len(queue_) == 3
    check_idle(queue_)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, queue.Full])
@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
def test_a_callback_that_raises(overflow: Any, error: type[BaseException]) -> None:
    def fail(item: Any, reason: str) -> None:
        raise error

    queue_: AnyQueue = BoundedQueue(max_items=1, overflow=overflow, on_drop=fail)
    with unraisable() as seen:
        queue_.put(1)
        queue_.put(2)
        queue_.clear()
    assert seen == [error] * 2
    assert queue_.stats().puts == (2 if overflow == "drop_oldest" else 1)


def test_high_and_low_water_are_told_in_turn() -> None:
    told: list[str] = []
    queue_: AnyQueue = BoundedQueue(
        max_items=10,
        high_water=lambda queue_: told.append(f"high {len(queue_)}"),
        low_water=lambda queue_: told.append(f"low {len(queue_)}"),
    )
    for number in range(10):
        queue_.put(number)
    assert told == ["high 8"]
    for _ in range(3):
        queue_.get()
    queue_.put(1)
    assert told == ["high 8"]  # between the two nothing is told
    while queue_:
        queue_.get()
    assert told == ["high 8", "low 5"]
    for number in range(8):
        queue_.put(number)
    queue_.clear()
    assert told == ["high 8", "low 5", "high 8", "low 0"]


def test_high_water_in_bytes_moves_with_the_bound() -> None:
    told: list[str] = []
    queue_: AnyQueue = BoundedQueue(
        1000,
        sizer=word,
        high_water=lambda _: told.append("high"),
        low_water=lambda _: told.append("low"),
        high=0.5,
        low=0.0,
    )
    queue_.put(Block(500 - SLOT - 1))
    assert told == []
    queue_.resize(900)
    assert told == ["high"]
    queue_.get()
    assert told == ["high", "low"]


@pytest.mark.parametrize("most", range(1, 8))
def test_water_in_small_queues(most: int) -> None:
    told: list[str] = []
    queue_: AnyQueue = BoundedQueue(
        max_items=most,
        high_water=lambda _: told.append("high"),
        low_water=lambda _: told.append("low"),
        high=0.51,
    )
    for _ in range(3):
        for number in range(most):
            queue_.put(number)
        queue_.get_many()
    assert told == ["high", "low"] * 3


def test_one_callback_alone() -> None:
    told: list[int] = []
    queue_: AnyQueue = BoundedQueue(max_items=1, low_water=lambda queue_: told.append(len(queue_)))
    for _ in range(3):
        queue_.put(1)
        queue_.get()
    assert told == [0, 0, 0]


def test_a_callback_that_changes_the_level_is_told_of_it_afterwards() -> None:
    told: list[str] = []

    def drain(queue_: AnyQueue) -> None:
        told.append("high")
        while queue_:
            queue_.get()
        assert told[-1] == "high"  # not told in the middle

    queue_: AnyQueue = BoundedQueue(
        max_items=4, high_water=drain, low_water=lambda _: told.append("low"), high=0.75
    )
    for _ in range(3):
        for number in range(3):
            queue_.put(number)
        queue_.put(3)
        queue_.get()
    assert told == ["high", "low"] * 3


def test_water_callbacks_that_raise() -> None:
    def fail(queue_: AnyQueue) -> None:
        raise ValueError

    queue_: AnyQueue = BoundedQueue(max_items=1, high_water=fail, low_water=fail)
    with unraisable() as seen:
        for _ in range(3):
            queue_.put(1)
            queue_.get()
    assert seen == [ValueError] * 6


def test_the_last_that_threads_are_told_is_how_it_is() -> None:
    told: list[str] = []
    inside = threading.Lock()

    def tell(what: str) -> None:
        assert inside.acquire(blocking=False), "two callbacks at once"
        told.append(what)
        inside.release()

    queue_: AnyQueue = BoundedQueue(
        max_items=4,
        high_water=lambda _: tell("high"),
        low_water=lambda _: tell("low"),
        high=0.75,
        low=0.25,
    )

    def work() -> None:
        for number in range(3000):
            queue_.put(number)
            queue_.get()

    with unraisable() as seen:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == []
    assert told == (["high", "low"] * len(told))[: len(told)]
    assert len(told) % 2 == 0
    check_idle(queue_)


# ---- under a budget ----


def test_room_that_others_made_is_seen_when_time_is_up() -> None:
    budget = Budget(500)
    queue_: AnyQueue = BoundedQueue(budget=budget, sizer=lambda item: item)
    held = budget.reserve(300)
    queue_.put(100)
    threading.Timer(0.1, held.release).start()
    queue_.put(150, timeout=0.5)
    assert queue_.get_many() == [100, 150]


@pytest.mark.parametrize("overflow", ["block", "raise", "drop_oldest", "drop_newest"])
def test_what_no_budget_above_could_take_is_refused_at_once(overflow: Any) -> None:
    root = Budget(500)
    queue_: AnyQueue = BoundedQueue(
        budget=root.child(max_bytes=800), sizer=lambda item: item, overflow=overflow
    )
    queue_.put(100)
    for size in (485, 600, 900):
        with pytest.raises(BudgetExceededError):
            queue_.put(size)
        with pytest.raises(BudgetExceededError):
            queue_.put_nowait(size)
        with pytest.raises(BudgetExceededError):
            asyncio.run(queue_.aput(size))
    assert queue_.get_many() == [100]
    queue_.put(484)


def test_a_waiting_producer_has_caches_give_back() -> None:
    """When the queue is empty and a cache has taken the room, there is nobody else to wait for."""
    budget = Budget(1000)
    cache: LRUCache[int, int] = LRUCache(1000, budget=budget, charge_overhead=False)
    queue_: AnyQueue = BoundedQueue(budget=budget, sizer=lambda item: item)
    queue_.put(700)
    held = budget.reserve(budget.max_bytes - budget.nbytes)
    thread = threading.Thread(target=queue_.put, args=(600,))
    thread.start()
    until_waiting(queue_, producers=1)
    held.release()
    item = queue_.get()
    while len(cache) < 3 and queue_.empty():
        cache.put(len(cache), 1, size=300)
    thread.join(SECONDS)
    assert (item, queue_.get(timeout=SECONDS)) == (700, 600)
