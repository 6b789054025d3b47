"""Random operations on a RingBuffer, on a deque, and on a list that knows bytes.

Bounded by items, it must be the deque at every step. Bounded by bytes, the model is a list of
items and sizes: it follows what the ring says has left, and checks that those were at the far
end, that no fewer would have done, and every total.
"""

import collections
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from bytebound import Budget, BudgetExceededError, EntryTooLargeError, RingBuffer

Ring = RingBuffer[Any]
SLOT = 16
numbers = st.integers(0, 9)
indices = st.integers(-14, 14)
some = st.lists(numbers, max_size=6)


def outcome(operation: Callable[[], Any]) -> Any:
    """What an operation returns or raises."""
    try:
        return operation()
    except (IndexError, ValueError, TypeError) as error:
        return type(error)


class AgainstDeque(RuleBasedStateMachine):
    """A RingBuffer bounded by items, and what deque does."""

    @initialize(maxlen=st.integers(0, 12) | st.none(), start=some)
    def make(self, maxlen: int | None, start: list[int]) -> None:
        self.ring = Ring(start, maxlen, None if maxlen is not None else "1MiB")
        self.deque = collections.deque(start, maxlen)

    def both(self, use: Callable[[Any], Any]) -> None:
        assert outcome(lambda: use(self.ring)) == outcome(lambda: use(self.deque))

    @rule(name=st.sampled_from(["append", "appendleft", "count", "remove", "__contains__"]))
    def with_an_item(self, name: str) -> None:
        number = len(self.deque) * 7 % 10
        self.both(lambda it: getattr(it, name)(number))

    @rule(name=st.sampled_from(["append", "appendleft", "index", "remove"]), number=numbers)
    def with_a_number(self, name: str, number: int) -> None:
        self.both(lambda it: getattr(it, name)(number))

    @rule(name=st.sampled_from(["extend", "extendleft"]), items=some)
    def with_items(self, name: str, items: list[int]) -> None:
        self.both(lambda it: getattr(it, name)(items))

    @rule(name=st.sampled_from(["pop", "popleft", "reverse", "clear", "rotate"]))
    def alone(self, name: str) -> None:
        self.both(lambda it: getattr(it, name)())

    @rule(name=st.sampled_from(["extend", "extendleft", "__iadd__"]))
    def with_itself(self, name: str) -> None:
        if self.deque.maxlen is not None or len(self.deque) < 100:
            self.both(lambda it: list(getattr(it, name)(it) or it))

    @rule(steps=st.integers(-40, 40))
    def rotate(self, steps: int) -> None:
        self.both(lambda it: it.rotate(steps))

    @rule(at=indices, number=numbers)
    def by_index(self, at: int, number: int) -> None:
        self.both(lambda it: it[at])
        self.both(lambda it: it.__setitem__(at, number))
        self.both(lambda it: it.insert(at, number))

    @rule(at=indices)
    def delete(self, at: int) -> None:
        self.both(lambda it: it.__delitem__(at))

    @rule(number=numbers, start=indices, stop=indices)
    def index(self, number: int, start: int, stop: int) -> None:
        self.both(lambda it: it.index(number, start, stop))

    @rule(times=st.integers(-1, 3))
    def repeat(self, times: int) -> None:
        if len(self.deque) * times < 200:
            self.both(lambda it: list(it.__imul__(times)))
        assert list(self.ring * times)[:50] == list(self.deque * times)[:50]

    @rule(start=indices | st.none(), stop=indices | st.none(), step=st.integers(-3, 3))
    def delete_slice(self, start: int | None, stop: int | None, step: int) -> None:
        part = slice(start, stop, step or None)
        plain = list(self.deque)
        assert list(self.ring[part]) == plain[part]
        del self.ring[part], plain[part]
        self.deque.clear()
        self.deque.extend(plain)

    @rule(start=indices | st.none(), stop=indices | st.none(), items=some)
    def assign_slice(self, start: int | None, stop: int | None, items: list[int]) -> None:
        part = slice(start, stop)
        plain = list(self.deque)
        plain[part] = items
        if self.deque.maxlen is not None and len(plain) > self.deque.maxlen:
            assert outcome(lambda: self.ring.__setitem__(part, items)) is IndexError
            return
        self.ring[part] = items
        self.deque.clear()
        self.deque.extend(plain)

    @rule()
    def copies(self) -> None:
        self.ring = self.ring.copy()

    @invariant()
    def same(self) -> None:
        if hasattr(self, "ring"):
            assert list(self.ring) == list(self.deque)
            assert list(reversed(self.ring)) == list(reversed(self.deque))
            assert len(self.ring) == len(self.deque)
            self.ring._validate()


