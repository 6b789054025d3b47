"""One case for each type whose size must be exact, and how to learn the truth about it.

A case builds a fresh graph each time, so that everything in it was allocated while tracemalloc
looked on. `truth` then tells what the allocator was asked for. The tests assert that `sizeof`
says the same; `benchmarks/bench_sizeof.py` prints it beside what others say.
"""

from __future__ import annotations

import array
import collections
import contextlib
import ctypes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import io
import itertools
import mmap
import operator
import os
import pathlib
import re
import sys
import tempfile
import time
import tracemalloc
import types
import uuid
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

Builder = Callable[[], object]
CASES: dict[str, Builder] = {}

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


def case(name: str) -> Callable[[Builder], Builder]:
    """Enter a builder under the name of what it builds."""

    def enter(build: Builder) -> Builder:
        assert name not in CASES, name
        CASES[name] = build
        return build

    return enter


def _nothing() -> None:
    return None


def _growth_and_noise(build: Builder) -> tuple[object, int]:
    gc.collect()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    graph = build()
    gc.collect()
    gc.collect()
    return graph, tracemalloc.get_traced_memory()[0] - before


@contextlib.contextmanager
def traced() -> Iterator[None]:
    """Have allocations traced, as they may be already."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        yield
    finally:
        if not tracing:
            tracemalloc.stop()


def growth(build: Builder) -> tuple[object, int]:
    """Build, and return the graph with the bytes that were requested meanwhile and are kept.

    The interpreter's free lists are emptied by full collections, so that every block is requested.
    What the counting itself allocates is measured by building nothing, twice: the first time
    still makes what the second finds.
    """
    with traced():
        graph, nbytes = _growth_and_noise(build)
        for _ in range(2):
            _, noise = _growth_and_noise(_nothing)
    return graph, nbytes - noise


def compare(build: Builder, *sizers: Callable[[object], int]) -> list[int]:
    """Build once more; return the bytes requested for the graph and kept, and what each sizer says.

    What is kept for reuse has to be out of the way: NumPy's small blocks by arrays of the same
    kind that stay alive, and what a first call makes (compiled patterns, interned names) by calls
    that are not counted. These also make each class settle how much room its instances get.
    The free-threaded interpreter now and then takes a page for blocks that it frees later: that is
    seen by building three times, and counting the least.
    """
    alive = [build() for _ in range(40)]
    with traced():
        alive.append(build())
        built = [growth(build) for _ in range(3 if FREE_THREADED else 1)]
    graph, requested = min(built, key=operator.itemgetter(1))
    return [requested, *(sizer(graph) for sizer in sizers)]


# Numbers. They are computed from a counter, so that none of them is a constant of the code.

_counter = itertools.count(1_000_000)


def fresh_text(length: int = 12) -> str:
    """Return a str that no one else holds and that is not interned."""
    return str(next(_counter)).ljust(length, "x")


def fresh_int() -> int:
    """Return an int of one digit that no one else holds."""
    return 1000 + next(_counter) % 1_000_000


@case("int, one digit")
def _() -> object:
    return [fresh_int() for _ in range(100)]


@case("int, many digits")
def _() -> object:
    # Not by arithmetic, which allocates a digit more than the result has (docs/sizes.md).
    return [int.from_bytes(b"\x7f" * n, signed=bool(n % 2)) for n in range(4, 400)]


@case("int, subclass")
def _() -> object:
    numbers: list[object] = [IntSubclass(fresh_int()) for _ in range(50)]
    return [*numbers, IntSubclass(0), IntSubclass(int.from_bytes(b"\x7f" * 40))]


class IntSubclass(int):
    pass


@case("float")
def _() -> object:
    return [next(_counter) / 7 for _ in range(100)]


@case("complex")
def _() -> object:
    return [complex(next(_counter), 1) for _ in range(100)]


@case("bool and None")
def _() -> object:
    return [True, False, None, Ellipsis, NotImplemented] * 10


@case("small ints and single characters")
def _() -> object:
    return [*range(-5, 257), *map(chr, range(256)), "", b"", (), b"a"]


# Text and bytes.


@case("str, ASCII")
def _() -> object:
    return [fresh_text(n) for n in range(8, 100)]


@case("str, Latin-1")
def _() -> object:
    return [fresh_text() + "\xe9" for _ in range(100)]


@case("str, two bytes a character")
def _() -> object:
    return [fresh_text() + "\u1234" for _ in range(100)]


@case("str, four bytes a character")
def _() -> object:
    return [fresh_text() + "\U00012345" for _ in range(100)]


def cache_utf8(text: str) -> str:
    """Make the interpreter keep the UTF-8 form beside the text."""
    ctypes.pythonapi.PyUnicode_AsUTF8(ctypes.py_object(text))
    return text


@case("str, with its UTF-8 form")
def _() -> object:
    return [cache_utf8(fresh_text() + "\u1234" * n) for n in range(1, 50)]


class StrSubclass(str):
    pass


class SlottedStr(str):
    __slots__ = ()


@case("str, subclass")
def _() -> object:
    texts: list[object] = [StrSubclass(fresh_text()) for _ in range(20)]
    return texts + [SlottedStr(fresh_text() + c) for c in "x\xe9\u1234\U00012345"]


@case("str, subclass with its UTF-8 form")
def _() -> object:
    return [cache_utf8(SlottedStr(fresh_text() + c)) for c in "x\xe9\u1234\U00012345"]


@case("bytes")
def _() -> object:
    return [b"%d" % next(_counter) * n for n in range(1, 100)]


class BytesSubclass(bytes):
    pass


@case("bytes, subclass")
def _() -> object:
    return [BytesSubclass(b"x" * n) for n in range(40)]


@case("bytearray")
def _() -> object:
    return [bytearray(b"x" * n) for n in range(50)]


@case("bytearray, over-allocated")
def _() -> object:
    grown = bytearray()
    for _ in range(1000):
        grown += b"xyz"
    return grown


@case("bytearray, shrunk")
def _() -> object:
    shrunk = bytearray(b"x" * 1000)
    del shrunk[:400]
    shrunk2 = bytearray(b"x" * 10000)
    del shrunk2[20:]
    return [shrunk, shrunk2]


class BytearraySubclass(bytearray):
    pass


@case("bytearray, subclass")
def _() -> object:
    return [BytearraySubclass(b"x" * n) for n in range(50)]


@case("array.array")
def _() -> object:
    grown = array.array("d")
    for n in range(1000):
        grown.append(n)
    return [array.array("i", range(n)) for n in range(20)] + [grown]


@case("memoryview and its base")
def _() -> object:
    base = bytearray(b"x" * 1000)
    view = memoryview(base)
    return [view, view[10:], view[::2], memoryview(bytes(500)).cast("i")]


@case("memoryview of several dimensions")
def _() -> object:
    return memoryview(bytes(240)).cast("B", (2, 3, 40))


@case("io.BytesIO")
def _() -> object:
    stream = io.BytesIO()
    stream.write(b"x" * 1000)
    shared = io.BytesIO(b"y" * next(_counter))
    return [stream, shared]


@case("io.StringIO")
def _() -> object:
    stream = io.StringIO()
    stream.write("x" * 1000)
    stream.seek(10)
    stream.write("y")
    return [stream, io.StringIO(fresh_text(500))]


# Sequences.


@case("tuple")
def _() -> object:
    return [tuple(range(n)) for n in range(1, 40)]


class TupleSubclass(tuple[object, ...]):
    pass


@case("tuple, subclass")
def _() -> object:
    return [TupleSubclass(range(n)) for n in range(40)]


class Point(NamedTuple):
    x: object
    y: object


@case("namedtuple")
def _() -> object:
    return [Point(fresh_text(), fresh_int()) for _ in range(50)]


@case("structure sequence")
def _() -> object:
    size = os.terminal_size((fresh_int(), fresh_int()))
    return [time.gmtime(next(_counter)), size, time.localtime(0)]


@case("list")
def _() -> object:
    return [[fresh_int()] * n for n in range(40)]


@case("list, over-allocated")
def _() -> object:
    grown = []
    for _ in range(1000):
        grown.append(fresh_int())
    return grown


@case("list, after pops")
def _() -> object:
    popped = [fresh_int() for _ in range(1000)]
    for _ in range(450):
        popped.pop()
    few = [fresh_int() for _ in range(1000)]
    for _ in range(990):
        few.pop()
    empty = [fresh_int() for _ in range(1000)]
    while empty:
        empty.pop()
    return [popped, few, empty]


class ListSubclass(list[object]):
    note: str


@case("list, subclass")
def _() -> object:
    subclass = ListSubclass([1, 2])
    subclass.note = fresh_text()
    return [subclass, ListSubclass()]


@case("range and slice")
def _() -> object:
    n = fresh_int()
    return [range(n, n + 5), range(5), slice(fresh_int(), None), slice(1, 2)]


@case("deque, full")
def _() -> object:
    return [collections.deque(fresh_text() for _ in range(n)) for n in range(0, 300, 7)]


@case("deque, emptied")
def _() -> object:
    emptied = collections.deque(fresh_text() for _ in range(2000))
    while emptied:
        emptied.pop()
    half = collections.deque(fresh_text() for _ in range(1000))
    for _ in range(500):
        half.popleft()
    return [emptied, half]


@case("deque, bounded")
def _() -> object:
    bounded: collections.deque[str] = collections.deque(maxlen=100)
    for _ in range(1000):
        bounded.append(fresh_text())
    return bounded


class DequeSubclass(collections.deque[Any]):
    note: str


@case("deque, subclass")
def _() -> object:
    subclass = DequeSubclass(fresh_text() for _ in range(100))
    subclass.note = fresh_text()
    return subclass


# Mappings and sets.


@case("dict, fresh")
def _() -> object:
    return [{fresh_text(): fresh_int() for _ in range(n)} for n in range(40)]


@case("dict, literal")
def _() -> object:
    return [{"one": fresh_int(), "two": [fresh_text()], 3: None} for _ in range(20)]


@case("dict, grown")
def _() -> object:
    grown: dict[str, None] = {}
    for _ in range(20_000):
        grown[fresh_text()] = None
    return grown


@case("dict, keys that are not str")
def _() -> object:
    return [{fresh_int(): fresh_text() for _ in range(n)} for n in range(40)]


@case("dict, after deletions")
def _() -> object:
    thinned = {fresh_int(): fresh_text() for _ in range(1000)}
    for key in list(thinned)[:900]:
        del thinned[key]
    emptied = {fresh_text(): fresh_text() for _ in range(1000)}
    while emptied:
        emptied.popitem()
    cleared = {fresh_text(): fresh_text() for _ in range(1000)}
    cleared.clear()
    return [thinned, emptied, cleared, dict(thinned), thinned.copy()]


@case("dict, key-sharing")
def _() -> object:
    instances = [Plain(fresh_text()) for _ in range(20)]
    return [vars(instance) for instance in instances]


class DictSubclass(dict[str, Any]):
    note: str


@case("dict, subclass")
def _() -> object:
    subclass = DictSubclass({fresh_text(): fresh_text() for _ in range(20)})
    subclass.note = fresh_text()
    return [subclass, DictSubclass()]


@case("set")
def _() -> object:
    return [{fresh_text() for _ in range(n)} for n in range(40)]


@case("set, after deletions")
def _() -> object:
    thinned = {fresh_text() for _ in range(1000)}
    for _ in range(900):
        thinned.pop()
    cleared = {fresh_text() for _ in range(1000)}
    cleared.clear()
    return [thinned, cleared, set(thinned), thinned.copy()]


@case("frozenset")
def _() -> object:
    return [frozenset(fresh_text() for _ in range(n)) for n in range(40)]


class SetSubclass(set[str]):
    pass


@case("set, subclass")
def _() -> object:
    return [SetSubclass(fresh_text() for _ in range(20)), SetSubclass()]


@case("OrderedDict")
def _() -> object:
    ordered = [
        collections.OrderedDict((fresh_text(), fresh_int()) for _ in range(n)) for n in range(40)
    ]
    for _ in range(30):
        ordered[-1].popitem(last=False)
    return ordered


class OrderedSubclass(collections.OrderedDict[str, Any]):
    note: str


@case("OrderedDict, subclass")
def _() -> object:
    subclass = OrderedSubclass((fresh_text(), fresh_int()) for _ in range(10))
    subclass.note = fresh_text()
    return subclass


@case("defaultdict")
def _() -> object:
    default = collections.defaultdict(list)
    for _ in range(50):
        default[fresh_text()].append(fresh_int())
    return default


@case("Counter")
def _() -> object:
    return collections.Counter(fresh_text() for _ in range(50))


@case("ChainMap")
def _() -> object:
    return collections.ChainMap({fresh_text(): 1}, {fresh_text(): 2})


@case("dict views")
def _() -> object:
    table = {fresh_text(): fresh_int() for _ in range(10)}
    return [table.keys(), table.values(), table.items(), types.MappingProxyType(table)]


# Instances.


class Plain:
    def __init__(self, value: object) -> None:
        self.value = value
        self.number = fresh_int()

    def method(self) -> None:
        pass


@case("instance, inline values")
def _() -> object:
    return [Plain(fresh_text()) for _ in range(100)]


@case("instance, __dict__ materialised")
def _() -> object:
    instances = [Plain(fresh_text()) for _ in range(100)]
    for instance in instances:
        instance.__dict__  # noqa: B018
    return instances


@case("instance, key-sharing broken")
def _() -> object:
    instances = [Plain(fresh_text()) for _ in range(100)]
    for instance in instances:
        attributes: dict[Any, Any] = vars(instance)
        attributes[fresh_int()] = fresh_text()
    return instances


@case("instance, attributes deleted")
def _() -> object:
    instances = [Plain(fresh_text()) for _ in range(100)]
    for instance in instances:
        del instance.value
    return instances


@case("instance, __dict__ replaced")
def _() -> object:
    instances = [Plain(fresh_text()) for _ in range(20)]
    for instance in instances:
        instance.__dict__ = {"value": fresh_text()}
    return instances


class Many:
    def __init__(self) -> None:
        for number in range(60):
            setattr(self, f"attribute_{number}", fresh_int())


@case("instance, more attributes than can be shared")
def _() -> object:
    return [Many() for _ in range(10)]


class Slotted:
    __slots__ = ("one", "two", "unset")

    def __init__(self) -> None:
        self.one = fresh_text()
        self.two = fresh_int()


@case("instance, __slots__")
def _() -> object:
    return [Slotted() for _ in range(50)]


class SlottedChild(Slotted):
    __slots__ = ("__weakref__", "three")

    def __init__(self) -> None:
        super().__init__()
        self.three = [fresh_text()]


@case("instance, __slots__ in several classes")
def _() -> object:
    return [SlottedChild() for _ in range(50)]


class Both(Slotted):
    def __init__(self) -> None:
        super().__init__()
        self.value = fresh_text()


@case("instance, __slots__ and __dict__")
def _() -> object:
    both = [Both() for _ in range(50)]
    vars(both[0])
    return both


class DictSlot:
    __slots__ = ("__dict__", "one")

    def __init__(self) -> None:
        self.one = fresh_text()
        self.value = fresh_text()


@case("instance, __dict__ as a slot")
def _() -> object:
    return [DictSlot() for _ in range(50)]


WideSlots = type("WideSlots", (), {"__slots__": [f"slot_{n:03}" for n in range(100)]})


@case("instance, a hundred slots")
def _() -> object:
    wide = WideSlots()
    for number in range(0, 100, 3):
        setattr(wide, f"slot_{number:03}", fresh_text())
    return wide


@dataclasses.dataclass
class Record:
    name: str
    tags: list[str]


@dataclasses.dataclass(slots=True, frozen=True)
class SlottedRecord:
    name: str
    tags: tuple[str, ...]


@case("dataclass")
def _() -> object:
    return [Record(fresh_text(), [fresh_text()]) for _ in range(50)]


@case("dataclass with slots")
def _() -> object:
    return [SlottedRecord(fresh_text(), (fresh_text(),)) for _ in range(50)]


@case("SimpleNamespace")
def _() -> object:
    return [types.SimpleNamespace(a=fresh_text(), b=fresh_int()) for _ in range(50)]


class Colour(enum.Enum):
    RED = 1
    GREEN = "green"


class Permission(enum.IntFlag):
    READ = 1
    WRITE = 2


@case("enum members, held")
def _() -> object:
    return [Colour.RED, Colour.GREEN, Permission.READ, Permission.READ | Permission.WRITE] * 3


@case("enum member, its own data")
def _() -> object:
    member = object.__new__(Colour)
    member._name_ = "UNREGISTERED"
    member._value_ = [fresh_text() for _ in range(10)]
    return member


# Exceptions.


@case("exceptions")
def _() -> object:
    error = ValueError(fresh_text(), fresh_int())
    error.add_note(fresh_text())
    other = KeyError(fresh_text())
    other.__cause__ = error
    return [other, OSError(2, fresh_text(), fresh_text()), StopIteration(fresh_text())]


class CustomError(Exception):
    def __init__(self, detail: object) -> None:
        super().__init__(detail)
        self.detail = detail


@case("exceptions of one's own")
def _() -> object:
    errors: list[Exception] = [CustomError(fresh_text()) for _ in range(20)]
    return ExceptionGroup(fresh_text(), errors)


# The standard library.


@case("date, time, datetime")
def _() -> object:
    n = next(_counter)
    return [
        datetime.date.fromordinal(1 + n % 700_000),
        datetime.time(1, 2, 3, n % 1000),
        datetime.datetime(2020, 1, 2, 3, 4, 5, n % 1000),
        datetime.timedelta(seconds=n),
    ] * 1


@case("datetime with a time zone")
def _() -> object:
    zone = datetime.timezone(datetime.timedelta(hours=2, seconds=next(_counter) % 1000))
    named = datetime.timezone(datetime.timedelta(hours=3), fresh_text())
    return [
        datetime.datetime(2020, 1, 2, tzinfo=zone),
        datetime.time(1, tzinfo=named),
        datetime.datetime(2021, 1, 2, tzinfo=datetime.UTC),
        datetime.datetime.now(datetime.UTC),
    ]


class DateSubclass(datetime.datetime):
    pass


@case("datetime, subclass")
def _() -> object:
    return [
        DateSubclass(2020, 1, 2, 3, 4, 5, next(_counter) % 1000),
        DateSubclass(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
    ]


@case("Decimal")
def _() -> object:
    return [decimal.Decimal("1." + "7" * n) for n in range(1, 400, 13)]


@case("Fraction")
def _() -> object:
    return [fractions.Fraction(fresh_int() * 2 + 1, 2) for _ in range(20)]


@case("UUID")
def _() -> object:
    return [uuid.UUID(bytes=b"\x7f" * 12 + b"%4d" % n) for n in range(20)]


@case("Path")
def _() -> object:
    path = pathlib.PurePosixPath("/".join(["", "usr", "lib", "python3", "site.py"]))
    other = pathlib.Path("".join(["/", "usr"])) / "lib" / "python3"
    return [path, other, str(other), path.parent]


@case("re.Match")
def _() -> object:
    match = re.match(r"(\d+)(x*)(?P<end>y)?", fresh_text(40))
    assert match is not None
    return match


@case("partial")
def _() -> object:
    return [functools.partial(print, fresh_text(), end=fresh_text()) for _ in range(20)]


@case("bound methods")
def _() -> object:
    return [Plain(fresh_text()).method, [fresh_text()].append, {fresh_text(): 1}.__len__]


@case("iterators over containers")
def _() -> object:
    iterators: list[Iterator[Any]] = []
    for build in (
        lambda: [fresh_text() for _ in range(10)],
        lambda: tuple(fresh_text() for _ in range(10)),
        lambda: {fresh_text() for _ in range(10)},
        lambda: {fresh_text(): 1 for _ in range(10)},
        lambda: {fresh_text(): 1 for _ in range(10)}.values(),
        lambda: {fresh_text(): 1 for _ in range(10)}.items(),
        lambda: collections.deque([fresh_text()]),
        lambda: collections.OrderedDict({fresh_text(): 1}),
        lambda: fresh_text(),
        lambda: fresh_text() + "\u1234",
        lambda: fresh_text().encode(),
        lambda: bytearray(10),
        lambda: range(10),
        lambda: array.array("i", [1, 2, 3]),
    ):
        iterators.append(iter(build()))
    iterators.append(reversed([fresh_text()]))
    for iterator in iterators:
        next(iterator)
    return iterators


@case("iterators, exhausted")
def _() -> object:
    iterators = [iter([fresh_text()]), iter({fresh_text(): 1}), iter({fresh_text()})]
    for iterator in iterators:
        list(iterator)
    return iterators


@case("enumerate, zip, map, itertools")
def _() -> object:
    return [
        enumerate([fresh_text()]),
        zip([fresh_text()], (fresh_text(),), strict=False),
        map(len, [fresh_text()]),
        filter(None, [fresh_text()]),
        itertools.chain([fresh_text()], [fresh_text()]),
        itertools.count(next(_counter)),
        itertools.cycle([fresh_text()]),
        itertools.repeat(fresh_text()),
        itertools.islice([fresh_text()], 3),
        itertools.accumulate([fresh_text()]),
        itertools.zip_longest([fresh_text()], [fresh_text()]),
    ]


@case("itertools, combinatorics")
def _() -> object:
    pool = [fresh_text() for _ in range(5)]
    return [
        itertools.product(pool, repeat=2),
        itertools.permutations(pool, 2),
        itertools.combinations(pool, 2),
        itertools.combinations_with_replacement(pool, 2),
    ]


@case("weak references")
def _() -> object:
    target = {Plain(None): 1}
    return [target, [weakref.ref(key) for key in target], [weakref.proxy(key) for key in target]]


class Pair(ctypes.Structure):
    _fields_ = (("one", ctypes.c_int), ("two", ctypes.c_double * 10))


@case("ctypes")
def _() -> object:
    pair = Pair(1)
    return [
        pair,
        pair.two,
        (Pair * 10)(),
        ctypes.c_int(5),
        ctypes.create_string_buffer(1000),
        ctypes.pointer(ctypes.c_long(7)),
        ctypes.c_char_p(fresh_text().encode()),
    ]


class Texts(ctypes.Structure):
    _fields_ = (("narrow", ctypes.c_char_p), ("wide", ctypes.c_wchar_p))


@case("ctypes, text")
def _() -> object:
    texts = Texts(fresh_text().encode(), fresh_text(1000))
    return [texts, ctypes.c_wchar_p(fresh_text()), ctypes.create_unicode_buffer(500)]


# NumPy.


@case("ndarray, owning")
def _() -> object:
    return [np.arange(float(n)) for n in range(1, 200)]


@case("ndarray, several dimensions")
def _() -> object:
    return [np.zeros((2, 3, 4)), np.ones((3, 4), order="F"), np.array(5.0)]


@case("ndarray, view")
def _() -> object:
    return np.arange(10_000.0)[5:10]


@case("ndarray, several views of one base")
def _() -> object:
    base = np.arange(10_000.0)
    return [base, base[1:], base.reshape(100, 100), base.reshape(100, 100).T[3], base[::2][::2]]


@case("ndarray, objects")
def _() -> object:
    held = np.array([fresh_text() for _ in range(100)], dtype=object)
    return [held, held[10:20], np.array([[fresh_text(), [fresh_text()]]], dtype=object).T]


@case("ndarray, text and byte strings")
def _() -> object:
    return [np.array([fresh_text(), "abc"]), np.array([b"abcd", b"x"])]


@case("ndarray, structured")
def _() -> object:
    fields = [("name", "S10"), ("value", "f8"), ("inner", [("a", "i4"), ("b", "i8", (3,))])]
    return np.zeros(100, dtype=fields)


@case("ndarray, structured with objects")
def _() -> object:
    records = np.zeros(10, dtype=[("name", object), ("value", "f8"), ("more", object, (2,))])
    for number in range(10):
        records["name"][number] = fresh_text()
        records["more"][number, 0] = fresh_text()
    return records


@case("ndarray, zero-size")
def _() -> object:
    return [np.zeros(0), np.zeros((3, 0, 4)), np.zeros((0, 5), dtype="S10")]


@case("ndarray, over other memory")
def _() -> object:
    return [np.frombuffer(bytearray(1000), dtype="u1"), np.frombuffer(bytes(8), dtype="i4")]


@case("ndarray, memory seen from a memoryview")
def _() -> object:
    exporter: Any = np.arange(1000.0).reshape(10, 100)
    return memoryview(exporter)


@case("ndarray, memory-mapped")
def _() -> object:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(100_000))
        file.flush()
        return np.memmap(file, dtype="u1", mode="r")


@case("mmap")
def _() -> object:
    return mmap.mmap(-1, 100_000)


class ArraySubclass(np.ndarray[Any, Any]):
    note: str


@case("ndarray, subclass")
def _() -> object:
    subclass = np.arange(100.0).view(ArraySubclass)
    subclass.note = fresh_text()
    return [subclass, np.arange(6.0).view(np.recarray)]


@case("ndarray, resized")
def _() -> object:
    resized = np.arange(100.0)
    resized.resize(1000, refcheck=False)
    return resized


@case("ndarray, iterated over")
def _() -> object:
    table = np.zeros((20, 30))
    return [table[1:].flat, np.broadcast(table, np.arange(30.0)), np.arange(5.0).flat]


@case("NumPy scalars")
def _() -> object:
    return [
        np.float64(next(_counter)),
        np.float32(next(_counter)),
        np.int64(next(_counter)),
        np.int8(3),
        np.uint16(4),
        np.complex128(next(_counter)),
        np.longdouble(3),
        np.datetime64("2020-01-01"),
        np.timedelta64(5, "s"),
        np.float16(1),
    ]


@case("NumPy scalars, text and records")
def _() -> object:
    records = np.zeros(3, dtype=[("a", "i4"), ("b", "f8")])
    return [np.str_(fresh_text()), np.bytes_(b"abc"), records[1], np.void(b"abcdef")]
