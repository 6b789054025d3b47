"""memoize: what it keeps, under which key, and what it tells."""

import copy
import functools
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bytebound import Budget, LRUCache, MemoInfo, memoize


class Calls(list[Any]):
    """Records the calls of the function that it makes."""

    def function(self, *args: Any, **kwargs: Any) -> Any:
        self.append((args, kwargs))
        return len(self)


@memoize
def module_level(number: int) -> int:
    """Double a number."""
    return 2 * number


# ---- what is kept ----


def test_result_is_computed_once() -> None:
    calls = Calls()
    function = memoize("1MiB")(calls.function)
    assert [function(1), function(1), function(2), function(1)] == [1, 1, 2, 1]
    info = function.cache_info()
    assert info == (2, 2, function.cache.nbytes, 2**20, 2)
    assert isinstance(info, MemoInfo)
    assert function.cache.max_bytes == 2**20


def test_none_is_a_result() -> None:
    calls = Calls()
    function = memoize()(lambda number: calls.append(number))
    assert [function(1), function(1)] == [None, None]
    assert len(calls) == 1


def test_bound_holds_and_old_results_leave() -> None:
    function = memoize(10_000)(lambda number: bytes(1000))
    for number in range(100):
        function(number)
        assert function.cache.nbytes <= 10_000
    assert 5 <= function.cache_info().items < 10
    assert function.cache_info().misses == 100


def test_items_are_bounded_too() -> None:
    function = memoize(max_items=3)(str)
    for number in range(10):
        function(number)
    assert list(function.cache.values()) == ["7", "8", "9"]


def test_result_too_large_is_returned_and_not_kept() -> None:
    calls = Calls()
    function = memoize(1000)(lambda size: calls.append(size) or bytes(size))  # type: ignore[func-returns-value]
    assert function(5000) == function(5000) == bytes(5000)
    assert calls == [5000, 5000]
    assert function.cache_info().items == 0


def test_result_for_which_a_budget_has_no_room_is_returned() -> None:
    budget = Budget("2kB")
    cache: LRUCache[Any, Any] = LRUCache("1MiB", budget=budget)
    function = memoize(cache=cache)(bytes)
    assert function(5000) == bytes(5000)
    assert len(cache) == 0


def test_exception_is_not_kept() -> None:
    calls: list[int] = []

    @memoize
    def fail_at_first(number: int) -> int:
        calls.append(number)
        if len(calls) == 1:
            raise LookupError("not yet")
        return number

    with pytest.raises(LookupError, match="not yet") as caught:
        fail_at_first(1)
    assert caught.value.__context__ is None
    assert fail_at_first(1) == 1
    assert len(calls) == 2


def test_own_sizer_measures() -> None:
    function = memoize(10, sizer=lambda key, value: 4)
    with pytest.raises(ValueError, match="sizer"):
        memoize(sizer="no such")(len)
    assert function(len).cache.sizer("a", "b") == 4


# ---- keys ----


def test_typed_tells_types_apart() -> None:
    assert memoize(typed=True)(repr)(True) == "True"
    function = memoize(typed=True)(repr)
    assert [function(1), function(1.0), function(True)] == ["1", "1.0", "True"]
    untyped = memoize()(repr)
    assert [untyped((1,)), untyped((1.0,))] == ["(1,)", "(1,)"]


def test_names_and_positions_are_different_calls() -> None:
    calls = Calls()
    function = memoize()(calls.function)
    assert [function(1), function(x=1), function(x=1), function(("x", 1))] == [1, 2, 2, 3]
    assert function(1, x=1) == function(1, x=1)


@pytest.mark.parametrize("number", [0, 1, 10**30, -1])
def test_equal_keys_are_found_whatever_object_they_are(number: int) -> None:
    calls = Calls()
    function = memoize()(calls.function)
    word = "".join(["ab", "cd"])
    function(number, word, b"x", (word, 1.5))
    function(int(str(number)), "abcd", bytes([120]), ("abcd", 1.5))
    function("ab" + word[2:])
    function(word)
    assert len(calls) == 2


def test_key_makes_a_key() -> None:
    calls = Calls()
    function = memoize(key=lambda items: tuple(items))(calls.function)
    assert [function([1, 2]), function([1, 2]), function([2])] == [1, 1, 2]
    assert list(function.cache) == [(1, 2), (2,)]


