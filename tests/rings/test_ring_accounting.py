"""Every byte of a RingBuffer: what is charged, what is evicted for it, what is given back."""

import gc
import tracemalloc
from typing import Any

import pytest

from bytebound import (
    Budget,
    BudgetExceededError,
    EntryTooLargeError,
    LRUCache,
    RingBuffer,
    sizeof,
)

Ring = RingBuffer[Any]
SLOT = 16


def text(number: int, length: int = 100) -> str:
    return f"{number:0{length}}"


def told(left: list[Any]) -> Any:
    return lambda item, reason: left.append((item, reason))


# ---- what is charged ----


def test_every_item_and_every_slot_is_charged() -> None:
    ring = Ring(max_bytes="1MiB")
    for number in range(100):
        ring.append(text(number))
        assert ring.payload_nbytes == sum(map(sizeof, ring))
        assert ring.nbytes == ring.payload_nbytes + ring.overhead_nbytes
        assert ring.overhead_nbytes >= SLOT * len(ring)
    assert ring.item_nbytes(-1) == sizeof(ring[-1])
    assert ring.stats().nbytes == ring.nbytes == ring.peak_nbytes


def test_nothing_is_charged_that_tracemalloc_does_not_see() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        ring = Ring((text(number, 500) for number in range(1000)), max_bytes="1MiB")
        traced = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert traced == pytest.approx(sizeof(ring), rel=0.005)


def test_sizeof_a_ring_is_what_it_holds() -> None:
    shared = bytes(5000)
    ring = Ring([[shared], [shared]], 9)
    own = ring.__sizeof__()
    lists = sizeof(ring[0], deep=False) + sizeof(ring[1], deep=False)
    assert own >= ring.overhead_nbytes
    assert sizeof(ring) == sizeof(ring, deep=False) + lists + sizeof(shared)
    cache = LRUCache[str, Any]("1MiB")
    cache["ring"] = ring
    assert cache.payload_nbytes == sizeof("ring") + sizeof(ring)
    ring.append(ring)
    assert sizeof(ring) < 20_000


@pytest.mark.parametrize(
    ("sizer", "expected"),
    [("deep", sizeof([bytes(500)])), ("shallow", sizeof([1], deep=False)), (lambda item: 7, 7)],
)
def test_sizers(sizer: Any, expected: int) -> None:
    ring = Ring(max_bytes="1MiB", sizer=sizer)
    ring.append([bytes(500)])
    assert ring.item_nbytes(0) == ring.payload_nbytes == expected


@pytest.mark.parametrize(
    ("size", "error"),
    [(-1, ValueError), (1.5, TypeError), ("1", TypeError), (None, TypeError),
     (2**62, OverflowError), (2**200, OverflowError)],
)  # fmt: skip
def test_sizes_that_are_none_leave_the_ring_as_it_was(size: Any, error: type[Exception]) -> None:
    sizes: list[Any] = [1, 1]
    ring = Ring("ab", 5, sizer=lambda item: sizes.pop() if sizes else size)
    for write in (
        lambda: ring.append("c"),
        lambda: ring.appendleft("c"),
        lambda: ring.insert(1, "c"),
        lambda: ring.__setitem__(0, "c"),
        lambda: ring.__setitem__(slice(1), "c"),
        lambda: ring.remeasure(0),
    ):
        with pytest.raises(error, match="sizer"):
            write()  # type: ignore[no-untyped-call]
    assert list(ring) == ["a", "b"]
    assert ring.payload_nbytes == 2


# ---- the bound in bytes ----


def test_bytes_are_kept_to_by_evicting_from_the_other_end() -> None:
    left: list[Any] = []
    ring = Ring(max_bytes=2000, on_evict=told(left))
    for number in range(100):
        ring.append(text(number))
        assert ring.nbytes <= 2000
    kept = list(ring)
    assert kept == [text(number) for number in range(100 - len(kept), 100)]
    assert left == [(text(number), "size") for number in range(100 - len(kept))]
    # It could not hold one more: neither a generous nor a lean step of slots is to blame.
    assert 2000 - ring.nbytes < sizeof(text(1)) + SLOT
    ring.appendleft(text(7))
    assert ring[0] == text(7)
    assert left[-1] == (text(99), "size")


