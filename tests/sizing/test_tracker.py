"""SizeTracker: what is charged and released, identity, hostile sizes, life and death."""

import copy
import gc
import pickle
import sys
import tracemalloc
import weakref
from typing import Any

import pytest
from hostile import LastWords, Odd, run_isolated

from bytebound import Audit, Budget, BudgetExceededError, LRUCache, SizeTracker, sizeof


def text(length: int) -> str:
    """Make a str that nobody else has."""
    return "".join(["x"] * length)


def test_a_shared_part_is_charged_once() -> None:
    tracker = SizeTracker()
    shared = bytes(1000)
    first, second = [shared], [shared]
    assert tracker.add(first) == sizeof(first)
    assert tracker.add(second) == sizeof([shared]) - sizeof(shared)
    assert tracker.nbytes == sizeof(first, second)
    assert tracker.remove(first) == sizeof([shared]) - sizeof(shared)
    assert tracker.remove(second) == sizeof(second)
    assert (tracker.nbytes, len(tracker)) == (0, 0)


def test_adding_twice_needs_two_removals() -> None:
    tracker = SizeTracker()
    thing = [1.5]
    charged = tracker.add(thing)
    for _ in range(1000):
        assert tracker.add(thing) == 0
    assert (len(tracker), tracker.nbytes) == (1, charged)
    for _ in range(1000):
        assert tracker.remove(thing) == 0
        assert thing in tracker
    assert tracker.remove(thing) == charged
    assert thing not in tracker


def test_objects_are_told_apart_by_identity() -> None:
    tracker = SizeTracker()
    one, equal = [1.5], [1.5]
    tracker.add(one)
    assert one in tracker
    assert equal not in tracker
    with pytest.raises(LookupError, match=r"not tracked: \[1.5\]"):
        tracker.remove(equal)
    assert tracker.add(equal) > 0
    assert len(tracker) == 2


def test_an_object_that_is_a_part_too() -> None:
    tracker = SizeTracker()
    inner = [text(100)]
    outer = [inner]
    assert tracker.add(outer) == sizeof(outer)
    assert tracker.add(inner) == 0
    assert tracker.remove(outer) == sizeof(outer) - sizeof(inner)
    assert tracker.nbytes == sizeof(inner)


def test_the_error_for_what_is_not_tracked_is_short_and_safe() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    tracker = SizeTracker()
    for thing in (Bad(), list(range(10_000)), "x" * 10_000):
        with pytest.raises(LookupError) as caught:
            tracker.remove(thing)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("thing", [None, True, 1, "", b"", (), int, len, sys])
def test_what_takes_no_memory_is_tracked_all_the_same(thing: object) -> None:
    tracker = SizeTracker()
    assert tracker.add(thing) == sizeof(thing)
    assert thing in tracker
    tracker.remove(thing)
    tracker._validate()


def test_a_tracked_object_lives() -> None:
    class Thing:
        pass

    tracker = SizeTracker()
    thing = Thing()
    alive = weakref.ref(thing)
    tracker.add(thing)
    del thing
    gc.collect()
    assert alive() is not None
    tracker.clear()
    assert alive() is None


def test_clear_gives_everything_back() -> None:
    tracker = SizeTracker()
    for number in range(1000):
        tracker.add([number, text(number)])
    assert tracker.overhead_nbytes > 0
    tracker.clear()
    assert (len(tracker), tracker.nbytes, tracker.overhead_nbytes) == (0, 0, 0)
    tracker.add([1])
    tracker._validate()


def test_overhead_follows_the_content() -> None:
    tracker = SizeTracker()
    things = [[text(number)] for number in range(2000)]
    for thing in things:
        tracker.add(thing)
    assert tracker.overhead_nbytes < 2000 * (66 + 2 * 2 * 48)
    for thing in things[10:]:
        tracker.remove(thing)
    assert tracker.overhead_nbytes < 10_000
    assert tracker.nbytes == sizeof(*things[:10])
    tracker._validate()


def test_overhead_is_the_memory_that_was_taken() -> None:
    things = [[text(number)] for number in range(1000)]
    tracker = SizeTracker()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for thing in things:
            tracker.add(thing)
        thing = None  # type: ignore[assignment]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert abs(taken - tracker.overhead_nbytes) < 500


# ---- objects that change ----


def test_removal_releases_what_was_charged() -> None:
    tracker = SizeTracker()
    thing: list[Any] = [text(10)]
    charged = tracker.add(thing)
    thing.extend(text(1000) for _ in range(100))
    assert tracker.nbytes == charged
    assert tracker.audit() == Audit(charged, sizeof(thing), sizeof(thing) - charged)
    assert tracker.remove(thing) == charged
    assert tracker.nbytes == 0


def test_what_is_dropped_while_tracked_drifts_until_removal() -> None:
    tracker = SizeTracker()
    thing = [bytearray(10_000)]
    charged = tracker.add(thing)
    thing.clear()
    assert tracker.audit().drift < -10_000
    assert tracker.remove(thing) == charged
    tracker._validate()