def test_unhashable_argument_is_named() -> None:
    @memoize
    def join(first: Any, *rest: Any, flag: Any = None) -> str:
        return ""

    with pytest.raises(TypeError, match=r"argument 'first' of .*join\(\).*type: 'list'"):
        join([1])
    with pytest.raises(TypeError, match=r"argument 'rest\[1\]'.*key="):
        join(1, 2, {})
    with pytest.raises(TypeError, match=r"argument 'flag'.*unhashable type: 'set'"):
        join(1, flag=set())
    with pytest.raises(TypeError, match=r"key= of .*unhashable"):
        memoize(key=lambda x: [x])(str)(1)
    assert join.cache_info().misses == 0


def test_error_of_a_hash_that_is_no_type_error_passes() -> None:
    class Hostile:
        def __hash__(self) -> int:
            raise OSError("no hash today")

    with pytest.raises(OSError, match="no hash today"):
        module_level(Hostile())  # type: ignore[arg-type]


def test_ignored_parameters_make_no_difference() -> None:
    calls: list[int] = []

    @memoize(ignore=["log", "session"], typed=True)
    def load(session: Any, number: int, log: Any = None, **more: Any) -> int:
        calls.append(number)
        return number

    load([], 1)
    load({}, 1, log=[])
    load([1], 1, [])
    load(number=1, session=[])
    load(session={}, number=1)
    assert calls == [1, 1]  # by position, by name
    load([], 1, other=3)
    assert len(calls) == 3


def test_ignored_names_must_be_parameters() -> None:
    def load(number: int, *rest: int) -> int:
        return number

    with pytest.raises(ValueError, match=r"'session'.*no such parameter"):
        memoize(ignore=["session"])(load)
    with pytest.raises(TypeError, match="collection of names"):
        memoize(ignore="number")(load)


# ---- methods ----


class Scaled:
    """Has a method that counts its computations."""

    computed = 0

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @memoize
    def scale(self, number: int) -> int:
        Scaled.computed += 1
        return self.factor * number

    @classmethod
    @memoize
    def name(cls, suffix: str) -> str:
        return cls.__name__ + suffix

    @staticmethod
    @memoize
    def double(number: int) -> int:
        return 2 * number

    __hash__ = None  # type: ignore[assignment]


class Twice(Scaled):
    """Inherits them."""


def test_instances_do_not_share_results() -> None:
    one, other = Scaled(1), Scaled(2)
    before = Scaled.computed
    assert [one.scale(5), other.scale(5), one.scale(5), Scaled.scale(other, 5)] == [5, 10, 5, 10]
    assert Scaled.computed == before + 2
    assert Scaled.scale.cache_delete(one, 5)
    assert not Scaled.scale.cache_delete(one, 5)
    assert other.scale(5) == 10
    assert Scaled.computed == before + 2


def test_class_and_static_methods() -> None:
    assert [Scaled.name("!"), Twice.name("!"), Twice(1).name("!")] == [
        "Scaled!",
        "Twice!",
        "Twice!",
    ]
    assert Scaled.double(4) == Scaled(1).double(4) == 8

    class Reversed:
        @memoize
        @classmethod
        def name(cls) -> str:
            return cls.__name__

        @memoize("1MiB")
        @staticmethod
        def double(number: int) -> int:
            return 2 * number

    assert Reversed.name() == Reversed().name() == "Reversed"
    assert Reversed.double(4) == Reversed().double(4) == 8


def test_instance_is_not_kept_alive() -> None:
    instance = Scaled(3)
    reference = weakref.ref(instance)
    instance.scale(1)
    del instance
    gc.collect()
    assert reference() is None


def test_instance_is_not_kept_alive_by_a_method_that_was_added_later() -> None:
    class Plain:
        pass

    Plain.method = memoize(lambda self: 1)  # type: ignore[attr-defined]
    instance = Plain()
    reference = weakref.ref(instance)
    assert instance.method() == 1  # type: ignore[attr-defined]
    del instance
    gc.collect()
    assert reference() is None


def test_new_instance_at_the_place_of_a_dead_one_has_results_of_its_own() -> None:
    for factor in range(200):
        assert Scaled(factor).scale(1) == factor


def test_results_of_dead_instances_leave() -> None:
    Scaled.scale.cache_clear()
    for factor in range(1000):
        Scaled(factor).scale(1)
    assert Scaled.scale.cache_info().items < 100


