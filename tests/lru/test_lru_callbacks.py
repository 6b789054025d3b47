"""on_evict: once for each entry that leaves, with the reason, when all is consistent."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hostile import AnyCache, Departures, unraisable

from bytebound import Budget


def three(**settings: Any) -> tuple[AnyCache, Departures]:
    """Make a cache of three entries of 100 bytes, and the list of what leaves it."""
    departures = Departures()
    cache = AnyCache(10_000, charge_overhead=False, on_evict=departures, **settings)
    for key in "abc":
        cache.put(key, key.upper(), size=100)
    return cache, departures


CAUSES: dict[str, tuple[Callable[[AnyCache], object], list[tuple[str, str]]]] = {
    "a full bound": (lambda cache: cache.put("d", "D", size=9800), [("a", "size")]),
    "a growing entry": (
        lambda cache: cache.put("b", cache.peek("b"), size=9850),
        [("a", "size")],
    ),
    "resize of bytes": (lambda cache: cache.resize(150), [("a", "size"), ("b", "size")]),
    "resize of items": (lambda cache: cache.resize(max_items=1), [("a", "items"), ("b", "items")]),
    "overwrite": (lambda cache: cache.__setitem__("b", 5), [("b", "replaced")]),
    "put": (lambda cache: cache.put("b", 5, size=5), [("b", "replaced")]),
    "put of what cannot fit": (lambda cache: cache.put("b", 5, size=10_001), [("b", "size")]),
    "del": (lambda cache: cache.__delitem__("b"), [("b", "deleted")]),
    "pop": (lambda cache: cache.pop("b"), [("b", "deleted")]),
    "popitem": (lambda cache: cache.popitem(), [("a", "deleted")]),
    "clear": (lambda cache: cache.clear(), [("a", "cleared"), ("b", "cleared"), ("c", "cleared")]),
    "trim": (lambda cache: cache.trim(150), [("a", "trimmed"), ("b", "trimmed")]),
    "overwrite by the same object": (lambda cache: cache.put("b", cache.peek("b"), size=9), []),
    "a miss": (lambda cache: cache.pop("absent", None), []),
    "reading": (lambda cache: [cache["a"], cache.get("b"), list(cache.items())], []),
    "remeasure": (lambda cache: cache.remeasure("a"), []),
    "audit": (lambda cache: cache.audit(), []),
    "copy": (lambda cache: cache.copy(), []),
    "resize to more": (lambda cache: cache.resize(20_000, 10), []),
    "trim of nothing": (lambda cache: cache.trim(5000), []),
}


@pytest.mark.parametrize(("cause", "expected"), CAUSES.values(), ids=CAUSES)
def test_each_that_leaves_is_told_once_with_the_reason(
    cause: Callable[[AnyCache], object], expected: list[tuple[str, str]]
) -> None:
    cache, departures = three()
    cause(cache)
    assert [(left.key, left.reason) for left in departures] == expected
    assert all(left.value == left.key.upper() for left in departures)
    for left in departures:
        if left.reason != "replaced":
            assert left.key not in cache
    cache._validate()


def test_the_bound_on_items_evicts() -> None:
    cache, departures = three(max_items=3)
    cache["d"] = "D"
    assert departures == [("a", "A", "items")]


def test_a_budget_evicts() -> None:
    cache, departures = three(budget=Budget(350))
    cache.put("d", "D", size=100)
    assert departures == [("a", "A", "budget")]


def test_outgrowing_the_bound_when_measured_again() -> None:
    departures = Departures()
    sizes = {"a": 10, "b": 20}
    cache = AnyCache(
        100, sizer=lambda key, value: sizes[key], charge_overhead=False, on_evict=departures
    )
    cache.update(a=1, b=2)
    sizes["b"] = 101
    assert cache.remeasure("b") == 0
    assert departures == [("b", 2, "size")]


@pytest.mark.parametrize(("cause", "expected"), CAUSES.values(), ids=CAUSES)
def test_all_is_consistent_inside(
    cause: Callable[[AnyCache], object], expected: list[tuple[str, str]]
) -> None:
    cache, _ = three()
    called = []

    def look(key: object, value: object, reason: str) -> None:
        cache._validate()
        assert cache.nbytes <= cache.max_bytes
        assert cache.payload_nbytes == sum(cache.entry_nbytes(other) for other in cache)
        assert cache.peek(key) is not value
        called.append(reason)

    watched = AnyCache(cache.max_bytes, charge_overhead=False, on_evict=look)
    for key in "abc":
        watched.put(key, key.upper(), size=100)
    cache = watched
    with unraisable() as seen:
        cause(cache)
    assert seen == []
    assert called == [reason for _, reason in expected]


def test_the_new_value_is_there_inside() -> None:
    seen = []
    cache = AnyCache("1MiB", on_evict=lambda key, value, reason: seen.append(cache[key]))
    cache["key"] = "old"
    cache["key"] = "new"
    assert seen == ["new"]


def test_what_was_evicted_is_all_gone_at_the_first_call() -> None:
    seen = []
    cache = AnyCache(1000, charge_overhead=False, on_evict=lambda *left: seen.append(list(cache)))
    for number in range(10):
        cache.put(number, 0, size=100)
    cache.put("large", 0, size=1000)
    assert seen == [["large"]] * 10


FAILURES = [ZeroDivisionError, KeyboardInterrupt, SystemExit, StopIteration, MemoryError]


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize(("cause", "expected"), CAUSES.values(), ids=CAUSES)
def test_an_exception_goes_to_the_hook_and_the_operation_stands(
    cause: Callable[[AnyCache], object],
    expected: list[tuple[str, str]],
    error: type[BaseException],
) -> None:
    quiet, _ = three()
    cause(quiet)

    def fail(*left: object) -> None:
        raise error

    cache = AnyCache(10_000, charge_overhead=False, on_evict=fail)
    for key in "abc":
        cache.put(key, key.upper(), size=100)
    with unraisable() as seen:
        cause(cache)
    assert seen == [error] * len(expected)
    assert list(cache.items()) == list(quiet.items())
    assert cache.nbytes == quiet.nbytes
    cache._validate()


def test_the_hook_is_told_the_callback() -> None:
    def fail(*left: object) -> None:
        raise ZeroDivisionError

    cache = AnyCache("1MiB", on_evict=fail)
    cache["key"] = 1
    reports = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda report: reports.append(report.object)
    try:
        del cache["key"]
    finally:
        sys.unraisablehook = before
    assert reports == [fail]


def test_an_exception_does_not_show_up_in_a_later_call() -> None:
    def fail(*left: object) -> None:
        raise ZeroDivisionError

    cache = AnyCache("1MiB", on_evict=fail)
    cache["key"] = 1
    with unraisable() as seen:
        del cache["key"]
        assert sys.exc_info() == (None, None, None)
        assert cache.get("key") is None
        cache["key"] = 2
        assert "key" in cache
    assert seen == [ZeroDivisionError]


def test_an_exception_being_handled_is_still_there_inside() -> None:
    contexts = []
    cache = AnyCache("1MiB", on_evict=lambda *left: contexts.append(sys.exc_info()[0]))
    cache["key"] = 1
    try:
        raise ValueError
    except ValueError:
        del cache["key"]
    assert contexts == [ValueError]


def test_a_callback_of_the_wrong_signature_is_reported_not_raised() -> None:
    cache = AnyCache("1MiB", on_evict=lambda key: None)  # type: ignore[arg-type, misc]
    cache["key"] = 1
    with unraisable() as seen:
        del cache["key"]
    assert seen == [TypeError]
    assert len(cache) == 0


def test_the_value_returned_is_ignored() -> None:
    cache = AnyCache("1MiB", on_evict=lambda *left: NotImplemented)
    cache["key"] = 1
    del cache["key"]


def test_pop_returns_the_value_that_was_told() -> None:
    departures = Departures()
    cache = AnyCache("1MiB", on_evict=departures)
    value = object()
    cache["key"] = value
    assert cache.pop("key") is value
    assert departures[0].value is value
    cache["key"] = value
    assert cache.popitem() == ("key", value)
    assert len(departures) == 2


def test_a_cache_that_dies_calls_nothing() -> None:
    cache, departures = three()
    del cache
    assert departures == []


def test_stats_count_what_was_told() -> None:
    cache, departures = three(max_items=4)
    for cause, _ in CAUSES.values():
        cause(cache)
        cache.resize(10_000, 4)
        for key in "abc":
            cache.put(key, key.upper() + str(len(departures)), size=100)
    evictions = cache.stats().evictions
    for reason in ("size", "items", "budget", "trimmed", "deleted", "cleared"):
        assert evictions[reason] == departures.reasons.count(reason), reason
