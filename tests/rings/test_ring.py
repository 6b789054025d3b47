"""What a RingBuffer does as a deque: ends, bounds on items, indices, slices, wholes."""

import collections
import copy
import pickle
import sys
from collections.abc import MutableSequence
from typing import Any

import pytest

import bytebound
from bytebound import BoundedQueue, Budget, EntryTooLargeError, LRUCache, RingBuffer

Ring = RingBuffer[Any]


class Departures(list[tuple[Any, str]]):
    """An eviction callback that remembers its calls."""

    def __call__(self, item: object, reason: str) -> None:
        self.append((item, reason))


class Sub(Ring):
    """A subclass with attributes."""


class Slotted(Ring):
    __slots__ = ("mark",)


# ---- making one ----


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({}, ValueError, "needs a bound"),
        ({"max_items": -1}, ValueError, "max_items"),
        ({"max_items": 1.5}, TypeError, "max_items"),
        ({"max_items": True, "max_bytes": -1}, ValueError, "max_bytes"),
        ({"max_bytes": "many"}, ValueError, "max_bytes"),
        ({"max_items": 1, "sizer": "shared"}, ValueError, '"deep", "shallow" or a callable'),
        ({"max_items": 1, "sizer": "huge"}, ValueError, "sizer"),
        ({"max_items": 1, "sizer": 5}, TypeError, "sizer"),
        ({"max_items": 1, "on_evict": 5}, TypeError, "on_evict"),
        ({"max_items": 1, "budget": 5}, TypeError, "budget"),
        ({"max_items": 1, "name": 5}, TypeError, "name"),
        ({"max_items": 1, "iterable": 5}, TypeError, "iterable"),
    ],
)
def test_what_cannot_be_made(settings: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Ring(**settings)


def test_settings_are_told() -> None:
    budget = Budget("1MiB")
    left = Departures()
    ring = Ring("ab", 5, "4KiB", sizer=len, on_evict=left, budget=budget, name="history")
    assert (ring.max_items, ring.maxlen, ring.max_bytes) == (5, 5, 4096)
    assert (ring.sizer, ring.on_evict, ring.budget, ring.name) == (len, left, budget, "history")
    assert repr(ring) == "RingBuffer(['a', 'b'], max_items=5, max_bytes=4096, name='history')"
    assert Ring(max_bytes=100).maxlen is None
    assert Ring(max_items=100).max_bytes is None


def test_an_uninitialised_ring_says_so() -> None:
    ring: Ring = RingBuffer.__new__(RingBuffer)
    with pytest.raises(RuntimeError, match="not initialised"):
        ring.append(1)
    with pytest.raises(RuntimeError, match="not initialised"):
        ring.resize(3)
    with pytest.raises(RuntimeError, match="not initialised"):
        ring.copy()
    assert (list(ring), len(ring)) == ([], 0)


def test_init_again_starts_over_with_other_bounds() -> None:
    left = Departures()
    ring = Ring("abc", 3, on_evict=left)
    walk = iter(ring)
    ring.__init__("xyz", 2, on_evict=left)  # type: ignore[misc]
    assert ring == Ring("yz", 2)
    assert left == [("a", "cleared"), ("b", "cleared"), ("c", "cleared"), ("x", "items")]
    with pytest.raises(RuntimeError, match="during iteration"):
        next(walk)
    for other in ({"on_evict": None}, {"sizer": "shallow"}, {"name": "x"}):
        with pytest.raises(RuntimeError, match="initialised already"):
            ring.__init__("abc", 3, **{"on_evict": left, **other})  # type: ignore[misc]
    assert list(ring) == ["y", "z"]


def test_it_is_a_mutable_sequence() -> None:
    ring = Ring("abc", 5)
    assert isinstance(ring, MutableSequence)
    match ring:
        case [first, *rest]:
            assert (first, rest) == ("a", ["b", "c"])
        case _:
            pytest.fail("a ring is a sequence to match")
    assert RingBuffer[int].__origin__ is RingBuffer
    with pytest.raises(TypeError, match="unhashable"):
        hash(ring)
    assert RingBuffer.__module__ == "bytebound"
    assert "RingBuffer" in bytebound.__all__


# ---- the ends, and the bound on items ----


def test_appending_past_the_bound_evicts_from_the_other_end() -> None:
    left = Departures()
    ring = Ring(range(3), 3, on_evict=left)
    ring.append(3)
    ring.appendleft(-1)
    ring.extend([5, 6])
    ring.extendleft([8, 9])
    assert list(ring) == [9, 8, 2]
    assert [item for item, reason in left] == [0, 3, -1, 1, 6, 5]
    assert {reason for item, reason in left} == {"items"}


def test_popping_tells_and_returns() -> None:
    left = Departures()
    ring = Ring("abc", 3, on_evict=left)
    assert (ring.pop(), ring.popleft()) == ("c", "a")
    assert left == [("c", "deleted"), ("a", "deleted")]
    ring.clear()
    assert left[2:] == [("b", "cleared")]
    for pop in (ring.pop, ring.popleft):
        with pytest.raises(IndexError, match="empty"):
            pop()


def test_a_ring_of_no_items_keeps_none() -> None:
    left = Departures()
    ring = Ring("ab", 0, on_evict=left)
    ring.appendleft("c")
    assert (len(ring), ring.nbytes, ring.maxlen) == (0, 0, 0)
    assert left == [("a", "items"), ("b", "items"), ("c", "items")]
    with pytest.raises(IndexError, match="full"):
        ring.insert(0, "d")
    ring.resize(max_items=1)
    ring.append("e")
    assert list(ring) == ["e"]


def test_a_ring_extended_by_itself() -> None:
    ring = Ring("abc", 5)
    ring.extend(ring)
    assert "".join(ring) == "bcabc"
    ring.extendleft(ring)
    assert "".join(ring) == "cbacb"
    ring += ring
    assert "".join(ring) == "cbacb"


# ---- by index ----


def test_head_and_tail() -> None:
    ring = Ring("abcde", 9)
    assert (ring.head(2), ring.tail(2)) == (["a", "b"], ["d", "e"])
    assert ring.head(9) == ring.tail(9) == list("abcde")
    assert ring.head(0) == ring.tail(0) == []
    for look in (ring.head, ring.tail):
        with pytest.raises(ValueError, match="negative"):
            look(-1)
        with pytest.raises(TypeError):
            look("2")  # type: ignore[arg-type]


def test_indices_out_of_range_change_nothing() -> None:
    ring = Ring("abc", 3)
    for index in (3, -4, 2**70, -(2**70)):
        with pytest.raises(IndexError):
            ring[index]
        with pytest.raises(IndexError):
            ring[index] = "x"
        with pytest.raises(IndexError):
            del ring[index]
        with pytest.raises(IndexError):
            ring.item_nbytes(index) if abs(index) < 9 else ring[index]
    with pytest.raises(TypeError):
        ring["a"]  # type: ignore[call-overload]
    assert "".join(ring) == "abc"


def test_insert_evicts_nothing() -> None:
    ring = Ring("ac", 3)
    ring.insert(1, "b")
    with pytest.raises(IndexError, match=r"full: it holds max_items=3"):
        ring.insert(0, "x")
    assert "".join(ring) == "abc"
    heavy = Ring([bytes(400), bytes(400)], max_bytes=1000)
    with pytest.raises(IndexError, match=r"full: \d+ of max_bytes=1000"):
        heavy.insert(1, bytes(200))
    with pytest.raises(EntryTooLargeError):
        heavy.insert(1, bytes(2000))
    heavy._validate()
    assert [len(item) for item in heavy] == [400, 400]


def test_assigning_tells_what_was_replaced() -> None:
    left = Departures()
    ring = Ring("abc", 3, on_evict=left)
    ring[1] = "x"
    ring[-1] = ring[-1]
    assert left == [("b", "replaced")]
    assert ring.stats().replacements == 1


@pytest.mark.parametrize("bounds", [(40, None), (None, 10_000)])
def test_slices_read_as_lists_do(bounds: tuple[int | None, int | None]) -> None:
    ring, plain = Ring(range(12), *bounds), list(range(12))
    ring.rotate(5)
    plain = plain[-5:] + plain[:-5]
    edges = [None, -20, -12, -5, -1, 0, 1, 4, 11, 12, 20]
    for start in edges:
        for stop in edges:
            for step in (None, 1, 2, 5, -1, -2, -30):
                part = ring[start:stop:step]
                assert type(part) is RingBuffer
                assert list(part) == plain[start:stop:step]
                assert (part.max_items, part.max_bytes) == bounds
    with pytest.raises(ValueError, match="zero"):
        ring[::0]


def test_slices_are_assigned_and_deleted_as_in_lists() -> None:
    edges = [None, -9, -6, -2, 0, 1, 3, 6, 9]
    for start in edges:
        for stop in edges:
            for step in (None, 1, 2, -1, -2):
                for new in ("", "x", "xy", "xyz", "uvwxyz"):
                    ring, plain = Ring("abcdef", 50), list("abcdef")
                    try:
                        plain[start:stop:step] = new
                    except ValueError as error:
                        with pytest.raises(ValueError, match=str(error)):
                            ring[start:stop:step] = new
                    else:
                        ring[start:stop:step] = new
                    assert list(ring) == plain
                    del ring[start:stop:step], plain[start:stop:step]
                    assert list(ring) == plain
                    ring._validate()


def test_an_assigned_slice_enters_whole_or_not_at_all() -> None:
    left = Departures()
    ring = Ring("abcde", 6, 2000, on_evict=left)
    before = ring.stats()
    with pytest.raises(IndexError, match="full: it holds"):
        ring[1:2] = "123"
    with pytest.raises(IndexError, match=r"full: \d+ of max_bytes=2000"):
        ring[1:2] = [bytes(1500), bytes(500)]
    with pytest.raises(EntryTooLargeError):
        ring[1:2] = ["1", bytes(3000)]
    with pytest.raises(ZeroDivisionError):
        ring[1:2] = (1 // number for number in (1, 0))
    assert ring.stats() == before
    assert left == []
    del ring[5:]
    ring[1:5] = ring
    assert "".join(ring) == "aabcde"


def test_deleting_a_slice_tells_of_each() -> None:
    left = Departures()
    ring = Ring("abcdef", 6, on_evict=left)
    del ring[::2]
    assert left == [("a", "deleted"), ("c", "deleted"), ("e", "deleted")]
    ring[0:2] = "x"
    assert left[3:] == [("b", "replaced"), ("d", "replaced")]
    assert "".join(ring) == "xf"


# ---- as a whole ----


def test_comparison_is_with_rings_only() -> None:
    ring = Ring("abc", 3)
    assert ring == Ring("abc", max_bytes="1MiB")
    assert Ring("abc", 3) < Ring("abz", 3) <= Ring("abz", 4)
    for other in ("abc", list("abc"), collections.deque("abc"), None):
        assert ring != other
        with pytest.raises(TypeError):
            ring < other  # type: ignore[operator] # noqa: B015


def test_adding_and_repeating_keep_the_bounds() -> None:
    ring = Ring("abc", 5)
    assert "".join(ring + Ring("de", 9)) == "abcde"
    assert "".join(ring + ring) == "bcabc"
    assert "".join(ring * 10**12) == "bcabc"
    assert "".join(2 * ring) == "bcabc"
    assert len(ring * 0) == len(ring * -3) == 0
    sized = Ring(["x" * 100], max_bytes=1000)
    sized *= 10**12
    assert 0 < len(sized) < 10
    for wrong in (lambda: ring * 1.5, lambda: ring + "x", lambda: ring * "x"):
        with pytest.raises(TypeError):
            wrong()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("make", [RingBuffer, Sub, Slotted])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copies_and_pickles(make: type[Ring], protocol: int) -> None:
    ring = make([["a"], "b", 3], 7, "64KiB", sizer="shallow", name="x")
    if make is not RingBuffer:
        ring.mark = ["marked"]  # type: ignore[attr-defined]
    ring.append(4)
    for other in (
        ring.copy(),
        copy.copy(ring),
        copy.deepcopy(ring),
        pickle.loads(pickle.dumps(ring, protocol)),
    ):
        assert type(other) is make
        assert other == ring
        assert other is not ring
        assert (other.max_items, other.max_bytes, other.sizer, other.name) == (
            *(7, 65536, "shallow", "x"),
        )
        assert other.stats().inserts == 0
        assert other.audit().drift == 0
        assert getattr(other, "mark", None) == getattr(ring, "mark", None)
        other._validate()
        other.append(5)
        assert len(ring) == 4
    assert copy.deepcopy(ring)[0] is not ring[0]
    assert ring.copy()[0] is ring[0]


def test_a_ring_that_holds_itself() -> None:
    ring = Ring(max_items=3)
    ring.append(ring)
    assert repr(ring) == "RingBuffer([[...]], max_items=3)"
    other = pickle.loads(pickle.dumps(ring))
    assert other[0] is other
    twin = copy.deepcopy(ring)
    assert twin[0] is twin


def test_a_full_ring_is_unpickled_full() -> None:
    ring = Ring(max_bytes=5000)
    for number in range(500):
        ring.append(f"item number {number}")
    other = pickle.loads(pickle.dumps(ring))
    assert list(other) == list(ring)
    assert other.nbytes <= 5000
    budgeted = Ring("abc", 3, budget=Budget(1000))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(budgeted)


# ---- iterating ----


def test_iterators_notice_what_moves_but_not_what_is_assigned() -> None:
    changes: list[Any] = [
        lambda ring: ring.append(9),
        lambda ring: ring.popleft(),
        lambda ring: ring.rotate(),
        lambda ring: ring.reverse(),
        lambda ring: ring.insert(2, 9),
        lambda ring: ring.clear(),
        lambda ring: ring.__delitem__(slice(1, 2)),
        lambda ring: ring.__setitem__(slice(1, 2), [1]),
        lambda ring: ring.trim(0),
        lambda ring: ring.resize(max_items=2),
    ]
    for change in changes:
        ring = Ring(range(5), 9)
        walks = [iter(ring), reversed(ring)]
        for walk in walks:
            next(walk)
        ring[3] = 7
        for walk in walks:
            next(walk)
        change(ring)
        for walk in walks:
            with pytest.raises(RuntimeError, match="during iteration"):
                next(walk)


def test_a_finished_iterator_stays_finished() -> None:
    ring = Ring("ab", 3)
    walk = iter(ring)
    assert walk.__length_hint__() == 2  # type: ignore[attr-defined]
    assert [*walk] == ["a", "b"]
    assert walk.__length_hint__() == 0  # type: ignore[attr-defined]
    ring.append("c")
    assert next(walk, None) is None


@pytest.mark.parametrize("many", [2**32 - 1, 2**32, 2**62, sys.maxsize, 2**100])
def test_a_bound_above_any_memory_is_one(many: int) -> None:
    ring: RingBuffer[int] = RingBuffer([1], max_items=many)
    assert ring.max_items == ring.maxlen == 2**32 - 2
    assert BoundedQueue(max_items=many).max_items == 2**32 - 2
    assert LRUCache("1MiB", max_items=many).max_items == 2**32 - 2


def test_what_passes_through_no_items_at_all_is_counted() -> None:
    left: list[tuple[int, str]] = []
    ring = RingBuffer([1, 2], max_items=0, on_evict=lambda *one: left.append(one))
    ring.append(3)
    assert left == [(1, "items"), (2, "items"), (3, "items")]
    stats = ring.stats()
    assert (stats.inserts, stats.evictions["items"], stats.items) == (3, 3, 0)
    with pytest.raises(ValueError, match="max_items must be at least 0 or None, and is -1"):
        RingBuffer(max_items=-1)
