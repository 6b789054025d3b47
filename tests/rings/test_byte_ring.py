"""ByteRing: what is appended, read, dropped and refused."""

import array
import copy
import mmap
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from bytebound import Budget, BudgetExceededError, ByteRing, EntryTooLargeError, sizeof

PAGE = mmap.PAGESIZE
SMALL = 4 * PAGE
ROOM = 3 * PAGE  # of it, for records


def filled(*records: bytes, **settings: Any) -> ByteRing:
    ring = ByteRing(SMALL, **settings)
    ring.extend(records)
    return ring


def test_records_come_out_as_they_went_in() -> None:
    records = [b"", b"a", b"bc" * 10, bytes(range(256)), bytes(5000), b"\0"]
    ring = filled(*records)
    assert list(ring) == records
    assert [ring[i] for i in range(6)] == records
    assert [ring[i] for i in range(-6, 0)] == records
    assert [ring.get(seq) for seq in range(6)] == records
    assert [bytes(ring.view(i)) for i in range(-6, 6)] == records * 2
    assert len(ring) == 6
    assert ring.payload_nbytes == sum(map(len, records))
    assert [ring.popleft() for _ in range(6)] == records
    ring._validate()


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, 248, 1000, PAGE, ROOM - 8])
def test_as_many_of_the_newest_stay_as_fit(length: int) -> None:
    ring = ByteRing(SMALL)
    fit = ROOM // ((length + 8 + 7) // 8 * 8)
    for number in range(2 * fit + 5):
        assert ring.append(bytes([number % 256]) * length) == number
        assert len(ring) == min(number + 1, fit)
    ring._validate()
    first = 2 * fit + 5 - fit
    assert (ring.first_seq, ring.next_seq) == (first, 2 * fit + 5)
    for index in range(0, fit, 1 + fit // 50):
        assert ring[index] == bytes([(first + index) % 256]) * length


def test_a_long_record_makes_many_leave() -> None:
    ring = filled(*[b"short"] * 100)
    ring.append(bytes(ROOM - 8))
    assert len(ring) == 1
    assert ring.stats().evictions == {"size": 100}


def test_what_cannot_fit_is_refused_and_changes_nothing() -> None:
    ring = filled(b"one", b"two")
    before = ring.stats()
    with pytest.raises(EntryTooLargeError, match=rf"{ROOM - 7} bytes.*longest has {ROOM - 8}") as e:
        ring.append(bytes(ROOM - 7))
    assert (e.value.nbytes, e.value.max_bytes) == (ROOM - 7, SMALL)
    assert list(ring) == [b"one", b"two"]
    assert ring.stats() == before


@pytest.mark.parametrize("index", [2, -3, 2**70, -(2**70), 100])
def test_an_index_that_there_is_not(index: int) -> None:
    ring = filled(b"one", b"two")
    with pytest.raises(IndexError):
        ring[index]
    with pytest.raises(IndexError):
        ring.view(index)


@pytest.mark.parametrize("index", ["0", 1.0, None])
def test_an_index_that_is_none(index: Any) -> None:
    ring = filled(b"one")
    for use in (ring.__getitem__, ring.view, ring.get):
        with pytest.raises(TypeError):
            use(index)


@pytest.mark.parametrize(
    "index",
    [
        *(slice(None), slice(1, 3), slice(-3, None), slice(None, None, -1), slice(4, 0, -2)),
        *(slice(100), slice(5, 2), slice(-(2**70), 2**70, 3)),
    ],
)
def test_slices_are_those_of_a_list(index: slice) -> None:
    records = [bytes([i]) * i for i in range(6)]
    assert filled(*records)[index] == records[index]


def test_get_says_why_there_is_no_record() -> None:
    ring = filled(b"one", b"two", b"three")
    ring.popleft()
    assert ring.get(2) == b"three"
    with pytest.raises(LookupError, match=r"record 0 has left the ByteRing.* has number 1"):
        ring.get(0)
    with pytest.raises(LookupError, match=r"record 3 is not written yet.* has number 3"):
        ring.get(3)
    with pytest.raises(LookupError, match="not written yet"):
        ring.get(2**80)
    with pytest.raises(LookupError, match="start at 0"):
        ring.get(-1)


def test_sequence_numbers_go_on() -> None:
    ring = filled(b"one", b"two")
    ring.clear()
    assert (len(ring), ring.payload_nbytes, ring.first_seq, ring.next_seq) == (0, 0, 2, 2)
    assert ring.append(b"three") == 2
    assert ring.get(2) == ring[0] == b"three"


def test_an_empty_ring() -> None:
    ring = filled()
    for use in (ring.popleft, ring.peek, lambda: ring.readinto(bytearray(5)), lambda: ring[0]):
        with pytest.raises(IndexError):
            use()
    assert list(ring) == ring[:] == []
    assert not ring


def test_peek_removes_nothing() -> None:
    ring = filled(b"one", b"two")
    assert ring.peek() == ring.peek() == b"one"
    assert ring.popleft() == b"one"
    assert ring.peek() == b"two"


def test_readinto_takes_the_oldest_record() -> None:
    ring = filled(b"one", b"", b"three")
    buffer = np.full(6, 120, np.uint8)
    assert ring.readinto(buffer) == 3
    assert ring.readinto(memoryview(buffer)[4:]) == 0
    assert buffer.tobytes() == b"onexxx"
    with pytest.raises(ValueError, match="has 5 bytes, and the buffer 4"):
        ring.readinto(bytearray(4))
    with pytest.raises(BufferError):
        ring.readinto(b"read only")
    with pytest.raises(TypeError):
        ring.readinto("text")
    assert list(ring) == [b"three"]


CONTIGUOUS = {
    "bytes": b"12345678",
    "bytearray": bytearray(b"12345678"),
    "memoryview": memoryview(b"0123456789")[1:9],
    "array": array.array("d", [1.5]),
    "NumPy array": np.arange(6, dtype="<i4").reshape(2, 3),
    "NumPy row": np.arange(6.0).reshape(2, 3)[1],
    "NumPy number": np.float64(2.5),
    "structured": np.zeros(2, [("a", "i4"), ("b", "f8")]),
    "mmap": mmap.mmap(-1, PAGE),
    "cast": memoryview(b"12345678").cast("I"),
    "empty": memoryview(b"")[0:],
}


@pytest.mark.parametrize("record", CONTIGUOUS.values(), ids=CONTIGUOUS)
def test_anything_contiguous_can_be_a_record(record: Any) -> None:
    ring = filled()
    ring.append(record)
    assert ring[0] == bytes(memoryview(record).cast("B") if record is not None else b"")


@pytest.mark.parametrize(
    "record",
    [
        memoryview(b"12345678")[::2],
        np.arange(10)[::2],
        np.zeros((3, 3)).T[1:],
        memoryview(b"x" * 9),
    ],
)
def test_only_what_is_contiguous_is_copied(record: Any) -> None:
    ring = filled(b"one")
    if memoryview(record).c_contiguous:
        ring.append(record)
        return
    with pytest.raises((BufferError, ValueError)):
        ring.append(record)
    assert list(ring) == [b"one"]


@pytest.mark.parametrize("record", ["text", 5, None, [1], object()])
def test_only_bytes_are_records(record: Any) -> None:
    ring = filled(b"one")
    with pytest.raises(TypeError):
        ring.append(record)
    assert list(ring) == [b"one"]


def test_extend_keeps_what_came_before_a_refusal() -> None:
    ring = filled()
    with pytest.raises(TypeError):
        ring.extend([b"one", b"two", "three", b"four"])  # type: ignore[list-item]
    assert list(ring) == [b"one", b"two"]
    ring.extend(ring)
    assert list(ring) == [b"one", b"two"] * 2
    ring.clear()
    ring.extend(np.arange(4, dtype=np.uint8).reshape(2, 2))
    assert list(ring) == [b"\0\1", b"\2\3"]


@pytest.mark.parametrize(
    "change",
    [
        lambda ring: ring.append(b"new"),
        lambda ring: ring.popleft(),
        lambda ring: ring.clear(),
        lambda ring: ring.readinto(bytearray(10)),
    ],
)
def test_iteration_notices_changes(change: Any) -> None:
    ring = filled(b"one", b"two", b"three")
    iterator = iter(ring)
    assert next(iterator) == b"one"
    change(ring)
    with pytest.raises(RuntimeError, match="changed during iteration"):
        next(iterator)
    assert next(iterator, None) is None


def test_iteration_needs_no_more_than_to_go_on() -> None:
    ring = filled(b"one", b"two")
    iterator = iter(ring)
    assert list(iterator) == [b"one", b"two"]
    ring.append(b"three")
    assert next(iterator, None) is None
    assert list(reversed(ring)) == [b"three", b"two", b"one"]
    assert b"two" in ring
    assert b"four" not in ring


def test_the_block_is_charged_once_and_never_grows() -> None:
    budget = Budget("1MiB")
    ring = filled(budget=budget)
    for number in range(5000):
        assert ring.nbytes == budget.nbytes == ring.max_bytes == ring.capacity == SMALL
        ring.append(bytes(number % 3000))
    assert ring.peak_nbytes == budget.peak_nbytes == SMALL
    assert ring.overhead_nbytes + ring.payload_nbytes == SMALL
    assert SMALL <= sizeof(ring) < SMALL + 2000
    ring.clear()
    assert ring.overhead_nbytes == budget.nbytes == SMALL
    del ring
    assert budget.nbytes == 0


def test_capacity_is_whole_pages_and_a_bound() -> None:
    for given, pages in ((2 * PAGE, 2), (2 * PAGE + 1, 2), (100 * PAGE - 1, 99)):
        ring = ByteRing(given)
        assert ring.capacity == ring.nbytes == pages * PAGE <= given
    assert ByteRing("64KiB").capacity == 64 * 1024
    large = ByteRing("64MiB")
    assert large.append(bytes(int(large.capacity * 0.96))) == 0


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (ValueError, {"capacity": 2 * PAGE - 1}),
        (ValueError, {"capacity": -1}),
        (ValueError, {"capacity": "many"}),
        (ValueError, {"capacity": 2**45}),
        (TypeError, {"capacity": 1e6}),
        (TypeError, {}),
        (ValueError, {"capacity": SMALL, "on_pinned": "wait"}),
        (ValueError, {"capacity": SMALL, "on_pinned": None}),
        (TypeError, {"capacity": SMALL, "budget": 5}),
        (TypeError, {"capacity": SMALL, "name": 5}),
        (TypeError, {"capacity": SMALL, "sizer": "deep"}),
    ],
)
def test_arguments_that_make_no_sense(error: type[Exception], given: dict[str, Any]) -> None:
    with pytest.raises(error):
        ByteRing(**given)


