"""What `sizeof` counts, what it leaves out, and how its arguments change that."""

import asyncio
import enum
import functools
import gc
import inspect
import re
import sys
import types
import weakref
from collections.abc import Callable
from datetime import UTC
from typing import Any

import numpy as np
import pytest
from sizing_corpus import FREE_THREADED, fresh_int, fresh_text

from bytebound import Budget, LRUCache, RingBuffer, SizeTracker
from bytebound._native.sizing import sizeof


def test_each_distinct_object_counts_once() -> None:
    text = fresh_text(1000)
    assert sizeof([text] * 10) == sizeof([None] * 10) + sizeof(text)


def test_cycles_end() -> None:
    outer: list[Any] = []
    inner = {"outer": outer}
    outer.append(inner)
    assert sizeof(outer) == sizeof(outer, deep=False) + sizeof(inner, deep=False)


def test_a_cycle_back_to_an_argument_that_nothing_else_holds() -> None:
    def build() -> list[Any]:
        alone: list[Any] = [None]
        alone[0] = (alone,)
        return alone

    expected = sizeof([None]) + sizeof(tuple(iter([None])))
    assert sizeof(build()) == expected


def test_several_arguments_are_one_graph() -> None:
    shared = fresh_text(500)
    one, two = [shared], (shared,)
    assert sizeof(one, two) == sizeof(one) + sizeof(two) - sizeof(shared)
    assert sizeof(one, one, one) == sizeof(one)
    assert sizeof(shared, one, [one, two]) == sizeof([one, two])


def test_more_arguments_than_fit_anywhere() -> None:
    texts = [fresh_text() for _ in range(1000)]
    assert sizeof(*texts) == sum(map(sizeof, texts))


def test_shallow_counts_own_bytes_only() -> None:
    inner = [fresh_text()]
    assert sizeof([inner, inner], deep=False) == sizeof([None, None])
    assert sizeof(inner, [inner], deep=False) == 2 * sizeof([None])
    assert sizeof("a", deep=False) == 0


def test_unhashable_and_equal_objects_are_told_apart() -> None:
    one, two = [fresh_int()], [fresh_int()]
    two[0] = one[0]
    assert one == two
    assert sizeof(one, two) == 2 * sizeof([None]) + sizeof(one[0])


# What is not data.


ANYTHING: Any = len


def function() -> None:
    pass


def generator_with_a_frame() -> Any:
    held = [fresh_text(10_000)]
    yield held


async def coroutine() -> None:
    await asyncio.sleep(0)


def frame() -> types.FrameType:
    found = sys._getframe()
    assert found is not None
    return found


class Colour(enum.Enum):
    RED = "a value that is held by its class alone"


NOT_DATA: dict[str, Callable[[], object]] = {
    "None": lambda: None,
    "bool": lambda: True,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "small int": lambda: 256,
    "zero": lambda: 0,
    "empty str": lambda: "",
    "empty bytes": lambda: b"",
    "empty tuple": lambda: (),
    "single character": lambda: "\xe9",
    "type": lambda: int,
    "class": lambda: Colour,
    "module": lambda: sys,
    "function": lambda: function,
    "lambda": lambda: lambda: fresh_text(),
    "code": lambda: function.__code__,
    "frame": frame,
    "generator": generator_with_a_frame,
    "built-in function": lambda: len,
    "class method of a C type": lambda: dict.fromkeys,
    "method of a C type": lambda: str.upper,
    "slot of a C type": lambda: str.__len__,
    "property": lambda: property(len),
    "staticmethod": lambda: staticmethod(len),
    "classmethod": lambda: classmethod(ANYTHING),
    "generic alias": lambda: list[int],
    "compiled pattern": lambda: re.compile(r"(a|b)+" + "c" * 100),
    "data type that NumPy has one of": lambda: np.dtype("float64"),
    "boolean of NumPy": lambda: np.bool_(True),
    "UTC": lambda: UTC,
}


@pytest.mark.parametrize("name", NOT_DATA)
def test_what_is_not_data_is_not_charged(name: str) -> None:
    thing = NOT_DATA[name]()
    assert sizeof(thing) == 0
    assert sizeof([thing, thing]) == sizeof([None, None])


def test_a_generator_is_not_entered() -> None:
    running = generator_with_a_frame()
    next(running)
    assert sizeof(running) == 0
    unawaited = coroutine()
    assert sizeof(unawaited) == 0
    unawaited.close()


def test_a_closure_is_code() -> None:
    held = [fresh_text(10_000)]
    assert sizeof(lambda: held) == 0