def test_a_large_item_evicts_as_many_as_it_must() -> None:
    left: list[Any] = []
    ring = Ring((text(number) for number in range(20)), max_bytes="4KiB", on_evict=told(left))
    ring.append(bytes(2500))
    assert ring.nbytes <= 4096
    assert [item for item, _reason in left] == [text(number) for number in range(len(left))]
    assert len(left) + len(ring) == 21
    ring[0] = bytes(3000)
    assert list(map(len, ring)) == [3000]


def test_an_assigned_item_evicts_others_from_the_left_and_stays() -> None:
    for index in range(20):
        left: list[Any] = []
        ring = Ring((text(number) for number in range(20)), max_bytes="4KiB")
        ring.resize(max_bytes=ring.nbytes)
        others = [text(number) for number in range(20) if number != index]
        large = bytes(1000)
        ring.__init__(  # type: ignore[misc]
            (text(number) for number in range(20)), max_bytes=ring.max_bytes
        )
        ring[index] = large
        kept = list(ring)
        assert large in kept
        kept.remove(large)
        assert kept == others[-len(kept) :]
        assert ring.nbytes <= (ring.max_bytes or 0)
        ring._validate()
        assert left == []


def test_an_item_that_could_never_fit_changes_nothing() -> None:
    left: list[Any] = []
    ring = Ring("ab", max_bytes=1000, on_evict=told(left))
    before = ring.stats(), list(ring)
    for write in (ring.append, ring.appendleft):
        with pytest.raises(
            EntryTooLargeError, match=r"16 bytes of structure.*max_bytes=1000"
        ) as at:
            write(bytes(1000))
        assert at.value.max_bytes == 1000
        assert at.value.nbytes == sizeof(bytes(1000))
    with pytest.raises(EntryTooLargeError):
        ring[0] = bytes(1000)
    assert (ring.stats(), list(ring)) == before
    assert left == []
    largest = bytes(1000 - SLOT - (sizeof(bytes(2)) - 2))
    ring.append(largest)
    assert (list(ring), ring.nbytes) == ([largest], 1000)
    with pytest.raises(EntryTooLargeError, match="at least"):
        ring.append([bytes(500), bytes(600)])


def test_what_was_appended_before_an_item_too_large_stays() -> None:
    ring = Ring(max_bytes=1000)
    with pytest.raises(EntryTooLargeError):
        ring.extend(["a", "b", bytes(2000), "c"])
    assert list(ring) == ["a", "b"]


def test_both_bounds_at_once() -> None:
    left: list[Any] = []
    ring = Ring(max_items=3, max_bytes=1000, on_evict=told(left))
    ring.extend(["a" * 50, "b" * 50, "c" * 50, "d" * 50])
    ring.append("e" * 900)
    assert [reason for _item, reason in left] == ["items", "items", "size", "size"]
    assert list(ring) == ["e" * 900]


# ---- a budget above ----


def test_a_budget_is_charged_and_makes_room() -> None:
    left: list[Any] = []
    budget = Budget(4000)
    ring = Ring(max_bytes="1MiB", budget=budget, on_evict=told(left))
    other = Ring(max_items=5, budget=budget)
    other.append(bytes(1000))
    held = budget.reserve(2000)
    for number in range(30):
        ring.append(text(number))
        assert budget.nbytes == ring.nbytes + other.nbytes + held.nbytes <= 4000
    assert len(other) == 0  # its item was older
    assert {reason for _item, reason in left} == {"budget"}
    before = ring.stats(), list(ring)
    with pytest.raises(BudgetExceededError):
        ring.append(bytes(2500))
    assert (ring.stats(), list(ring)) == before
    with pytest.raises(BudgetExceededError):
        ring.insert(0, bytes(1900))
    with pytest.raises(BudgetExceededError):
        ring.copy()
    with pytest.raises(BudgetExceededError):
        ring[:] = [bytes(2500)]
    held.release()
    ring.append(bytes(2500))
    del ring, other
    gc.collect()
    assert budget.nbytes == 0
    budget._validate()


