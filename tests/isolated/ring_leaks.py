"""Nothing is left behind by many rounds of an operation on a ring, whether it succeeds or fails.

Argument: the name of one of the functions below.
"""

import copy
import pickle
import sys
from typing import Any

from leak_check import check, failing

from bytebound import Budget, BudgetExceededError, EntryTooLargeError, RingBuffer

Ring = RingBuffer[Any]


class Item:
    """An item that Python code compares."""

    fails = False

    def __init__(self, name: object) -> None:
        self.name = name

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if Item.fails:
            raise ArithmeticError
        return isinstance(other, Item) and self.name == other.name


ITEM, OTHER, ABSENT = Item("item"), Item("other"), Item("absent")
WATCHED = [ITEM, OTHER, ABSENT]
RING = Ring(max_bytes=2**20)
SMALL = Ring(max_bytes=2000)
FEW = Ring(max_items=4)
BUDGET = Budget(2000, parent=Budget(3000))
MEMBER = Ring(max_bytes=2**20, budget=BUDGET)
NEIGHBOUR = Ring(max_bytes=2**20, budget=BUDGET)


def keep(ring: Ring) -> Ring:
    ring.append(ITEM)
    ring.appendleft(OTHER)
    return ring


def ends() -> None:
    keep(RING)
    assert RING.pop() is ITEM
    assert RING.popleft() is OTHER
    failing(IndexError, RING.pop)
    failing(IndexError, RING.popleft)


def evict() -> None:
    for number in range(60):
        SMALL.append([number])
        FEW.appendleft([number])
    SMALL.append(bytes(1900))
    for number in range(60):
        MEMBER.append([number])


def by_index() -> None:
    RING.extend([ITEM, OTHER, ITEM])
    assert RING[1] is RING[-2] is OTHER
    RING[1] = ITEM
    RING.insert(1, OTHER)
    del RING[0]
    RING.rotate(2)
    RING.reverse()
    failing(IndexError, RING.__getitem__, 9)
    failing(IndexError, RING.__setitem__, 9, ITEM)
    failing(IndexError, RING.__delitem__, -9)
    failing(TypeError, RING.__getitem__, "0")
    RING.clear()


def slices() -> None:
    RING.extend([ITEM, OTHER] * 9)
    assert len(RING[2:9:2]) == 4
    RING[3:5] = [ITEM, ITEM, [1]]
    RING[::-2] = [OTHER] * len(RING[::-2])
    del RING[1:-1:3]
    failing(ValueError, RING.__setitem__, slice(None, None, 2), [1])
    failing(TypeError, RING.__setitem__, slice(1), 1)
    failing(ZeroDivisionError, RING.__setitem__, slice(1), (1 // 0 for _ in "a"))
    failing(EntryTooLargeError, SMALL.__setitem__, slice(0), [ITEM, bytes(3000)])
    failing(IndexError, SMALL.__setitem__, slice(0), [bytes(1000), bytes(1000)])
    RING.clear()


def by_value() -> None:
    RING.extend([ITEM, OTHER, ITEM])
    assert Item("other") in RING
    assert RING.count(Item("item")) == 2
    assert RING.index(Item("other")) == 1
    RING.remove(Item("other"))
    failing(ValueError, RING.remove, ABSENT)
    failing(ValueError, RING.index, ABSENT)
    Item.fails = True
    try:
        for use in (RING.remove, RING.index, RING.count, RING.__contains__):
            failing(ArithmeticError, use, ABSENT)
    finally:
        Item.fails = False
    RING.clear()


def wholes() -> None:
    keep(RING)
    assert RING == RING + Ring(max_items=1) == RING * 1
    assert Ring([1], 1) < Ring([2], 1)
    RING.extend(RING)
    ring = Ring([ITEM], 3)
    ring *= 5
    ring += [OTHER]
    ring.extendleft(ring)
    repr(ring), ring.head(2), ring.tail(2), list(reversed(ring))
    assert ring.__add__([1]) is NotImplemented
    failing(ZeroDivisionError, RING.extend, (1 // n for n in (1, 0)))
    RING.clear()


def copies() -> None:
    ring = Ring([["a"], "b"], 5, name="x")
    assert copy.deepcopy(ring) == ring.copy() == ring
    MEMBER.append(bytes(1000))
    failing(BudgetExceededError, MEMBER.copy)


def pickles() -> None:
    ring = Ring(["a", "b"], 5, name="x")
    # Not pickle itself: what it reads by name stays in CPython's cache of attributes.
    make, arguments, state = ring.__reduce__()
    clone = make(*arguments)
    clone.__setstate__(state)
    assert clone == ring
    failing(TypeError, Ring.__new__(RingBuffer).__setstate__, (1, 2, 3))


def refused() -> None:
    keep(SMALL)
    for write in (SMALL.append, SMALL.appendleft):
        failing(EntryTooLargeError, write, bytes(3000))
    failing(EntryTooLargeError, SMALL.insert, 0, bytes(3000))
    failing(EntryTooLargeError, SMALL.__setitem__, 0, bytes(3000))
    SMALL.append(bytes(1000))
    failing(IndexError, SMALL.insert, 0, bytes(1500))
    reservation = BUDGET.reserve(1500)
    failing(BudgetExceededError, MEMBER.append, bytes(1000))
    reservation.release()
    NEIGHBOUR.append(bytes(1500))
    MEMBER.append(bytes(1000))


def measure_again() -> None:
    item = [1]
    SMALL.append(item)
    item.append(2)
    SMALL.remeasure(0), SMALL.audit(), SMALL.stats(), SMALL.item_nbytes(0)
    item.append(bytes(3000))  # type: ignore[arg-type]
    assert SMALL.remeasure(0) == 0
    failing(IndexError, SMALL.remeasure, 0)


def resize_and_trim() -> None:
    RING.extend([ITEM] * 50)
    RING.resize(20, 1000)
    RING.trim(100)
    RING.resize(None, 2**20)
    failing(ValueError, RING.resize, None, None)


def iterate() -> None:
    keep(RING)
    walk = iter(RING)
    next(walk)
    pickle.loads(pickle.dumps(iter(Ring([1], 1))))
    RING.append(ITEM)
    failing(RuntimeError, next, walk)


def callbacks() -> None:
    ring = Ring(max_items=3, on_evict=lambda item, reason: [item][7])
    ring.extend([ITEM] * 9)
    ring[0] = OTHER
    ring.pop()
    ring.clear()
    none = Ring(max_items=0, on_evict=lambda item, reason: [item])
    none.extend([ITEM, OTHER])


def construct() -> None:
    for wrong in ({"sizer": "shared"}, {"max_items": -1}, {"on_evict": 1}, {"name": 1}):
        settings: dict[str, Any] = {"max_items": 5, **wrong}
        failing((TypeError, ValueError), lambda: Ring(**settings))  # noqa: B023
    failing(ValueError, Ring)
    ring = Ring([ITEM, OTHER], 5, budget=Budget(2000), name="y")
    ring.__init__([ITEM], 5, budget=ring.budget, name="y")  # type: ignore[misc]
    failing(RuntimeError, ring.__init__, [ITEM], 5)  # type: ignore[misc]


def cycles() -> None:
    ring = Ring(max_items=5, on_evict=lambda *entry: ring)
    ring.append(ring)
    ring.append(iter(ring))


def empty() -> None:
    for ring in (RING, SMALL, FEW, MEMBER, NEIGHBOUR):
        ring.clear()


check(globals()[sys.argv[1]], empty, WATCHED)