def test_a_part_is_charged_what_it_measured_last() -> None:
    tracker = SizeTracker()
    shared = bytearray(1000)
    first, second = [shared], [shared]
    tracker.add(first)
    shared.extend(bytes(5000))
    assert tracker.add(second) > 5000
    assert tracker.nbytes == sizeof(first, second)
    assert tracker.audit().drift == 0
    shared[:] = b""
    third = [shared]
    assert tracker.add(third) < 0
    assert tracker.nbytes == sizeof(first, second, third)
    for thing in (first, second, third):
        assert tracker.remove(thing) > 0
    assert tracker.nbytes == 0


def test_an_address_that_was_taken_again_is_charged_for_what_is_there_now() -> None:
    tracker = SizeTracker()
    holder = [bytes(10)]
    tracker.add(holder)
    address = id(holder[0])
    holder.clear()
    others = [bytes(15) for _ in range(1000)]
    same = [other for other in others if id(other) == address]
    if not same:
        pytest.skip("the allocator did not use the address again")
    before = tracker.nbytes
    assert tracker.add(same[0]) == sizeof(same[0]) - sizeof(bytes(10))
    assert tracker.nbytes == before + 5
    tracker.remove(holder)
    assert tracker.nbytes == sizeof(same[0])


# ---- Python code that runs meanwhile ----


def test_a_size_that_raises_changes_nothing() -> None:
    tracker = SizeTracker()
    tracker.add([1.5])
    before = tracker.nbytes, tracker.overhead_nbytes

    def fail() -> int:
        raise ZeroDivisionError

    for answer, error in [
        (fail, ZeroDivisionError),
        (lambda: -1, ValueError),
        (lambda: "big", TypeError),
        (lambda: sys.maxsize + 1, OverflowError),
    ]:
        thing = [text(50), Odd(answer)]
        with pytest.raises(error):
            tracker.add(thing)
        assert thing not in tracker
        assert (tracker.nbytes, tracker.overhead_nbytes) == before
        tracker._validate()


def test_a_total_past_all_bounds_is_refused() -> None:
    tracker = SizeTracker()
    first, second = Odd(lambda: 2**61), Odd(lambda: 2**61)
    tracker.add(first)
    with pytest.raises(OverflowError, match="more than 4611686018427387903"):
        tracker.add(second)
    tracker._validate()
    assert first in tracker
    assert second not in tracker
    tracker.add([1])
    tracker.clear()
    assert tracker.nbytes == 0


def test_a_size_that_uses_the_tracker() -> None:
    tracker = SizeTracker()
    uses = [
        lambda: tracker.add([text(10)]),
        lambda: tracker.add(things[0]),
        tracker.clear,
        lambda: tracker.audit().charged,
        gc.collect,
        lambda: [tracker.add([number]) for number in range(100)] and None,
    ]
    for use in uses:
        calls = []

        def answer(use: Any = use, calls: list[int] = calls) -> int:
            calls.append(1)
            if len(calls) == 1:
                use()
            return 100

        things = [Odd(answer)]
        tracker.add(things[0])
        assert things[0] in tracker
        tracker._validate()
        while things[0] in tracker:
            tracker.remove(things[0])
        tracker.clear()
        assert tracker.nbytes == 0


def test_last_words_that_use_the_tracker() -> None:
    tracker = SizeTracker()
    said = []

    def speak() -> None:
        said.append((len(tracker), tracker.nbytes))
        tracker.add([1])
        tracker.clear()

    tracker.add(LastWords(speak))
    tracker.clear()
    words = LastWords(speak)
    tracker.add(words)
    held = [words]
    del words
    tracker.remove(held.pop())
    assert said == [(0, 0), (0, 0)]
    tracker._validate()


# ---- life and death ----


def test_a_cycle_through_a_tracker_is_collected() -> None:
    class Thing:
        tracker: SizeTracker

    thing = Thing()
    thing.tracker = SizeTracker()
    thing.tracker.add(thing)
    gone = weakref.ref(thing), weakref.ref(thing.tracker)
    del thing
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_weak_references_are_dead_before_what_is_tracked_dies() -> None:
    seen: list[object] = []
    tracker = SizeTracker()
    reference = weakref.ref(tracker)
    tracker.add(LastWords(lambda: seen.append(reference())))
    del tracker
    gc.collect()
    assert seen == [None]


@pytest.mark.parametrize("name", ["trackers_dying", "trackers_cleared"])
def test_a_long_chain(name: str) -> None:
    run_isolated("chains.py", name)


@pytest.mark.parametrize(
    "operation", ["add", "add_again", "remove", "remove_one", "clear", "audit"]
)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("no_memory.py", f"tracker_{operation}")


def test_nothing_leaks() -> None:
    tracker = SizeTracker()
    shared = [text(100)]

    def use() -> None:
        things = [[shared, number] for number in range(100)]
        for thing in things:
            tracker.add(thing)
            tracker.add(thing)
        for thing in things[::2]:
            tracker.remove(thing)
        tracker.audit()
        with pytest.raises(ValueError, match="negative"):
            tracker.add([shared, Odd(lambda: -1)])
        tracker.clear()

    use()
    references = sys.getrefcount(shared)
    tracemalloc.start()
    try:
        use()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            use()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 1000
    finally:
        tracemalloc.stop()
    assert sys.getrefcount(shared) == references


