"""Random operations on a cache and on a model of it, everything compared after each."""

import math
import operator
from collections.abc import Iterator
from typing import Any

from hostile import AnyCache, Departures, Unhashable
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lru_model import BOUNDS, NO_KEY, Model

from bytebound import Budget, BudgetExceededError, EntryTooLargeError, Reservation

SAME_HASH = 2**61 - 1  # ints this far apart have equal hashes
NAN = math.nan


class Value:
    """A value that the sizer takes at its word, and that may change."""

    # Instances with a __dict__ measure differently when they are the first of their class.
    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"Value({self.size})"


class Alike:
    """A key with the hash of all others, compared in Python."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and self.number == other.number

    def __repr__(self) -> str:
        return f"Alike({self.number})"


def size_of(key: object, value: Value) -> int:
    return value.size


numbers = st.integers(0, 7)
keys = st.one_of(
    numbers,
    numbers.map(float),
    numbers.map(str),
    numbers.map(lambda number: number * SAME_HASH),
    numbers.map(Alike),
    st.tuples(numbers),
    st.tuples(numbers.map(float)),
    st.sampled_from([None, True, False, NAN, (), b"0", "", "ab", 2**70, -1, -2]),
)
sizes = st.one_of(st.integers(0, 40), st.sampled_from([0, 99, 100, 101, 150, 400, 2**62 - 1]))
values = sizes.map(Value)
bounds = st.one_of(st.integers(0, 250), st.sampled_from([100, 400, 1200, 3000, 2**40]))
item_bounds = st.one_of(st.none(), st.integers(1, 12))


class Walk:
    """An iterator over the cache, and what it is to yield."""

    def __init__(self, iterator: Iterator[Any], kind: str, model: Model, reverse: bool) -> None:
        self.iterator = iterator
        self.kind = kind
        self.expected = list(model.entries.values())
        if reverse:
            self.expected.reverse()
        self.changes = model.changes
        self.finished = False

    def step(self, changes: int) -> None:
        """Go on once; a RuntimeError is due if an entry entered or left."""
        try:
            found = next(self.iterator)
        except StopIteration:
            assert self.finished or (changes == self.changes and not self.expected)
            self.finished = True
            return
        except RuntimeError:
            assert not self.finished
            assert changes != self.changes
            return
        assert changes == self.changes
        entry = self.expected.pop(0)
        key, value = {
            "keys": (found, entry.value),
            "values": (entry.key, found),
            "items": found,
        }[self.kind]
        assert key is entry.key
        assert value is entry.value


class CacheMachine(RuleBasedStateMachine):
    """A cache beside its model, under bounds and budgets of all kinds."""

    @initialize(
        max_bytes=bounds,
        max_items=item_bounds,
        deep=st.sampled_from([False, False, True]),
        charge_overhead=st.booleans(),
        budget_bytes=st.one_of(st.none(), bounds),
        root_bytes=st.one_of(st.none(), bounds),
    )
    def make(
        self,
        max_bytes: int,
        max_items: int | None,
        deep: bool,
        charge_overhead: bool,
        budget_bytes: int | None,
        root_bytes: int | None,
    ) -> None:
        self.broken: list[str] = []
        self.departures = Departures()
        self.root = None if root_bytes is None else Budget(root_bytes)
        self.budget = None if budget_bytes is None else Budget(budget_bytes, parent=self.root)
        self.neighbour: Reservation | None = None
        budgets = [budget for budget in (self.budget, self.root) if budget is not None]
        self.budgets = budgets
        self.cache = AnyCache(
            max_bytes,
            max_items=max_items,
            sizer="deep" if deep else size_of,
            on_evict=self.on_evict,
            charge_overhead=charge_overhead,
            budget=self.budget or self.root,
        )
        # Both hold the same, so only the tighter one ever refuses.
        limit = min((budget.max_bytes for budget in budgets), default=None)
        self.model = Model(max_bytes, max_items, limit)
        self.model.exact = not charge_overhead and not deep
        if charge_overhead:
            single = AnyCache("1kB", budget=Budget("1kB") if budgets else None)
            single.put(1, 1, size=1)
            self.model.least_overhead = single.copy().overhead_nbytes
        self.deep = deep
        self.walks: list[Walk] = []

    # ---- while an operation runs ----

    def on_evict(self, key: object, value: object, reason: str) -> None:
        """Remember, and look whether all is well at this instant too."""
        self.departures(key, value, reason)
        try:
            self.check_totals()
        except AssertionError as error:
            self.broken.append(f"{reason}: {error}")

    def check_totals(self) -> None:
        cache = self.cache
        cache._validate()
        assert cache.nbytes <= cache.max_bytes
        assert cache.peak_nbytes >= cache.nbytes
        assert cache.max_items is None or len(cache) <= cache.max_items
        overhead = cache.overhead_nbytes if cache.charge_overhead else 0
        assert cache.nbytes == cache.payload_nbytes + overhead
        for budget in self.budgets:
            budget._validate()
            assert budget.nbytes == cache.nbytes + self.reserved()
            assert budget.nbytes <= budget.peak_nbytes <= budget.max_bytes

    def attempt(self, operation: Any, *arguments: Any) -> Any:
        """Run an operation; return its result, or the error it raised."""
        self.model.others_bytes = self.reserved()
        try:
            result = operation(*arguments)
        except (KeyError, EntryTooLargeError, BudgetExceededError) as error:
            result = error.with_traceback(None)  # which would keep the cache
        self.departed = list(self.departures)
        self.model.begin(self.departures)
        return result

    def finish(self) -> None:
        """Compare what the cache reported with what the model says left."""
        self.model.check_reports(self.departed)

    # ---- writing ----

    def wrote(self, key: Any, value: Value, size: int | None, outcome: Any) -> None:
        """Follow a write that ended so: True, False or an error."""
        model = self.model
        kept = outcome is True or outcome is None
        ended = "over budget" if isinstance(outcome, BudgetExceededError) else "too large"
        ended = "kept" if kept else ended
        given = size is not None
        if self.deep and not given:
            size = self.cache.entry_nbytes(key) if kept and key in self.cache else -1
        else:
            size = value.size if size is None else size
            if model.exact:
                assert ended == model.expected_outcome(key, size)
            else:
                assert (ended == "too large") == (not model.could_fit(size))
        if kept:
            model.keep(key, value, size, given)
        elif outcome is False and key in model.entries:
            model.leave(key, "size")

    @rule(key=keys, value=values)
    def set(self, key: Any, value: Value) -> None:
        outcome = self.attempt(operator.setitem, self.cache, key, value)
        self.wrote(key, value, None, outcome)
        self.finish()

    @rule(key=keys, value=values, size=st.one_of(st.none(), sizes))
    def put(self, key: Any, value: Value, size: int | None) -> None:
        outcome = self.attempt(lambda: self.cache.put(key, value, size=size))
        assert not isinstance(outcome, EntryTooLargeError)
        self.wrote(key, value, size, outcome)
        self.finish()

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data(), size=st.one_of(st.none(), sizes))
    def put_the_same_value(self, data: st.DataObject, size: int | None) -> None:
        entry = data.draw(st.sampled_from(list(self.model.entries.values())))
        outcome = self.attempt(lambda: self.cache.put(entry.key, entry.value, size=size))
        self.wrote(entry.key, entry.value, size, outcome)
        self.finish()

    @rule(key=keys, value=values)
    def setdefault(self, key: Any, value: Value) -> None:
        outcome = self.attempt(self.cache.setdefault, key, value)
        entry = self.model.look_up(key)
        if entry is not None:
            assert outcome is entry.value
        else:
            self.wrote(key, value, None, True if outcome is value else outcome)
        self.finish()

    @rule(pairs=st.lists(st.tuples(keys, values), max_size=6))
    def update(self, pairs: list[tuple[Any, Value]]) -> None:
        taken = []

        def one_by_one() -> Iterator[tuple[Any, Value]]:
            for pair in pairs:
                taken.append(pair)
                yield pair

        if not self.model.exact:  # where reports do not tell which of several puts they are of
            pairs = pairs[:1]
        outcome = self.attempt(self.cache.update, one_by_one())
        for number, (key, value) in enumerate(taken, 1):
            self.wrote(key, value, None, outcome if number == len(taken) else None)
        self.finish()

    @rule(
        wrong=st.sampled_from(
            [
                lambda cache: cache.put(Unhashable(), 1),
                lambda cache: cache.put([], 1),
                lambda cache: cache.put(1, 1, size=-1),
                lambda cache: cache.put(1, 1, size=1.5),
                lambda cache: cache.put(1, 1, size=math.nan),
                lambda cache: cache.put(1, 1, size=2**62),
                lambda cache: cache.resize(-1),
                lambda cache: cache.resize(max_items=0),
                lambda cache: cache.trim(-1),
                lambda cache: cache[[]],
                lambda cache: cache.pop({}),
            ]
        )
    )
    def refused(self, wrong: Any) -> None:
        try:
            wrong(self.cache)
        except Exception:
            assert not self.departures
        else:
            raise AssertionError("it was not refused")

    # ---- reading ----

    @rule(key=keys)
    def subscript(self, key: Any) -> None:
        outcome = self.attempt(operator.getitem, self.cache, key)
        entry = self.model.look_up(key)
        if entry is None:
            assert isinstance(outcome, KeyError)
            assert outcome.args[0] is key
        else:
            assert outcome is entry.value

    @rule(key=keys)
    def get(self, key: Any) -> None:
        entry = self.model.look_up(key)
        assert self.cache.get(key, self) is (self if entry is None else entry.value)

    @rule(key=keys)
    def look(self, key: Any) -> None:
        entry = self.model.find(key)
        assert self.cache.peek(key, self) is (self if entry is None else entry.value)
        assert (key in self.cache) == (entry is not None)

    @rule(kind=st.sampled_from(["keys", "values", "items"]), reverse=st.booleans())
    def walk(self, kind: str, reverse: bool) -> None:
        view = getattr(self.cache, kind)()
        iterator = reversed(view) if reverse else iter(view)
        self.walks.append(Walk(iterator, kind, self.model, reverse))
        self.walks = self.walks[-4:]

    @precondition(lambda self: self.walks)
    @rule(number=numbers, steps=st.integers(1, 4))
    def walk_on(self, number: int, steps: int) -> None:
        walk = self.walks[number % len(self.walks)]
        for _ in range(steps):
            walk.step(self.model.changes)

    # ---- deleting ----

    @rule(key=keys)
    def delete(self, key: Any) -> None:
        outcome = self.attempt(operator.delitem, self.cache, key)
        if key in self.model.entries:
            assert outcome is None
            self.model.leave(key, "deleted")
        else:
            assert isinstance(outcome, KeyError)
        self.finish()

    @rule(key=keys, default=st.booleans())
    def pop(self, key: Any, default: bool) -> None:
        outcome = self.attempt(self.cache.pop, key, *([self] if default else []))
        if self.model.look_up(key) is not None:
            assert outcome is self.model.leave(key, "deleted").value
        else:
            assert outcome is self if default else isinstance(outcome, KeyError)
        self.finish()

    @rule()
    def popitem(self) -> None:
        outcome = self.attempt(self.cache.popitem)
        if self.model.entries:
            entry = self.model.leave(next(iter(self.model.entries)), "deleted")
            assert outcome[0] is entry.key
            assert outcome[1] is entry.value
        else:
            assert isinstance(outcome, KeyError)
        self.finish()

    @rule()
    def clear(self) -> None:
        self.attempt(self.cache.clear)
        self.model.clear()
        self.finish()
        assert (self.cache.nbytes, self.cache.overhead_nbytes) == (0, 0)
        self.walks.clear()

    # ---- bounds ----

    @rule(max_bytes=bounds, max_items=item_bounds)
    def resize(self, max_bytes: int, max_items: int | None) -> None:
        self.attempt(self.cache.resize, max_bytes, max_items)
        self.model.resize(max_bytes, max_items)
        self.finish()

    @rule(aim=st.one_of(st.just(0), bounds))
    def trim(self, aim: int) -> None:
        before = self.cache.nbytes
        freed = self.attempt(self.cache.trim, aim)
        self.model.trim(aim)
        self.finish()
        assert freed == before - self.cache.nbytes
        assert self.cache.nbytes <= aim

    @rule(key=keys, size=sizes)
    def grow_and_remeasure(self, key: Any, size: int) -> None:
        entry = self.model.find(key)
        if entry is not None:
            entry.value.size = size
        outcome = self.attempt(self.cache.remeasure, key)
        if entry is None:
            assert isinstance(outcome, KeyError)
        elif self.model.exact:
            assert outcome == self.model.remeasure(key, size)
        elif outcome == 0 and key not in self.cache:
            self.model.leave(key, self.departed[-1].reason)
        else:
            assert self.deep or outcome == size
            self.model.follow(key, ("size", "budget"))
            entry.size, entry.given = outcome, False
        self.finish()

    @precondition(lambda self: self.budgets)
    @rule(size=sizes)
    def another_takes_room(self, size: int) -> None:
        self.another_gives_room()
        self.model.others_bytes = 0
        nearest = self.budgets[0]
        outcome = self.attempt(lambda: nearest.reserve(size))
        if not isinstance(outcome, Reservation):
            assert isinstance(outcome, BudgetExceededError)
            assert self.model.budget_bytes is not None
            assert size > self.model.budget_bytes
        else:
            self.neighbour = outcome
            if self.model.exact:
                self.model.give_back(self.model.lacking(size))
            else:
                self.model.follow(NO_KEY, BOUNDS)
        self.finish()

    @precondition(lambda self: self.budgets)
    @rule()
    def another_gives_room(self) -> None:
        self.neighbour = None

    def reserved(self) -> int:
        return self.neighbour.nbytes if self.neighbour else 0

    # ---- copies and records ----

    @rule(adopt=st.booleans())
    def copy(self, adopt: bool) -> None:
        outcome = self.attempt(self.cache.copy)
        total = self.cache.nbytes
        if isinstance(outcome, BudgetExceededError):
            assert self.model.budget_lacks(2 * total)
            return
        assert list(map(id, outcome)) == list(map(id, self.cache))
        assert list(map(id, outcome.values())) == list(map(id, self.cache.values()))
        assert [outcome.entry_nbytes(key) for key in outcome] == [
            entry.size for entry in self.model.entries.values()
        ]
        assert outcome == self.cache
        assert outcome.stats().inserts == 0
        for budget in self.budgets:
            assert budget.nbytes == total + outcome.nbytes + self.reserved()
        outcome._validate()
        if adopt:
            self.cache = outcome
            self.model.counts.clear()
            self.model.peak = 0
            self.walks.clear()

    @rule()
    def audit(self) -> None:
        audit = self.cache.audit()
        assert audit.charged == self.model.payload
        if not self.deep:
            measured = sum(
                entry.size if entry.given else entry.value.size
                for entry in self.model.entries.values()
            )
            assert audit.measured == measured
        assert audit.drift == audit.measured - audit.charged

    @rule()
    def reset_stats(self) -> None:
        self.cache.reset_stats()
        self.model.counts.clear()
        self.model.peak = self.cache.nbytes
        assert self.cache.peak_nbytes == self.cache.nbytes

    # ---- after every step ----

    @invariant()
    def same_as_the_model(self) -> None:
        cache, entries = self.cache, self.model.entries
        assert not self.broken, self.broken
        self.check_totals()
        assert len(cache) == len(entries)
        assert [(id(key), id(value)) for key, value in cache.items()] == [
            (id(entry.key), id(entry.value)) for entry in entries.values()
        ]
        assert [cache.entry_nbytes(key) for key in cache] == [
            entry.size for entry in entries.values()
        ]
        assert cache.payload_nbytes == self.model.payload
        assert (cache.max_bytes, cache.max_items) == (self.model.max_bytes, self.model.max_items)

    @invariant()
    def same_ends_as_the_model(self) -> None:
        if self.model.entries:
            oldest, *_, newest = [*self.model.entries.values()] * 2
            assert self.cache.oldest()[1] is oldest.value
            assert self.cache.newest()[1] is newest.value

    @invariant()
    def same_counters_as_the_model(self) -> None:
        stats, counts = self.cache.stats(), self.model.counts
        assert (stats.hits, stats.misses) == (counts["hits"], counts["misses"])
        assert stats.inserts == counts["inserts"]
        assert stats.replacements == stats.evictions["replaced"]
        for reason, number in stats.evictions.items():
            assert number == counts[reason], reason

    @invariant()
    def the_peak_is_kept(self) -> None:
        model = self.model
        model.peak = max(model.peak, self.cache.nbytes)
        assert self.cache.peak_nbytes >= model.peak
        assert not model.exact or self.cache.peak_nbytes == model.peak

    def teardown(self) -> None:
        if not hasattr(self, "cache"):
            return
        self.cache.clear()
        self.neighbour = None
        assert [budget.nbytes for budget in self.budgets] == [0] * len(self.budgets)


def test_a_cache_is_what_its_model_is() -> None:
    run_state_machine_as_test(
        CacheMachine,
        settings=settings(
            max_examples=250,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
        ),
    )