def test_a_budget_without_room() -> None:
    budget = Budget(SMALL - 1, name="all")
    with pytest.raises(BudgetExceededError, match="'all' has no room"):
        ByteRing(SMALL, budget=budget)
    assert budget.nbytes == 0
    ring = ByteRing(SMALL - PAGE, budget=budget)
    assert budget.nbytes == ring.nbytes


def test_statistics() -> None:
    ring = filled(*[bytes(1000)] * 15)
    stats = ring.stats()
    assert (stats.items, stats.appends, stats.evictions) == (12, 15, {"size": 3})
    assert (stats.set_aside, stats.views, stats.pinned_nbytes) == (0, 0, 0)
    assert stats.nbytes == stats.payload_nbytes + stats.overhead_nbytes == SMALL
    ring.reset_stats()
    after = ring.stats()
    assert (after.appends, after.evictions, after.items) == (0, {"size": 0}, 12)


def test_a_closed_ring_can_be_looked_at_from_outside() -> None:
    budget = Budget("1MiB")
    with ByteRing(SMALL, budget=budget, name="records") as ring:
        ring.append(b"one")
        iterator = iter(ring)
    ring.close()
    assert ring.closed
    assert (len(ring), ring.nbytes, ring.payload_nbytes, budget.nbytes) == (0, 0, 0, 0)
    assert "closed" in repr(ring)
    assert ring.stats().items == 0
    uses = [
        lambda: ring.append(b"two"), lambda: ring.extend([b"two"]), ring.popleft, ring.peek,
        lambda: ring[0], lambda: ring[:], lambda: ring.get(0), lambda: ring.view(0), ring.clear,
        lambda: ring.readinto(bytearray(9)), lambda: iter(ring), lambda: next(iterator),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()
    ring._validate()


def test_a_ring_that_was_not_initialised() -> None:
    ring = ByteRing.__new__(ByteRing)
    for use in (lambda: ring.append(b""), lambda: list(ring), ring.peek):
        with pytest.raises(RuntimeError, match="was not initialised"):
            use()
    assert (len(ring), ring.nbytes, ring.closed) == (0, 0, True)
    ring.close()
    initialised = filled(b"one")
    with pytest.raises(RuntimeError, match="initialised already; make another one"):
        initialised.__init__(SMALL)  # type: ignore[misc]
    assert list(initialised) == [b"one"]


def test_it_stays_in_its_process() -> None:
    ring = filled(b"one")
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot copy or pickle the ByteRing"):
            use(ring)


def test_subclasses_and_weak_references() -> None:
    class Log(ByteRing):
        def append(self, record: Any, /) -> int:
            return super().append(record + b"\n")

    log = Log(SMALL)
    log.extend([b"one"])
    log.itself = log  # type: ignore[attr-defined]
    assert list(log) == [b"one\n"]
    assert weakref.ref(log)() is log
    assert "Log" in repr(log)
    assert "records" in repr(filled(name="records"))