# ---- the rest ----


def test_a_name() -> None:
    assert SizeTracker().name is None
    named = SizeTracker(name="x")
    named.add(bytes(10_000))
    expected = f"<SizeTracker 'x': 1 objects, {sizeof(bytes(10_000)):,} bytes>"
    assert (named.name, repr(named)) == ("x", expected)
    with pytest.raises(TypeError, match="name must be a str"):
        SizeTracker(name=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes no arguments but budget= and name="):
        SizeTracker("x")  # type: ignore[call-arg]


def test_it_can_be_neither_copied_nor_pickled() -> None:
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            way(SizeTracker())


def test_a_tracker_is_measured_with_what_it_tracks() -> None:
    tracker = SizeTracker()
    alone = sizeof(tracker)
    thing = [text(10_000)]
    tracker.add(thing)
    assert sizeof(tracker) == alone + tracker.overhead_nbytes + sizeof(thing)


def test_a_tracker_may_track_itself_and_a_cache() -> None:
    tracker = SizeTracker()
    cache: LRUCache[str, Any] = LRUCache("1MiB")
    cache["text"] = text(1000)
    assert tracker.add(cache) == sizeof(cache)
    tracker.add(tracker)
    tracker._validate()
    tracker.clear()


# ---- under a budget ----


def test_a_budget_is_charged_with_objects_and_tables() -> None:
    budget = Budget("1MiB", name="root")
    tracker = SizeTracker(budget=budget, name="sessions")
    shared = bytes(5000)
    first, second = [shared, 1.5], [shared, 2.5]
    tracker.add(first)
    tracker.add(second)
    assert tracker.nbytes == sizeof(first, second)
    assert budget.nbytes == tracker.charged_nbytes == tracker.nbytes + tracker.overhead_nbytes
    (report,) = budget.report().members
    assert (report.kind, report.name, report.nbytes) == ("SizeTracker", "sessions", budget.nbytes)
    assert tracker.budget is budget
    assert tracker.max_bytes is None
    tracker.remove(first)
    assert budget.nbytes == tracker.charged_nbytes < tracker.peak_nbytes
    del tracker
    gc.collect()
    assert budget.nbytes == 0


def test_caches_make_room_for_what_is_tracked() -> None:
    left: list[str] = []
    budget = Budget("100kB")
    cache: LRUCache[int, int] = LRUCache(
        "1MiB", budget=budget, on_evict=lambda _key, _value, reason: left.append(reason)
    )
    for number in range(90):
        cache.put(number, number, size=1000)
    tracker = SizeTracker(budget=budget)
    tracker.add(bytes(50_000))
    assert budget.nbytes == cache.nbytes + tracker.charged_nbytes <= 100_000
    assert set(left) == {"budget"}
    assert 40 <= len(cache) < 50


def test_what_does_not_fit_is_not_tracked_and_nothing_leaves() -> None:
    budget = Budget("100kB")
    cache: LRUCache[int, int] = LRUCache("1MiB", budget=budget)
    tracker = SizeTracker(budget=budget, name="snapshots")
    tracker.add(bytes(30_000))
    for number in range(60):
        cache.put(number, number, size=1000)
    before = list(cache), tracker.nbytes, tracker.overhead_nbytes, budget.nbytes
    for size in (70_000, 75_000, 2_000_000):
        with pytest.raises(BudgetExceededError, match="SizeTracker 'snapshots'"):
            tracker.add(bytes(size))
        assert (list(cache), tracker.nbytes, tracker.overhead_nbytes, budget.nbytes) == before
    tracker._validate()


def test_a_callback_may_use_the_tracker_that_needs_room() -> None:
    budget = Budget("50kB")
    wanted = [bytes(20_000)]

    added = [1]

    def track_it_too(_key: int, _value: int, _reason: str) -> None:
        if len(tracker) == 0:
            added[0] += 1
            tracker.add(wanted)

    cache: LRUCache[int, int] = LRUCache("1MiB", budget=budget, on_evict=track_it_too)
    tracker = SizeTracker(budget=budget)
    for number in range(45):
        cache.put(number, number, size=1000)
    tracker.add(wanted)
    assert len(tracker) == 1
    assert added[0] > 1
    for _ in range(added[0]):
        assert tracker.nbytes == sizeof(wanted)
        tracker.remove(wanted)
    assert (tracker.nbytes, len(tracker)) == (0, 0)
    assert budget.nbytes == cache.nbytes + tracker.charged_nbytes


@pytest.mark.parametrize("budget", ["1MiB", 5, object()])
def test_a_budget_that_is_none(budget: Any) -> None:
    with pytest.raises(TypeError, match="budget must be a Budget or None"):
        SizeTracker(budget=budget)
