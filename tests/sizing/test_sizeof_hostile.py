"""Objects whose size is a program: it raises, lies, changes what is measured, or never ends."""

import gc
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sizing_corpus import fresh_text

from bytebound._native.sizing import sizeof

LEVELS = 1_000_000


class Told:
    """An object that tells its size, whatever it is."""

    __slots__ = ("held", "size")
    held: object

    def __init__(self, size: Any) -> None:
        self.size = size

    def __sizeof__(self) -> Any:
        return self.size() if callable(self.size) else self.size


class MeasureError(Exception):
    """Raised where a test wants to see it again."""


def raise_it() -> int:
    raise MeasureError


def test_the_size_told_is_honoured() -> None:
    """As by sys.getsizeof: what the interpreter puts in front of an object is added."""
    for size in (0, 5, 1000, 10**12):
        assert sizeof(Told(size), deep=False) == sys.getsizeof(Told(size))


def test_what_such_an_object_holds_is_followed() -> None:
    held = [fresh_text(5000)]
    told = Told(100)
    told.held = held
    assert sizeof(told) - sizeof(told, stop=[held]) == sizeof(held)


class ToldList(list[Any]):
    def __sizeof__(self) -> int:
        return 5


def test_subclasses_of_built_in_types_may_tell_too() -> None:
    text = fresh_text(500)
    assert sizeof(ToldList([text])) - sizeof(ToldList([None])) == sizeof(text)
    assert sizeof(ToldList(range(1000)), deep=False) < 100


def test_super_may_be_asked() -> None:
    class More(Told):
        def __sizeof__(self) -> int:
            return object.__sizeof__(self) + 1000

    class Less(Told):
        __sizeof__ = object.__sizeof__

    classes = [More, Less]
    instances = [[cls(None) for cls in classes] for _ in range(40)]
    more, less = instances[-1]
    assert sizeof(more) == sizeof(less) + 1000


def test_an_attribute_of_the_instance_is_not_asked() -> None:
    class Plain:
        pass

    plain = Plain()
    before = sizeof(plain, deep=False)
    plain.__sizeof__ = lambda: 10**6  # type: ignore[method-assign]
    assert sizeof(plain, deep=False) <= before


@pytest.mark.parametrize("size", [-1, -(10**9), -(10**30)])
def test_negative_sizes_are_refused_by_name(size: int) -> None:
    with pytest.raises((ValueError, OverflowError), match="Told"):
        sizeof([Told(size)])


@pytest.mark.parametrize("size", [None, "5", 5.0, float("nan"), [], object()])
def test_sizes_that_are_no_int_are_refused_by_name(size: object) -> None:
    with pytest.raises(TypeError, match="Told"):
        sizeof([Told(size)])


def test_sizes_past_the_largest_are_refused() -> None:
    with pytest.raises(OverflowError, match="Told"):
        sizeof(Told(sys.maxsize + 1))
    with pytest.raises(OverflowError, match="maxsize"):
        sizeof([Told(sys.maxsize - 100), Told(1000)])
    with pytest.raises(OverflowError, match="maxsize"):
        sizeof([Told(sys.maxsize - 100)], rounded=True)


def test_bool_is_an_int() -> None:
    assert sizeof(Told(True), deep=False) - sizeof(Told(False), deep=False) == 1


def test_exceptions_come_out_as_they_are() -> None:
    with pytest.raises(MeasureError):
        sizeof({"key": [Told(raise_it)]})


def test_everything_is_released_when_one_raises() -> None:
    many = [[Told(10), fresh_text()] for _ in range(1000)]
    many.append([Told(raise_it), None])
    held = [sys.getrefcount(part) for part in many]
    for _ in range(3):
        with pytest.raises(MeasureError):
            sizeof(many, many[:500])
    assert [sys.getrefcount(part) for part in many] == held


def test_a_class_without_a_method_by_that_name_to_call() -> None:
    class Odd:
        __sizeof__: Any = None

    with pytest.raises(TypeError, match="__sizeof__ of Odd is a NoneType"):
        sizeof(Odd())


def test_a_property_that_raises_is_not_touched() -> None:
    class Touchy:
        def __getattribute__(self, name: str) -> Any:
            raise MeasureError(name)

    assert sizeof(Touchy()) > 0


def test_a_class_that_lies_about_itself() -> None:
    class Liar:
        @property
        def __class__(self) -> Any:  # type: ignore[misc]
            return list

    assert sizeof(Liar()) > 0


