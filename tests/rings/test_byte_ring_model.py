"""ByteRing against a deque of bytes, with views that must stay as they were."""

import mmap
from collections import deque
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bytebound import Budget, BudgetExceededError, ByteRing, EntryTooLargeError

PAGE = mmap.PAGESIZE
LENGTHS = st.one_of(
    st.integers(0, 20), st.integers(0, 400), st.integers(PAGE - 20, PAGE + 20),
    st.integers(0, 4 * PAGE),
)  # fmt: skip
PICK = st.integers(0, 2**16)


def room_of(record: bytes) -> int:
    return (len(record) + 8 + 7) // 8 * 8


class Machine(RuleBasedStateMachine):
    """The model: every record that is not overwritten yet, and which of them left."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[bytes] = deque()
        self.left = 0  # of the records, those at the front that are not in the ring any more
        self.next_seq = 0
        self.views: list[tuple[int, memoryview, bytes]] = []

    @initialize(
        on_pinned=st.sampled_from(["raise", "copy"]),
        pages=st.integers(2, 5),
        more=st.integers(0, 6),
    )
    def make(self, on_pinned: Any, pages: int, more: int) -> None:
        self.budget = Budget((pages + more) * PAGE + 500)
        self.ring = ByteRing(pages * PAGE, on_pinned=on_pinned, budget=self.budget)
        self.room = (pages - 1) * PAGE

    @property
    def kept(self) -> list[bytes]:
        return list(self.records)[self.left :]

    @property
    def first_seq(self) -> int:
        return self.next_seq - len(self.records) + self.left

    @rule(length=LENGTHS, fill=st.integers(0, 255), times=st.sampled_from([1, 1, 5, 40]))
    def append(self, length: int, fill: int, times: int) -> None:
        for _ in range(times):
            self.append_one(bytes([fill]) * (length // 2) + bytes([255 - fill]) * (-(-length // 2)))

    def append_one(self, record: bytes) -> None:
        after = list(self.records)
        while after and sum(map(room_of, after)) + room_of(record) > self.room:
            del after[0]
        overwritten = len(self.records) - len(after)
        floor = self.next_seq - len(self.records)
        pinned = any(seq < floor + overwritten for seq, _, _ in self.views if seq >= floor)
        before = self.ring.stats()
        try:
            assert self.ring.append(record) == self.next_seq
        except EntryTooLargeError:
            assert room_of(record) > self.room
        except (BufferError, BudgetExceededError):
            assert pinned
        else:
            assert room_of(record) <= self.room
            assert not pinned or self.ring.on_pinned == "copy"
            self.records = deque([*after, record])
            self.left = max(self.left - overwritten, 0)
            self.next_seq += 1
            return
        assert self.ring.stats() == before

    @rule()
    def popleft(self) -> None:
        if not self.kept:
            with pytest.raises(IndexError):
                self.ring.popleft()
            return
        assert self.ring.popleft() == self.kept[0]
        self.left += 1

    @rule(size=st.integers(0, 500))
    def readinto(self, size: int) -> None:
        buffer = bytearray(size)
        if self.kept and len(self.kept[0]) <= size:
            length = self.ring.readinto(buffer)
            assert buffer[:length] == self.kept[0]
            self.left += 1
        else:
            with pytest.raises((IndexError, ValueError)):
                self.ring.readinto(buffer)

    @rule()
    def clear(self) -> None:
        self.ring.clear()
        self.left = len(self.records)

    @rule(pick=PICK)
    def view(self, pick: int) -> None:
        if self.kept:
            index = pick % len(self.kept)
            try:
                view = self.ring.view(index)
            except (BufferError, BudgetExceededError):
                assert self.ring.on_pinned == "copy"
            else:
                self.views.append((self.first_seq + index, view, self.kept[index]))

    @rule(pick=PICK)
    def look_away(self, pick: int) -> None:
        if self.views:
            _, view, record = self.views.pop(pick % len(self.views))
            assert view == record
            view.release()

    @rule(start=st.integers(-9, 9), stop=st.integers(-9, 9), step=st.sampled_from([-2, -1, 1, 3]))
    def read(self, start: int, stop: int, step: int) -> None:
        assert self.ring[start:stop:step] == self.kept[start:stop:step]
        if self.kept:
            index = start % len(self.kept)
            assert self.ring[index] == self.ring.get(self.first_seq + index) == self.kept[index]

    @invariant()
    def is_the_same(self) -> None:
        if not hasattr(self, "ring"):
            return
        self.ring._validate()
        assert list(self.ring) == self.kept
        assert (self.ring.first_seq, self.ring.next_seq) == (self.first_seq, self.next_seq)
        assert self.ring.payload_nbytes == sum(map(len, self.kept))
        assert self.ring.nbytes == self.budget.nbytes <= min(self.ring.max_bytes, 2**40)
        assert self.ring.stats().views == len(self.views)
        for _, view, record in self.views:
            assert view == record

    def teardown(self) -> None:
        if hasattr(self, "ring"):
            self.ring.close()
            for _, view, record in self.views:
                assert view == record
                view.release()
            assert self.budget.nbytes == 0


Machine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
test_model = Machine.TestCase