def test_weak_references_are_not_followed() -> None:
    class Target:
        def __init__(self) -> None:
            self.text = fresh_text(10_000)

    target = Target()
    assert 0 < sizeof(weakref.ref(target)) < 200
    assert sizeof(weakref.ref(target), target) > 10_000


def test_bound_methods_and_partials_hold_data() -> None:
    held = [fresh_text(1000)]
    for bound in (held.append, held.__len__, functools.partial(print, held)):
        extra = sizeof(bound) - sizeof(bound, held, stop=[held])
        assert extra == sizeof(held), bound
    assert 0 < sizeof(functools.partial(print)) < 500


def test_interned_text_is_charged_only_to_its_one_holder() -> None:
    """Since 3.12 (and without the GIL) interned text lives for ever, and nobody holds it."""
    text = sys.intern(fresh_text(100))
    assert sizeof([text]) == sizeof([None])
    assert sizeof(text) == sizeof(fresh_text(100)), "asked for by itself, it is meant"
    assert sizeof(text, [text]) == sizeof(text) + sizeof([None])
    assert sizeof(text, stop=[int]) == sizeof(text)
    assert sizeof(text, stop=[str]) == sizeof(text, stop=[text]) == 0
    alone = [sys.intern(fresh_text(100))]
    mortal = sys.version_info < (3, 12) or (sys.version_info >= (3, 13) and not FREE_THREADED)
    expected = sizeof([None]) + (sizeof(fresh_text(100)) if mortal else 0)
    assert sizeof(alone) == expected


def test_enumeration_members_belong_to_their_class() -> None:
    member = Colour.RED
    assert sizeof([member]) == sizeof([None])
    assert sizeof(member) > 100, "asked for by itself, its own data are meant"


class Keeper:
    def __init__(self) -> None:
        self.kept = fresh_text(10_000)

    def evicted(self, key: object, value: object, reason: str) -> None:
        pass

    def measure(self, key: object, value: object) -> int:
        return 1


def test_containers_are_measured_with_their_settings() -> None:
    name, keeper, budget = fresh_text(10_000), Keeper(), Budget(1000)
    plain = sizeof(LRUCache(1000))
    assert sizeof(LRUCache(1000, name=name)) == plain + sizeof(name)
    assert sizeof(LRUCache(1000, on_evict=keeper.evicted)) > plain + sizeof(keeper)
    assert sizeof(LRUCache(1000, sizer=keeper.measure)) > plain + sizeof(keeper)
    assert sizeof(LRUCache(1000, on_evict=lambda *_: None)) == plain
    assert sizeof(LRUCache(1000, budget=budget)) == plain + sizeof(budget)
    assert sizeof(SizeTracker(name=name)) == sizeof(SizeTracker()) + sizeof(name)
    assert sizeof(RingBuffer(max_items=5, name=name)) == sizeof(RingBuffer(max_items=5)) + sizeof(
        name
    )


def test_an_iterator_over_a_cache_counts_the_order_that_it_keeps() -> None:
    cache: LRUCache[int, None] = LRUCache("1MiB")
    cache.update(dict.fromkeys(range(1000)))
    walk = iter(cache)
    assert next(walk) == 0
    before = sizeof(walk, deep=False)
    assert cache[500] is None  # from now on the order as it was is kept aside
    assert next(walk) == 1
    assert sizeof(walk, deep=False) == before + 4 * 999
    assert len(list(walk)) == 998
    assert sizeof(walk, deep=False) == before


def test_numpy_views_count_their_base_once() -> None:
    base = np.arange(1000.0)
    views = [base[1:], base[2:], base[::2]]
    assert sizeof(views) - sizeof(base) == sizeof([None] * 3) + 3 * sizeof(base[1:], stop=[base])


# stop


def test_stop_types_are_left_out() -> None:
    text, number = fresh_text(), fresh_int()
    assert sizeof([text, number], stop=[str]) == sizeof([number, None])
    assert sizeof({"key": text}, stop=(str, int)) == sizeof({"key": None})
    assert sizeof([text], stop=(list,)) == 0


def test_stop_types_stand_for_their_subclasses() -> None:
    class Special(dict):  # type: ignore[type-arg]
        pass

    assert sizeof([Special(a=[1])], stop=[dict]) == sizeof([None])
    assert sizeof([{"a": [1]}], stop=[Special]) == sizeof([{"a": [1]}])


def test_stop_objects_are_left_out_with_what_only_they_hold() -> None:
    inner = [fresh_text(1000)]
    shared = fresh_text(1000)
    stopped = [shared, inner]
    assert sizeof([stopped], stop=[stopped]) == sizeof([None])
    assert sizeof([stopped, shared], stop=[stopped]) == sizeof([None, None]) + sizeof(shared)
    assert sizeof(stopped, stop=iter([stopped])) == 0