class AlwaysEqual:
    """A key of a namespace whose comparison is Python code."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def __hash__(self) -> int:
        return hash("__sizeof__")

    def __eq__(self, other: object) -> bool:
        self.action()
        return False


def test_a_namespace_whose_keys_run_code() -> None:
    """Looking such a class up frees what the walk has seen: that waits until it sees nothing."""
    victims: list[Any] = [[fresh_text(100)] for _ in range(100)]
    names: dict[Any, Any] = {AlwaysEqual(victims.clear): 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some interpreters warn of keys that are no str
        cls = type("Odd", (), names)
    graph = [*victims, victims, cls()]
    assert sizeof(graph) > 0
    assert sizeof([cls(), victims]) > 0


# Graphs that change while they are measured.


def changing(change: Callable[[list[Any]], object]) -> list[Any]:
    """Make a graph in which asking for a size changes the graph, over and over."""
    graph: list[Any] = []

    def act() -> int:
        change(graph)
        gc.collect()
        return 10

    for number in range(12):
        graph.append([Told(act), fresh_text(), {number: [Told(act)]}])
    return graph


@pytest.mark.parametrize(
    "change",
    [
        lambda graph: graph.clear(),
        lambda graph: graph.append([Told(5)]),
        lambda graph: [part.pop() for part in graph if isinstance(part, list) and part],
        lambda graph: graph.extend([fresh_text()] * 1000),
        lambda graph: graph.__setitem__(slice(None), [graph]),
        lambda graph: [graph.pop() for _ in graph[:3]],
    ],
)
def test_graphs_may_change_while_they_are_measured(change: Callable[[list[Any]], object]) -> None:
    graph = changing(change)
    assert sizeof(graph, [graph], tuple(graph)) > 0
    assert sizeof(changing(change)) > 0


def test_classes_may_change_while_they_are_measured() -> None:
    class Shifting:
        def __sizeof__(self) -> int:
            self.__class__ = Other  # type: ignore[assignment]
            del Shifting.__sizeof__
            return 5

    class Other:
        def __init__(self) -> None:
            self.text = fresh_text()

    both: list[Any] = [Shifting(), Shifting()]
    assert sizeof(both) > 0
    assert any(type(one) is Other for one in both)


def test_a_changed_class_is_looked_at_again() -> None:
    class Changed:
        pass

    instance = Changed()
    before = sizeof(instance)
    Changed.__sizeof__ = lambda self: 10_000  # type: ignore[method-assign]
    assert sizeof(instance) > 10_000
    del Changed.__sizeof__
    assert sizeof(instance) == before


def test_a_changed_base_is_looked_at_again() -> None:
    class Base:
        pass

    class Child(Base):
        pass

    instance = Child()
    before = sizeof(instance)
    Base.__sizeof__ = lambda self: 10_000  # type: ignore[method-assign]
    assert sizeof(instance) > 10_000
    del Base.__sizeof__
    assert sizeof(instance) == before


def test_classes_that_come_and_go() -> None:
    """A new class at the address of a dead one is not taken for it."""
    for number in range(300):
        if number % 2:
            cls = type("Comes", (), {"__slots__": ("a", "b", "c")})
            instance = cls()
            instance.a = instance.b = instance.c = [fresh_text(1000)]
            assert sizeof(instance) > 1000
        else:
            cls = type("Goes", (list,), {"__sizeof__": lambda self: 5})
            assert sizeof(cls(range(1000)), deep=False) < 100
        del cls


def test_measuring_within_measuring() -> None:
    inner = [fresh_text(1000)]
    nested = Told(lambda: sizeof(inner, [inner]))
    assert sizeof([nested]) > 1000


def test_measuring_itself_ends_by_the_interpreters_limit() -> None:
    class Recursive:
        def __sizeof__(self) -> int:
            return sizeof(self)

    with pytest.raises(RecursionError):
        sizeof(Recursive())
    raised = []

    def run() -> None:
        try:
            sizeof(Recursive())
        except RecursionError:
            raised.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert raised == [True]


# Nesting.


def nest(make: Callable[[Any], Any]) -> Any:
    nested: Any = None
    for _ in range(LEVELS):
        nested = make(nested)
    return nested


class Link:
    __slots__ = ("next",)

    def __init__(self, following: Any) -> None:
        self.next = following


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: [inner],
        lambda inner: (inner,),
        lambda inner: {"inner": inner},
        lambda inner: frozenset([inner]),
        Link,
    ],
    ids=["list", "tuple", "dict", "set", "instance"],
)
def test_a_million_levels(make: Callable[[Any], Any]) -> None:
    nested = nest(make)
    assert sizeof(nested) == LEVELS * (sizeof(make(()), deep=False))
    assert sizeof(nested, limit=10_000) < 11_000


def test_a_million_levels_with_something_beside() -> None:
    """What waits on each level is not lost, and neither is what asks for Python code."""
    nested: Any = None
    for number in range(100_000):
        nested = [[number], nested, Told(7)] if number % 10 == 0 else [[number], nested, (number,)]
    assert sizeof(nested) > 100_000 * 150
