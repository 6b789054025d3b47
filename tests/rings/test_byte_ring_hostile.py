"""ByteRing fed by buffers and indices that change it, or themselves, meanwhile."""

import array
import ctypes
import gc
import mmap
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from bytebound import ByteRing

PAGE = mmap.PAGESIZE
exports_in_python = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="classes export buffers by __buffer__ from 3.12 on"
)

MEDDLING: dict[str, Callable[[ByteRing], object]] = {
    "append": lambda ring: ring.append(b"meddled"),
    "append much": lambda ring: ring.extend([bytes(1000)] * 50),
    "clear": lambda ring: ring.clear(),
    "popleft": lambda ring: ring.popleft(),
    "collect": lambda ring: gc.collect(),
    "close": lambda ring: ring.close(),
}
CLOSES = "close"


def make_ring() -> ByteRing:
    ring = ByteRing(4 * PAGE)
    ring.extend([b"one", b"two", b"three"])
    return ring


class Exporter:
    """A buffer that does something when it is asked for, and when it is let go of."""

    def __init__(self, on_get: Callable[[], object], on_release: Callable[[], object]) -> None:
        self.data = bytearray(b"exported")
        self.on_get, self.on_release = on_get, on_release

    def __buffer__(self, flags: int) -> memoryview:
        self.on_get()
        return memoryview(self.data)

    def __release_buffer__(self, view: memoryview) -> None:
        self.on_release()
        view.release()


def nothing() -> None:
    pass


@exports_in_python
@pytest.mark.parametrize("what", MEDDLING)
def test_a_buffer_that_meddles_when_it_is_asked_for(what: str) -> None:
    ring = make_ring()
    record: Any = Exporter(lambda: MEDDLING[what](ring), nothing)
    if what == CLOSES:
        with pytest.raises(ValueError, match="closed"):
            ring.append(record)
        return
    seq = ring.append(record)
    assert ring[-1] == ring.get(seq) == b"exported"
    ring._validate()


@exports_in_python
@pytest.mark.parametrize("what", MEDDLING)
def test_a_buffer_that_meddles_when_it_is_let_go_of(what: str) -> None:
    ring = make_ring()
    seq = ring.append(Exporter(nothing, lambda: MEDDLING[what](ring)))  # type: ignore[arg-type]
    assert seq == 3
    ring._validate()
    assert ring.closed is (what == CLOSES)


@exports_in_python
@pytest.mark.parametrize("what", MEDDLING)
def test_a_buffer_to_read_into_that_meddles(what: str) -> None:
    ring = make_ring()
    into: Any = Exporter(lambda: MEDDLING[what](ring), nothing)
    if what in (CLOSES, "clear"):
        with pytest.raises((ValueError, IndexError)):
            ring.readinto(into)
    elif what == "append much":
        with pytest.raises(ValueError, match="has 1000 bytes, and the buffer 8"):
            ring.readinto(into)
    else:
        assert ring.readinto(into) in (3, 5)
    ring._validate()


@exports_in_python
def test_a_buffer_that_raises() -> None:
    def fail() -> None:
        raise ArithmeticError

    ring = make_ring()
    before = ring.stats()
    with pytest.raises(ArithmeticError):
        ring.append(Exporter(fail, nothing))  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError):
        ring.readinto(Exporter(fail, nothing))  # type: ignore[arg-type]
    assert ring.stats() == before


@pytest.mark.parametrize("what", MEDDLING)
def test_an_index_that_meddles(what: str) -> None:
    class Index:
        def __init__(self, ring: ByteRing) -> None:
            self.ring = ring

        def __index__(self) -> int:
            MEDDLING[what](self.ring)
            return 0

    for use in ("__getitem__", "view", "get"):
        ring = make_ring()
        try:
            assert len(getattr(ring, use)(Index(ring))) in (3, 7, 1000)
        except (IndexError, ValueError):
            assert what in (CLOSES, "clear", "popleft", "append much")
        ring._validate()
    ring = make_ring()
    try:
        ring[Index(ring) : 9]  # type: ignore[misc]
    except ValueError:
        assert what == CLOSES
    ring._validate()