# limit


def test_limit_is_an_upper_bound_on_what_is_looked_at() -> None:
    texts = [fresh_text(100) for _ in range(1000)]
    whole = sizeof(texts)
    assert sizeof(texts, limit=whole) == whole
    assert sizeof(texts, limit=sys.maxsize + 1) == whole
    cut = sizeof(texts, limit=10_000)
    assert 10_000 < cut < whole
    assert sizeof(texts, limit=0) > 0
    assert sizeof(None, limit=0) == 0


def test_limit_bounds_the_time() -> None:
    """Whatever hides behind the first megabyte is not looked at: it would raise."""

    class Raises:
        def __sizeof__(self) -> int:
            raise AssertionError

    for hidden in (
        [bytes(10**6), Raises()],
        (bytes(10**6), Raises()),
        {1: bytes(10**6), 2: Raises()},
    ):
        assert sizeof(hidden, limit=1000) > 1000
        with pytest.raises(AssertionError):
            sizeof(hidden)


@pytest.mark.parametrize("limit", [-1, -(10**30)])
def test_negative_limits_are_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        sizeof([], limit=limit)


@pytest.mark.parametrize("limit", [b"1", 1.5, float("nan"), [], True])
def test_limits_of_another_type_are_refused(limit: Any) -> None:
    with pytest.raises(TypeError):
        sizeof([], limit=limit)


def test_limits_may_be_text() -> None:
    text = fresh_text(5000)
    assert sizeof([text, [text]], limit="1kB") > 1000
    assert sizeof([text], limit="1MiB") == sizeof([text])
    with pytest.raises(ValueError, match="limit"):
        sizeof([], limit="many")


@pytest.mark.parametrize("stop", [str, "abc", b"abc", 5, None])
def test_stop_must_be_an_iterable_of_what_to_stop_at(stop: Any) -> None:
    with pytest.raises(TypeError, match="stop must be an iterable"):
        sizeof([], stop=stop)


def test_what_an_iterable_of_stops_raises_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        sizeof([], stop=(1 // 0 for _ in range(1)))


def test_the_attributes_of_an_instance_are_no_dict_to_stop_at() -> None:
    """Whether anybody asked for its __dict__ makes no difference."""

    class Plain:
        held: object

    class Broken(RuntimeError):
        held: object

    for cls in (Plain, Broken):
        instance = cls()
        instance.held = text = fresh_text(10_000)
        assert sizeof(instance, stop=[dict]) > sizeof(text)
        assert instance.__dict__
        assert sizeof(instance, stop=[dict]) == sizeof(instance)
        assert sizeof([vars(instance), instance], stop=[dict]) > sizeof(text)
        assert sizeof(instance, stop=[vars(instance)]) < sizeof(text)
        assert sizeof([{"a": text}], stop=[dict]) == sizeof([None])


def test_an_argument_is_needed() -> None:
    with pytest.raises(TypeError):
        sizeof()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        sizeof(obj=1)  # type: ignore[call-arg]


def test_signature() -> None:
    text = str(inspect.signature(sizeof))
    assert text == "(obj, /, *more, deep=True, rounded=False, limit=None, stop=())"


# rounded


@pytest.mark.skipif(FREE_THREADED, reason="the free-threaded build has another allocator")
@pytest.mark.parametrize(
    ("build", "blocks"),
    [
        (lambda: fresh_int() / 7, [32]),
        (lambda: bytes(100), [144]),
        (lambda: [fresh_int() / 7], [64, 16, 32]),
        (lambda: bytes(1000), [1056]),
        (lambda: {1: None}, [64, 160]),
    ],
)
def test_rounded_counts_the_blocks_of_pymalloc_and_malloc(
    build: Callable[[], object], blocks: list[int]
) -> None:
    """Each block to its size class; a pool's remainder adds less than 1 % to such blocks."""
    taken = sizeof(build(), rounded=True)
    assert sum(blocks) <= taken <= sum(blocks) * 1.02


def test_rounded_is_never_less_than_requested() -> None:
    for build in (
        lambda: [fresh_text(n) for n in range(1, 1000)],
        lambda: {n: {n} for n in range(500)},
    ):
        graph = build()
        assert sizeof(graph) < sizeof(graph, rounded=True) < 1.3 * sizeof(graph)


def test_measuring_leaves_the_collector_alone() -> None:
    """Nothing tracked is made: no collection starts, whatever the thresholds are."""
    nested = [[fresh_text()] for _ in range(5000)]
    gc.collect()
    before = gc.get_count()[0]
    for _ in range(100):
        sizeof(nested)
    assert gc.get_count()[0] - before < 50