# ---- giving memory back ----


def test_slots_are_given_back_after_a_burst() -> None:
    ring = Ring(max_bytes="1MiB")
    ring.extend(range(15_000))
    assert ring.overhead_nbytes >= SLOT * 15_000
    ring.append(bytes(900_000))
    assert ring.overhead_nbytes <= 2**20 - 900_000
    ring.append(bytes(1_000_000))
    assert ring.overhead_nbytes < 1000
    ring.extend(range(10_000))
    while len(ring) > 10:
        ring.popleft()
    assert ring.overhead_nbytes <= SLOT * 4 * 11
    ring.clear()
    assert ring.nbytes == 0


def test_trim_and_resize() -> None:
    left: list[Any] = []
    ring = Ring((text(number) for number in range(100)), max_bytes="1MiB", on_evict=told(left))
    before = ring.nbytes
    assert ring.trim("4KiB") == before - ring.nbytes
    assert ring.nbytes <= 4096
    assert left == [(text(number), "trimmed") for number in range(100 - len(ring))]
    left.clear()
    count = len(ring)
    ring.resize(max_bytes=2000)
    assert ring.nbytes <= 2000 < ring.nbytes + sizeof(text(1)) + SLOT
    ring.resize(max_items=3)
    assert len(ring) == 3
    sized = [reason for _item, reason in left].count("size")
    assert [reason for _item, reason in left[sized:]] == ["items"] * (count - sized - 3)
    ring.resize(max_bytes=None)
    assert (ring.max_items, ring.max_bytes) == (3, None)
    with pytest.raises(ValueError, match="needs a bound"):
        ring.resize(max_items=None)
    ring.resize(None, 500)
    assert (ring.max_items, ring.max_bytes) == (None, 500)
    ring.resize(max_bytes=0)
    assert (len(ring), ring.nbytes) == (0, 0)
    assert ring.trim(0) == 0


def test_stats_count_what_entered_and_left() -> None:
    ring = Ring(max_items=3)
    ring.extend("abcde")
    ring[0] = "x"
    ring.pop()
    stats = ring.stats()
    assert (stats.inserts, stats.replacements, stats.items, stats.max_items) == (5, 1, 2, 3)
    evictions = {reason: count for reason, count in stats.evictions.items() if count}
    assert evictions == {"items": 2, "replaced": 1, "deleted": 1}
    assert stats.max_bytes is None
    assert type(stats).__name__ == "RingStats"
    ring.reset_stats()
    assert (ring.stats().inserts, ring.peak_nbytes) == (0, ring.nbytes)


# ---- items that change ----


def test_remeasure_and_audit() -> None:
    left: list[Any] = []
    ring = Ring([[], [], []], max_bytes=2000, on_evict=told(left))
    assert ring.audit().drift == 0
    ring[1].append(bytes(300))
    drift = ring.audit().drift
    assert drift == sizeof(ring[1]) - ring.item_nbytes(1) > 300
    walk = iter(ring)
    assert ring.remeasure(1) == ring.item_nbytes(1) == sizeof(ring[1])
    next(walk)
    assert ring.audit().drift == 0
    ring[1].append(bytes(1400))
    assert ring.remeasure(-2) == sizeof(ring[1 if len(ring) == 3 else 0])
    assert left == [([], "size")]
    ring[0].append(bytes(2000))
    assert ring.remeasure(0) == 0
    assert [reason for _item, reason in left] == ["size", "size"]
    for index in (5, -5):
        with pytest.raises(IndexError):
            ring.remeasure(index)
    ring._validate()


def test_an_item_that_outgrew_the_budget_leaves() -> None:
    left: list[Any] = []
    ring = Ring([[], []], 5, budget=Budget(1500), on_evict=told(left))
    ring[1].append(bytes(2000))
    assert ring.remeasure(1) == 0
    assert [reason for _item, reason in left] == ["budget"]
    assert len(ring) == 1