def test_instance_without_weak_references_is_part_of_the_key() -> None:
    class Slotted(tuple):  # type: ignore[type-arg]
        __slots__ = ()

        @memoize
        def total(self) -> int:
            return sum(self)

    assert [Slotted((1, 2)).total(), Slotted((1, 2)).total()] == [3, 3]
    assert Slotted.total.cache_info()[:2] == (1, 1)


def test_key_of_a_method_stands_beside_the_instance() -> None:
    class Keyed:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @memoize(key=lambda self, items: tuple(items))
        def total(self, items: list[int]) -> int:
            return self.factor * sum(items)

    one, other = Keyed(1), Keyed(2)
    assert [one.total([1, 2]), other.total([1, 2]), one.total([1, 2])] == [3, 6, 3]
    assert Keyed.total.cache_info()[:2] == (1, 2)


# ---- a cache of the caller's ----


@pytest.mark.parametrize("make", [dict, lambda: LRUCache("1MiB"), lambda: Subclass("1MiB")])
def test_functions_may_share_a_cache(make: Callable[[], Any]) -> None:
    cache = make()
    double = memoize(cache=cache)(lambda number: 2 * number)
    triple = memoize(cache=cache)(lambda number: 3 * number)
    assert [double(4), triple(4), double(4), triple(4)] == [8, 12, 8, 12]
    assert len(cache) == 2
    assert double.cache is cache
    assert double.cache_info()[:2] == (1, 1)
    assert double.cache_delete(4)
    assert triple(4) == 12
    triple.cache_clear()
    double(5)
    assert list(cache.values()) == [10]


class Subclass(LRUCache[Any, Any]):
    """A cache that is no LRUCache proper."""


def test_cache_has_its_own_bounds() -> None:
    for settings in ({"max_bytes": 5}, {"max_items": 5}, {"sizer": "shallow"}, {"ttl": 1.0}):
        with pytest.raises(TypeError, match="of that cache"):
            memoize(cache={}, **settings)  # type: ignore[call-overload]


# ---- expiry ----


@pytest.mark.skipif("ttl :" not in (LRUCache.__doc__ or ""), reason="LRUCache has no ttl yet")
def test_results_expire() -> None:
    now = 0.0
    cache: LRUCache[Any, Any] = LRUCache("1MiB", ttl=5, timer=lambda: now)  # type: ignore[call-arg,unused-ignore]
    calls = Calls()
    function = memoize(cache=cache)(calls.function)
    assert [function(1), function(1)] == [1, 1]
    now = 6.0
    assert function(1) == 2
    assert memoize(ttl=60)(str).cache_parameters()["ttl"] == 60


# ---- clearing ----


def test_clearing() -> None:
    calls = Calls()
    function = memoize()(calls.function)
    function(1)
    function(1)
    function.cache_clear()
    assert function.cache_info()[:2] == (0, 0)
    assert len(function.cache) == 0
    function(1)
    assert len(calls) == 2
    assert function.cache_delete(1) is True
    assert function.cache_delete(1) is False
    function(1)
    assert len(calls) == 3


def test_what_is_computed_while_the_cache_is_cleared_is_not_kept() -> None:
    @memoize
    def clear(number: int, by_key: bool) -> int:
        if by_key:
            clear.cache_delete(number, by_key)
        else:
            clear.cache_clear()
        return number

    for by_key in (False, True):
        assert clear(1, by_key) == 1
        assert clear.cache_info().items == 0


# ---- what it looks like ----


def test_looks_like_the_function() -> None:
    assert module_level.__name__ == "module_level"
    assert module_level.__doc__ == "Double a number."
    assert module_level.__wrapped__(3) == 6
    assert module_level(number=3) == module_level.__call__(3) == 6
    assert functools.wraps(module_level)(lambda number: 0).__name__ == "module_level"
    assert isinstance(module_level, Callable)  # type: ignore[arg-type]
    assert "module_level" in repr(module_level)
    import inspect

    assert list(inspect.signature(module_level).parameters) == ["number"]


def test_stacks_with_other_decorators() -> None:
    def shout(function: Callable[..., str]) -> Callable[..., str]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> str:
            return function(*args).upper()

        return wrapper

    @memoize
    @shout
    @memoize
    def say(word: str) -> str:
        return word

    assert [say("a"), say("a")] == ["A", "A"]
    assert say.__name__ == "say"
    assert memoize(functools.partial(int, base=2))("101") == 5