@pytest.mark.parametrize("what", MEDDLING)
def test_an_iterable_that_meddles(what: str) -> None:
    ring = make_ring()

    def records() -> Iterator[bytes]:
        yield b"first"
        MEDDLING[what](ring)
        yield b"last"

    if what == CLOSES:
        with pytest.raises(ValueError, match="closed"):
            ring.extend(records())
    else:
        ring.extend(records())
        assert ring[-1] == b"last"
    ring._validate()


def test_what_is_appended_is_let_go_of() -> None:
    ring = make_ring()
    record, numbers = bytearray(b"abc"), array.array("i", [1])
    for _ in range(3):
        ring.append(record)
        ring.append(numbers)
        record.extend(b"d")  # which an exported bytearray refuses
        numbers.append(2)
    with pytest.raises(TypeError):
        ring.append(ring)  # type: ignore[arg-type]
    text = (ctypes.c_char * 4)(*b"text")
    assert ring.get(ring.append(text)) == b"text"
    released = memoryview(b"gone")
    released.release()
    with pytest.raises(ValueError, match="released"):
        ring.append(released)


POINTERS: dict[str, Callable[[], Any]] = {
    "array": lambda: np.array([object()]),
    "array of none": lambda: np.empty(0, object),
    "number": lambda: np.array([("x", 1.0)], [("name", "O"), ("at", "f8")])[0],
    "structures": lambda: np.zeros(3, [("at", "M8[s]"), ("what", [("name", "O")])]),
    "strings": lambda: np.array(["a"], np.dtypes.StringDType()),
    "memoryview": lambda: memoryview(np.array([object()])),
    "memoryview of structures": lambda: memoryview(np.zeros(3, [("a", "i1"), ("b", "O")])),
    "ctypes": lambda: (ctypes.py_object * 2)(1, 2),
}
PLAIN: dict[str, Callable[[], Any]] = {
    "dates": lambda: np.arange(3).astype("M8[s]"),
    "dates in structures": lambda: np.zeros(3, [("Object", "M8[s]"), ("O", "f8")]),
    "fields with an O": lambda: memoryview(np.zeros(3, [("Object", "i8"), ("O", "f8")])),
    "doubles": lambda: array.array("d", [1.0, 2.0]),
    "structure": lambda: np.zeros(1, [("a", "i4"), ("b", "c16")])[0],
    "cast": lambda: memoryview(bytes(16)).cast("q"),
    "ctypes": lambda: (ctypes.c_double * 2)(1, 2),
}


@pytest.mark.parametrize("make", POINTERS.values(), ids=POINTERS)
def test_references_to_objects_are_refused(make: Callable[[], Any]) -> None:
    ring = make_ring()
    before = ring.stats()
    with pytest.raises(TypeError, match="has Python objects"):
        ring.append(make())
    with pytest.raises(TypeError, match="has Python objects"):
        ring.extend([make()])
    assert ring.stats() == before


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_what_has_no_references_is_taken(make: Callable[[], Any]) -> None:
    ring, record = make_ring(), make()
    ring.append(record)
    assert ring[-1] == record.tobytes() if hasattr(record, "tobytes") else bytes(record)


def test_a_dtype_that_meddles() -> None:
    class Meddler(array.array):  # type: ignore[type-arg]
        @property
        def dtype(self) -> object:
            ring.clear()
            raise ArithmeticError

    ring = make_ring()
    record = Meddler("d", [1.0])
    with pytest.raises(ArithmeticError):
        ring.append(record)
    record.append(2.0)  # it was let go of
    ring._validate()
    assert len(ring) == 0


def test_a_record_that_changes_while_it_is_copied() -> None:
    ring = ByteRing("1MiB")
    record = np.zeros(50_000, np.uint8)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            record[:] += 1

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(300):
        ring.append(record)
    stop.set()
    thread.join()
    ring._validate()
    assert all(len(kept) == 50_000 for kept in ring[:])