class Item:
    """Something of a size that is known and may be changed."""

    def __init__(self, size: int) -> None:
        self.size = size


sizes = st.integers(0, 90) | st.integers(0, 700)


class AgainstBytes(RuleBasedStateMachine):
    """A RingBuffer bounded by bytes, items and a budget, and a list of items and sizes."""

    @initialize(
        max_bytes=st.integers(0, 1200) | st.none(),
        max_items=st.integers(1, 20),
        budget=st.integers(0, 1200) | st.none(),
    )
    def make(self, max_bytes: int | None, max_items: int, budget: int | None) -> None:
        self.budget = None if budget is None else Budget(budget)
        self.left: list[tuple[Item, str]] = []
        self.reasons: Counter[str] = Counter()
        self.ring = Ring(
            max_items=max_items,
            max_bytes=max_bytes,
            sizer=lambda item: item.size,
            on_evict=lambda item, reason: self.left.append((item, reason)),
            budget=self.budget,
        )
        self.model: list[tuple[Item, int]] = []

    def limits(self) -> list[int]:
        found = [] if self.ring.max_bytes is None else [self.ring.max_bytes]
        return found if self.budget is None else [*found, self.budget.max_bytes]

    def fits_alone(self, size: int) -> bool:
        return all(size + SLOT <= limit for limit in self.limits())

    def leave(self, from_left: bool, stays: Item | None = None) -> None:
        """Follow the evictions that were told of; each was at its end, and was needed."""
        for item, reason in self.left:
            order = range(len(self.model)) if from_left else reversed(range(len(self.model)))
            at = next(at for at in order if self.model[at][0] is not stays)
            assert self.model[at][0] is item
            assert reason in ("items", "size", "budget")
            del self.model[at]
            self.reasons[reason] += 1
        self.left.clear()

    def check_need(self, evicted: list[tuple[Item, int]], slots: int, count: int) -> None:
        """Check that one fewer would not have done, given the slots and items there were."""
        if not evicted:
            return
        payload = sum(size for _item, size in self.model) + evicted[-1][1]
        if len(evicted) == 1 and count == slots:  # then a slot was wanted too
            slots = min(slots + slots // 64 + 1, self.ring.max_items or 0)
        full = len(evicted) == 1 and count == self.ring.max_items
        assert full or any(payload + SLOT * slots > limit for limit in self.limits())

    def write(self, size: int, operation: Callable[[Item], Any]) -> Item | None:
        """Do what an item enters by; None if it is refused, and then nothing has changed."""
        item = Item(size)
        before = list(self.ring), self.ring.nbytes, self.ring.stats()
        try:
            operation(item)
        except EntryTooLargeError:
            assert self.ring.max_bytes is not None
            assert size + SLOT > self.ring.max_bytes
        except BudgetExceededError:
            assert self.budget is not None
        except IndexError:
            assert self.left == []
        else:
            return item
        assert (list(self.ring), self.ring.nbytes, self.ring.stats()) == before
        assert self.left == []
        return None

    @rule(size=sizes, to_the_right=st.booleans())
    def append(self, size: int, to_the_right: bool) -> None:
        name = "append" if to_the_right else "appendleft"
        slots = self.ring.overhead_nbytes // SLOT
        item = self.write(size, lambda item: getattr(self.ring, name)(item))
        assert (item is not None) == self.fits_alone(size)
        if item is not None:
            before = list(self.model)
            self.leave(to_the_right)
            gone = [pair for pair in before if pair not in self.model]
            self.model.insert(len(self.model) if to_the_right else 0, (item, size))
            self.check_need(gone if to_the_right else gone[::-1], slots, len(before))

    @rule(size=sizes, at=indices)
    def insert(self, size: int, at: int) -> None:
        item = self.write(size, lambda item: self.ring.insert(at, item))
        if item is not None:
            assert self.left == []
            self.model.insert(at, (item, size))

    @rule(size=sizes, at=indices)
    def assign(self, size: int, at: int) -> None:
        if not -len(self.model) <= at < len(self.model):
            assert outcome(lambda: self.ring[at]) is IndexError
            return
        at %= len(self.model)
        old = self.model[at][0]
        item = self.write(size, lambda item: self.ring.__setitem__(at, item))
        assert (item is not None) == self.fits_alone(size)
        if item is not None:
            assert self.left.pop() == (old, "replaced")
            self.reasons["replaced"] += 1
            self.leave(True, old)
            at = next(at for at, pair in enumerate(self.model) if pair[0] is old)
            self.model[at] = (item, size)

    @rule(at=indices, size=sizes)
    def remeasure(self, at: int, size: int) -> None:
        if not -len(self.model) <= at < len(self.model):
            assert outcome(lambda: self.ring.remeasure(at)) is IndexError
            return
        at %= len(self.model)
        item, _old = self.model[at]
        item.size = size
        charged = self.ring.remeasure(at)
        if not self.fits_alone(size):
            assert charged == 0
            assert [left[0] for left in self.left] == [item]
            self.reasons[self.left.pop()[1]] += 1
            del self.model[at]
            return
        assert charged == size
        self.leave(True, item)
        at = next(at for at, pair in enumerate(self.model) if pair[0] is item)
        self.model[at] = (item, size)

    @rule(start=indices | st.none(), stop=indices | st.none(), entering=st.lists(sizes, max_size=5))
    def splice(self, start: int | None, stop: int | None, entering: list[int]) -> None:
        part = slice(start, stop)
        new = [Item(size) for size in entering]
        old = [item for item, _size in self.model[part]]
        before = list(self.ring), self.ring.nbytes
        try:
            self.ring[part] = new
        except (EntryTooLargeError, BudgetExceededError, IndexError):
            assert (list(self.ring), self.ring.nbytes) == before
            assert self.left == []
            return
        assert self.left == [(item, "replaced") for item in old]
        self.left.clear()
        self.reasons["replaced"] += len(old)
        self.model[part] = list(zip(new, entering, strict=True))

    @precondition(lambda self: self.model)
    @rule(at=indices)
    def delete(self, at: int) -> None:
        at %= len(self.model)
        del self.ring[at]
        item, _size = self.model.pop(at)
        assert self.left == [(item, "deleted")]
        self.left.clear()
        self.reasons["deleted"] += 1

    @rule(start=indices | st.none(), stop=indices | st.none(), step=st.sampled_from([1, 2, -1]))
    def delete_slice(self, start: int | None, stop: int | None, step: int) -> None:
        part = slice(start, stop, step)
        gone = [item for item, _size in self.model[part]]
        del self.ring[part], self.model[part]
        assert sorted(id(item) for item, _reason in self.left) == sorted(map(id, gone))
        self.reasons["deleted"] += len(self.left)
        self.left.clear()

    @rule(steps=st.integers(-30, 30))
    def rotate(self, steps: int) -> None:
        self.ring.rotate(steps)
        if self.model:
            steps %= len(self.model)
            self.model = self.model[-steps:] + self.model[:-steps] if steps else self.model

    @rule(size=st.integers(0, 1000))
    def trim(self, size: int) -> None:
        before = self.ring.nbytes
        assert self.ring.trim(size) == before - self.ring.nbytes
        assert self.ring.nbytes <= size
        for item, reason in self.left:
            assert (self.model.pop(0)[0], reason) == (item, "trimmed")
            self.reasons["trimmed"] += 1
        self.left.clear()

    @rule(max_bytes=st.integers(0, 1200) | st.none(), max_items=st.integers(0, 20))
    def resize(self, max_bytes: int | None, max_items: int) -> None:
        self.ring.resize(max_items, max_bytes)
        for item, reason in self.left:
            assert self.model.pop(0)[0] is item
            assert reason in ("size", "items")
            self.reasons[reason] += 1
        self.left.clear()
        if max_items == 0:
            if self.fits_alone(0):
                self.ring.append(Item(0))
                self.reasons["items"] += 1
            assert len(self.ring) == 0
            self.left.clear()
            self.ring.resize(max_items=5)

    @rule()
    def clear(self) -> None:
        self.ring.clear()
        assert self.left == [(item, "cleared") for item, _size in self.model]
        self.reasons["cleared"] += len(self.left)
        self.left.clear()
        self.model.clear()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "ring"):
            return
        assert list(self.ring) == [item for item, _size in self.model]
        payload = sum(size for _item, size in self.model)
        assert self.ring.payload_nbytes == payload
        assert self.ring.nbytes == payload + self.ring.overhead_nbytes
        assert all(self.ring.nbytes <= limit for limit in self.limits())
        assert [self.ring.item_nbytes(at) for at in range(len(self.model))] == [
            size for _item, size in self.model
        ]
        evictions = self.ring.stats().evictions
        assert {reason: count for reason, count in evictions.items() if count} == {
            reason: count for reason, count in self.reasons.items() if count
        }
        if self.budget is not None:
            assert self.budget.nbytes == self.ring.nbytes
            self.budget._validate()
        self.ring._validate()


@pytest.mark.parametrize("machine", [AgainstDeque, AgainstBytes])
def test_follows_the_model(machine: type[RuleBasedStateMachine]) -> None:
    case = machine.TestCase
    case.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
    case("runTest").runTest()  # type: ignore[no-untyped-call]