def test_copies_and_pickles_are_the_function_itself() -> None:
    assert copy.copy(module_level) is copy.deepcopy(module_level) is module_level
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_parameters_are_told() -> None:
    assert memoize(5, ignore=["obj"])(repr_of).cache_parameters() == {
        "max_bytes": 5, "max_items": None, "ttl": None, "key": None, "typed": False,
        "sizer": "deep", "cache": None, "ignore": ("obj",),
    }  # fmt: skip


def repr_of(obj: object) -> str:
    return repr(obj)


# ---- what is refused ----


def test_generators_are_refused() -> None:
    def generate() -> Iterator[int]:
        yield 1

    async def generate_later() -> Any:
        yield 1

    for function in (generate, generate_later):
        with pytest.raises(TypeError, match=r"generator function.*only once.*list or a tuple"):
            memoize(function)


def test_results_that_can_be_used_only_once_are_refused() -> None:
    async def later() -> int:
        return 1

    with pytest.raises(TypeError, match=r"returned a generator.*only once"):
        memoize(lambda: (i for i in range(3)))()
    with pytest.raises(TypeError, match=r"returned a coroutine"):
        memoize(lambda: later())()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(TypeError, match="wants a function, not int"):
        memoize()(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="key must be callable"):
        memoize(key=3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="max_bytes"):
        memoize(-1)(len)


# ---- recursion and memory ----


def test_recursion() -> None:
    @memoize
    def fibonacci(number: int) -> int:
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    assert fibonacci(60) == 1548008755920
    assert fibonacci.cache_info().misses == 61


def test_recursion_into_the_own_key_computes() -> None:
    depth = 0

    @memoize
    def recurse(number: int) -> int:
        nonlocal depth
        depth += 1
        return recurse(number) if depth < 5 else depth

    assert recurse(1) == 5
    assert recurse(1) == 5


def test_comparison_that_calls_the_function_again() -> None:
    class Key:
        def __init__(self, calls: bool) -> None:
            self.calls = calls

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            if self.calls:
                self.calls = False
                function(Key(False))
            return True

    function = memoize()(lambda key: 1)
    assert function(Key(False)) == 1
    assert function(Key(True)) == 1


def test_cycle_through_it_is_collected() -> None:
    class Holder:
        pass

    def make() -> "weakref.ref[Holder]":
        holder = Holder()
        holder.function = memoize()(lambda number: holder)  # type: ignore[attr-defined]
        holder.function(1)  # type: ignore[attr-defined]
        return weakref.ref(holder)

    reference = make()
    gc.collect()
    assert reference() is None


def test_failure_leaves_no_cycle() -> None:
    class Trace(Exception):
        pass

    @memoize
    def fail() -> None:
        raise Trace

    gc.collect()
    gc.disable()
    try:
        references = []
        for _ in range(3):
            try:
                fail()
            except Trace as error:
                references.append(weakref.ref(error))
        assert [reference() for reference in references] == [None] * 3
    finally:
        gc.enable()


# ---- clear errors ----


@pytest.mark.parametrize("cache", [5, [], "text", object()])
def test_what_is_no_cache_is_refused_at_once(cache: Any) -> None:
    with pytest.raises(
        TypeError, match=f"cache must be a mutable mapping or None, not {type(cache).__name__}"
    ):
        memoize(cache=cache)


def test_deleting_what_cannot_be_hashed_names_the_argument() -> None:
    @memoize
    def function(number: Any) -> Any:
        return number

    with pytest.raises(TypeError, match=r"argument 'number' of .*function\(\) cannot be hashed"):
        function.cache_delete([])


@pytest.mark.parametrize("name", ["rest", "named"])
def test_parameters_that_take_several_arguments_cannot_be_ignored(name: str) -> None:
    def function(*rest: Any, **named: Any) -> None:
        pass

    with pytest.raises(ValueError, match=f"'{name}', which takes several arguments"):
        memoize(ignore=[name])(function)


def test_inside_another_decorator_the_instance_is_an_argument() -> None:
    class Inside:
        @property
        @memoize
        def value(self) -> int:
            return 5

    class Outermost:
        @memoize
        def value(self) -> int:
            return 5

    inside, outermost = Inside(), Outermost()
    assert inside.value == outermost.value() == 5
    references = [weakref.ref(inside), weakref.ref(outermost)]
    del inside, outermost
    gc.collect()
    assert [reference() is None for reference in references] == [False, True]
