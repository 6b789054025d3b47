"""ArrayRing: rows in, one contiguous array out, and nothing that was not written."""

import copy
import gc
import mmap
import pickle
import subprocess
import sys
import weakref
from typing import Any

import numpy as np
import pytest

from bytebound import ArrayRing, Budget, BudgetExceededError, LRUCache

PAGE = mmap.PAGESIZE
RECORD = np.dtype([("when", "M8[ns]"), ("what", "S3"), ("where", "f4", (2,))])
DTYPES = ["f8", "f4", "i8", "u1", ">i4", "?", "c16", "g", "f2", "S5", "U3", "M8[s]", "m8[ms]"]


def rows_of(dtype: Any, shape: tuple[int, ...], count: int, start: int = 0) -> np.ndarray:
    """Return rows that differ from each other, as far as the dtype lets them."""
    dtype = np.dtype(dtype)
    size = count * int(np.prod(shape, dtype=int)) * dtype.itemsize
    noise = (np.arange(start, start + size) * 2654435761 >> 7) % 251
    if dtype.names or dtype.kind in "SV":
        return noise.astype(np.uint8).view(dtype).reshape(count, *shape)
    if dtype.kind == "U":
        numbers = noise[: size // dtype.itemsize].astype(str).astype(dtype)
    else:
        numbers = noise[: size // dtype.itemsize].astype(dtype)
    return numbers.reshape(count, *shape)


def assert_same(ring: ArrayRing, rows: np.ndarray) -> None:
    ring._validate()
    for found in (ring.view(), ring.snapshot(), np.asarray(ring), ring.view(copy=True)):
        assert found.dtype == rows.dtype
        assert found.flags.c_contiguous
        assert found.flags.aligned
        assert found.shape == rows.shape
        assert found.tobytes() == rows.tobytes()
    assert len(ring) == len(rows)
    assert ring.payload_nbytes == rows.nbytes


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
@pytest.mark.parametrize("dtype", [*DTYPES, RECORD], ids=str)
@pytest.mark.parametrize("capacity", [1, 7, 700])
def test_the_last_rows_are_there(capacity: int, dtype: Any, shape: tuple[int, ...]) -> None:
    ring = ArrayRing(capacity, dtype, shape)
    seen = rows_of(dtype, shape, 0)
    for step in range(12):
        more = rows_of(dtype, shape, 1 if step % 3 == 0 else step * capacity // 5, step)
        if len(more) == 1:
            ring.append(more[0])
        else:
            ring.extend(more)
        seen = np.concatenate([seen, more]).astype(dtype)  # keeps the byte order
        assert_same(ring, seen[-capacity:])
        assert ring.total == len(seen)


@pytest.mark.parametrize("row_length", [1, 3, 37, PAGE // 8, PAGE // 8 + 1])
def test_rows_are_in_one_piece_wherever_the_ring_has_wrapped(row_length: int) -> None:
    ring = ArrayRing(5, float, row_length)
    for number in range(3000 // row_length + 40):
        ring.append(np.full(row_length, float(number)))
        window = ring.view()
        first = max(number - 4, 0)
        assert (window == np.arange(first, number + 1.0)[:, None]).all()
        assert (ring.view(2) == np.arange(max(number - 1, 0), number + 1.0)[:, None]).all()
        assert not window.flags.owndata
        assert not window.flags.writeable


def test_only_what_was_written_is_shown() -> None:
    ring = ArrayRing(1000, float, 3)
    assert ring.view().shape == ring.snapshot().shape == ring.view(5).shape == (0, 3)
    ring.append([1, 2, 3])
    assert ring.view(1000).tolist() == np.asarray(ring).tolist() == [[1, 2, 3]]
    ring.clear()
    assert (len(ring), ring.total) == (0, 1)
    assert ring.view().size == 0
    with pytest.raises(IndexError):
        ring[0]
    ring.extend(np.ones((2, 3)))
    assert ring.view().tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_window_moves_on_and_a_snapshot_does_not() -> None:
    ring = ArrayRing(PAGE // 8)
    ring.extend(np.arange(PAGE // 8))
    window, copied, snapshot = ring.view(3), ring.view(3, copy=True), ring.snapshot(3)
    ring.extend(np.zeros(PAGE // 8))
    assert window.tolist() == [0, 0, 0]
    assert copied.tolist() == snapshot.tolist() == [509, 510, 511]
    snapshot[0] = 1
    assert ring.view(3).tolist() == [0, 0, 0]


def test_windows_share_the_memory_of_the_ring() -> None:
    ring = ArrayRing(100)
    ring.extend(np.arange(150))
    assert np.shares_memory(ring.view(), ring.view(3))
    assert np.shares_memory(np.asarray(ring), ring[-2:])
    assert not np.shares_memory(ring.view(), ring.snapshot())
    with pytest.raises(ValueError, match="WRITEABLE"):
        ring.view().flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        ring.view()[0] = 1


@pytest.mark.parametrize(
    "index",
    [0, -1, 3, slice(None), slice(1, -1), slice(None, None, -2), [0, 2], ..., (slice(2), 0)],
)
def test_indices_are_those_of_an_array(index: Any) -> None:
    ring = ArrayRing(4, int, 2)
    rows = np.arange(20).reshape(10, 2)
    ring.extend(rows)
    assert np.array_equal(ring[index], rows[-4:][index])


@pytest.mark.parametrize("index", [4, -5, "a", 1.5, (0, 2)])
def test_indices_that_an_array_refuses(index: Any) -> None:
    ring = ArrayRing(4, int, 2)
    ring.extend(np.zeros((4, 2), int))
    with pytest.raises(IndexError):
        ring[index]


@pytest.mark.parametrize("n", [0, 1, 4, 5, 2**80])
def test_how_many_rows(n: int) -> None:
    ring = ArrayRing(4)
    ring.extend(np.arange(6.0))
    expected = [2.0, 3.0, 4.0, 5.0][max(4 - n, 0) :]
    assert ring.view(n).tolist() == ring.snapshot(n).tolist() == expected


def test_how_many_rows_is_checked() -> None:
    ring = ArrayRing(4)
    with pytest.raises(ValueError, match="must not be negative"):
        ring.view(-1)
    with pytest.raises(TypeError):
        ring.snapshot(1.5)  # type: ignore[arg-type]


def test_numpy_takes_it_for_an_array() -> None:
    ring = ArrayRing(3, "i4")
    ring.extend([1, 2, 3, 4])
    assert np.asarray(ring).base is not None
    assert np.array(ring).flags.owndata
    assert np.asarray(ring, dtype="f8").tolist() == [2.0, 3.0, 4.0]
    assert np.asarray(ring, dtype="i4").base is not None
    assert np.mean(ring) == 3  # type: ignore[call-overload]
    assert list(ring) == [2, 3, 4]
    assert 3 in ring
    assert np.shares_memory(ring.__array__(copy=False), ring.view())
    with pytest.raises(ValueError, match="without copying"):
        ring.__array__("f8", copy=False)


ROWS: dict[str, tuple[Any, Any, Any, list[Any]]] = {
    "float": (float, (), 1.5, [1.5]),
    "int as float": (float, (), 2, [2.0]),
    "NumPy float": (float, (), np.float64(1.5), [1.5]),
    "float32 as float": (float, (), np.float32(1.5), [1.5]),
    "float as float32": ("f4", (), np.float64(1.5), [1.5]),
    "bool as int": (int, (), True, [1]),
    "int": (int, (), -(2**63), [-(2**63)]),
    "NumPy int": (int, (), np.int64(7), [7]),
    "uint": ("u8", (), 2**64 - 1, [2**64 - 1]),
    "array of no dimension": (float, (), np.array(2.5), [2.5]),
    "int as float32": ("f4", (), 2**24 + 1, [float(2**24)]),
    "a large int as float": (float, (), 10**300, [1e300]),
    "negative byte": ("i1", (), -128, [-128]),
    "byte": ("u1", (), 255, [255]),
    "NumPy byte": ("u1", (), np.uint8(200), [200]),
    "float32": ("f4", (), np.float32(0.1), [float(np.float32(0.1))]),
    "float as float32 too": ("f4", (), 0.1, [float(np.float32(0.1))]),
    "long double": ("g", (), np.longdouble(2), [2]),
    "half": ("f2", (), 1.5, [1.5]),
    "other byte order, number": (">i4", (), 258, [258]),
    "int as complex": (complex, (), 2, [2 + 0j]),
    "list": (float, 2, [1, 2], [[1, 2]]),
    "tuple": (float, 2, (1, 2), [[1, 2]]),
    "other byte order": (">i2", 2, np.array([1, 2], "<i2"), [[1, 2]]),
    "not contiguous": (float, 2, np.arange(4.0)[::2], [[0, 2]]),
    "column-major": (int, (2, 2), np.array([[1, 2], [3, 4]], order="F"), [[[1, 2], [3, 4]]]),
    "structure": ([("a", int), ("b", "S2")], (), (1, b"x"), [(1, b"x")]),
    "text": ("U2", (), "ab", ["ab"]),
    "memoryview": ("u1", 2, memoryview(b"ab"), [[97, 98]]),
    "dtype with a shape": ((int, (2,)), (), [3, 4], [[3, 4]]),
}


@pytest.mark.parametrize(("dtype", "shape", "row", "expected"), ROWS.values(), ids=ROWS)
def test_rows_are_converted(dtype: Any, shape: Any, row: Any, expected: list[Any]) -> None:
    ring = ArrayRing(3, dtype, shape)
    ring.append(row)
    assert ring.view().tolist() == expected
    ring.extend([row, row])
    assert ring.view().tolist() == expected * 3


REFUSED: dict[str, tuple[Any, Any, Any]] = {
    "text": (float, (), "text"),
    "None for an int": (int, (), None),
    "too large": (int, (), 2**63),
    "too large for a byte": ("u1", (), 256),
    "negative for a byte": ("u1", (), -1),
    "too small for a byte": ("i1", (), -129),
    "a fraction": (int, 1, np.array([1.5])),
    "complex": (float, (), 1j),
    "a row for a number": (float, (), [1.0]),
    "a number for a row": (float, 3, 1.0),
    "a row of another length": (float, 3, [1.0, 2.0]),
    "an array of another length": (float, 3, np.zeros(2)),
    "ragged": (float, (2, 2), [[1.0], [1.0, 2.0]]),
    "objects": (float, 2, np.array([None, "x"], object)),
}


@pytest.mark.parametrize(("dtype", "shape", "row"), REFUSED.values(), ids=REFUSED)
def test_rows_that_are_refused_change_nothing(dtype: Any, shape: Any, row: Any) -> None:
    ring = ArrayRing(3, dtype, shape)
    ring.append(np.zeros(ring.shape, dtype))
    before = ring.stats()
    with pytest.raises((TypeError, ValueError, OverflowError)):
        ring.append(row)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        ring.extend(row[None] if isinstance(row, np.ndarray) else [row])
    assert ring.stats() == before
    ring._validate()


def test_extend_takes_anything_that_has_rows() -> None:
    ring = ArrayRing(4, int)
    ring.extend(iter([1, 2]))
    ring.extend(number for number in (3,))
    ring.extend(())
    ring.extend([])
    ring.extend(range(4, 6))
    assert ring.view().tolist() == [2, 3, 4, 5]
    with pytest.raises(ValueError, match="rows have shape"):
        ring.extend(5)
    with pytest.raises(TypeError):
        ring.extend({1, 2})  # type: ignore[arg-type]
    rows = ArrayRing(4, int, 2)
    rows.extend([])
    rows.extend(np.zeros((0, 2), int))
    with pytest.raises(ValueError, match="rows have shape"):
        rows.extend(np.zeros((0, 3), int))
    assert (len(rows), ring.total) == (0, 5)


@pytest.mark.parametrize("capacity", [3, 170, 512, 513])
def test_rows_of_the_ring_itself(capacity: int) -> None:
    """Source and destination are the same memory at other addresses."""
    for start in range(0, capacity, 1 + capacity // 7):
        ring = ArrayRing(capacity, float, 3)
        rows = np.arange(3.0 * (capacity + start)).reshape(-1, 3)
        ring.extend(rows)
        expected = rows[-capacity:]
        for own in (ring.view(capacity // 2), ring.view(), ring.view()[::-1], ring, ring[:1]):
            expected = np.concatenate([expected, np.array(own)])[-capacity:]
            ring.extend(own)
            assert_same(ring, expected)
        for row in (0, capacity // 2, -1):
            expected = np.concatenate([expected, expected[row : row + 1 or None]])[-capacity:]
            ring.append(ring[row])
            assert_same(ring, expected)


PADDED: dict[str, tuple[Any, Any, list[int]]] = {
    "a byte in a page": (
        {"names": ["a"], "formats": ["i1"], "offsets": [0], "itemsize": PAGE}, (5,), [0],
    ),
    "aligned": (np.dtype([("a", "i1"), ("b", "f8")], align=True), (5, 0.1), [0, *range(8, 16)]),
    "fields in fields": (
        np.dtype([("a", np.dtype([("b", "i1"), ("c", "i4")], align=True), (2,))]),
        ([(1, 2), (3, 4)],), [0, 4, 5, 6, 7, 8, 12, 13, 14, 15],
    ),
    "overlapping": (
        {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [2, 4], "itemsize": 9},
        (1, 1), [2, 3, 4, 5],
    ),
    "long double": ("g", 0.1, list(range(10)) if np.finfo("g").nmant == 63 else []),
    "long complex": ("G", 1j, [*range(10), *range(16, 26)] if np.finfo("g").nmant == 63 else []),
    "long double, other byte order": (
        np.dtype("g").newbyteorder(), 0.1, list(range(6, 16)) if np.finfo("g").nmant == 63 else [],
    ),
}  # fmt: skip


def shown_padding(ring: ArrayRing, written: list[int]) -> set[int]:
    rows = np.frombuffer(ring.view().tobytes(), np.uint8).reshape(-1, ring.dtype.itemsize)
    return set(np.delete(rows, written, axis=1).ravel().tolist()) if written else set()


def dirty(dtype: Any, values: list[Any]) -> np.ndarray:
    """Return an array of values whose padding is ones."""
    rows = np.full((len(values), np.dtype(dtype).itemsize), 0xFF, np.uint8).view(dtype).reshape(-1)
    clean = np.array(values, dtype)
    if rows.dtype.names:
        for name in rows.dtype.names:
            rows[name] = clean[name]
    return rows


@pytest.mark.parametrize(("dtype", "row", "written"), PADDED.values(), ids=PADDED)
def test_padding_never_shows_what_was_in_memory(dtype: Any, row: Any, written: list[int]) -> None:
    dtype = np.dtype(dtype)
    for given in (lambda: row, lambda: np.array(row, dtype)[()]):
        ring = ArrayRing(30, dtype)
        for _ in range(10):
            # What is freed here is what NumPy's temporary is made in.
            stale = [np.full(dtype.itemsize, 0xAB, np.uint8) for _ in range(20)]
            del stale
            ring.append(given())
            ring.extend([given(), given()])
        expected = np.array([row] * 30, dtype)
        assert str(ring.view().tolist()) == str(expected.tolist())
        assert shown_padding(ring, written) <= {0}
    ring.extend(np.empty(0, dtype))
    ring.extend([])


def test_an_array_of_the_very_dtype_is_taken_byte_by_byte() -> None:
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    rows = dirty(dtype, [(1, 2.0), (3, 4.0)])
    ring = ArrayRing(9, dtype)
    ring.extend(rows)
    ring.append(rows[1:].reshape(()))
    assert ring.view().tobytes() == rows.tobytes() + rows[1:].tobytes()
    ring.clear()
    ring.extend(rows[::-1])  # which NumPy has to copy
    ring.extend(memoryview(rows))
    ring.extend(rows.tolist())
    assert ring.view().tolist() == [(3, 4.0), (1, 2.0), (1, 2.0), (3, 4.0), *rows.tolist()]
    assert shown_padding(ring, [0, *range(8, 16)]) == {0}
    assert rows.tobytes() == dirty(dtype, [(1, 2.0), (3, 4.0)]).tobytes()


@pytest.mark.parametrize("end", ["close", "drop"])
def test_views_keep_the_memory_of_a_ring_that_is_gone(end: str) -> None:
    budget = Budget("1MiB")
    ring = ArrayRing(1000, budget=budget)
    ring.extend(np.arange(1500.0))
    window, other = ring.view(10), ring.view()[::2]
    gone = weakref.ref(ring)
    if end == "close":
        ring.close()
    del ring
    gc.collect()
    assert window.tolist() == list(range(1490, 1500))
    assert budget.nbytes == 2 * PAGE
    del window
    assert other[0] == 500
    del other
    assert budget.nbytes == 0
    assert gone() is None


def test_a_closed_ring_can_be_looked_at_from_outside() -> None:
    with ArrayRing(10, name="rows") as ring:
        ring.append(1.0)
    ring.close()
    assert ring.closed
    assert (len(ring), ring.total, ring.nbytes, ring.payload_nbytes) == (0, 1, 0, 0)
    uses = [
        lambda: ring.append(1.0), lambda: ring.append([1.0][0:1][0]), lambda: ring.extend([1.0]),
        ring.view, ring.snapshot, ring.clear, lambda: ring[0], lambda: np.asarray(ring),
        lambda: list(ring),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()
    assert "closed" in repr(ring)
    assert ring.stats().items == 0


def test_the_memory_is_charged_once() -> None:
    budget = Budget("1MiB")
    for capacity, row_length in ((1, 1), (512, 1), (513, 1), (100, 7), (1000, 24)):
        ring = ArrayRing(capacity, float, row_length, budget=budget)
        size = -(-capacity * row_length * 8 // PAGE) * PAGE
        assert ring.nbytes == ring.max_bytes == ring.peak_nbytes == budget.nbytes == size
        ring.extend(np.zeros((2 * capacity, row_length)))
        assert ring.nbytes == size == ring.payload_nbytes + ring.overhead_nbytes
        assert ring.stats().nbytes == size
        del ring
        assert budget.nbytes == 0


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (ValueError, {"capacity": 0}),
        (ValueError, {"capacity": -5}),
        (TypeError, {"capacity": "64MiB"}),
        (TypeError, {"capacity": 1.5}),
        (TypeError, {}),
        (TypeError, {"capacity": 5, "dtype": object}),
        (TypeError, {"capacity": 5, "dtype": [("a", "i4"), ("b", "O")]}),
        (TypeError, {"capacity": 5, "dtype": "no such type"}),
        (ValueError, {"capacity": 5, "dtype": "S0"}),
        (ValueError, {"capacity": 5, "shape": (2, 0)}),
        (ValueError, {"capacity": 5, "shape": -1}),
        (ValueError, {"capacity": 5, "shape": (1,) * 64}),
        (ValueError, {"capacity": 5, "dtype": ("f4", (1,) * 32), "shape": (1,) * 32}),
        (TypeError, {"capacity": 5, "shape": "3"}),
        (TypeError, {"capacity": 5, "shape": 1.5}),
        (TypeError, {"capacity": 5, "budget": 5}),
        (TypeError, {"capacity": 5, "name": b"x"}),
        (MemoryError, {"capacity": 2**61}),
        (MemoryError, {"capacity": 2**100}),
        (MemoryError, {"capacity": 5, "shape": (2**40, 2**40)}),
        (BudgetExceededError, {"capacity": 5, "budget": Budget(100)}),
    ],
)
def test_arguments_that_make_no_sense(error: type[Exception], given: dict[str, Any]) -> None:
    with pytest.raises(error):
        ArrayRing(**given)


def test_what_it_says_of_itself() -> None:
    ring = ArrayRing(5, ("f4", (2,)), 3, name="rows")
    assert (ring.capacity, ring.dtype, ring.shape, ring.name) == (5, np.float32, (3, 2), "rows")
    assert "'rows': 0 of 5 rows of float32 (3, 2)" in repr(ring)
    view = ring.view()
    assert ring.stats().views == 1
    del view
    ring.append(np.zeros((3, 2)))
    stats = ring.stats()
    assert (stats.items, stats.total, stats.capacity, stats.views) == (1, 1, 5, 0)


def test_it_is_made_once() -> None:
    ring = ArrayRing(5)
    ring.append(1.0)
    with pytest.raises(RuntimeError, match="initialised already; make another one"):
        ring.__init__(6)  # type: ignore[misc]
    assert ring.view().tolist() == [1.0]


def test_the_peak_is_reset() -> None:
    ring = ArrayRing(5)
    assert ring.peak_nbytes == ring.stats().peak_nbytes == PAGE
    ring.reset_stats()
    assert ring.peak_nbytes == PAGE
    ring.close()
    assert (ring.nbytes, ring.peak_nbytes) == (0, PAGE)
    ring.reset_stats()
    assert ring.peak_nbytes == 0


def test_it_stays_in_its_process() -> None:
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot copy or pickle the ArrayRing"):
            use(ArrayRing(3))


def test_a_ring_that_was_not_initialised() -> None:
    ring = ArrayRing.__new__(ArrayRing)
    for use in (lambda: ring.append(1.0), ring.view, ring.clear):
        with pytest.raises((RuntimeError, TypeError)):
            use()
    assert (len(ring), ring.nbytes) == (0, 0)


def test_hostile_rows() -> None:
    ring = ArrayRing(3)

    class Meddler:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            ring.extend([7.0, 8.0])
            ring.clear()
            return np.array(9.0)

    class Closer:
        def __float__(self) -> float:
            ring.close()
            return 1.0

    ring.append(Meddler())
    assert ring.view().tolist() == [9.0]
    with pytest.raises(ValueError, match="closed"):
        ring.append(Closer())


def test_numpy_is_imported_by_the_first_ring() -> None:
    code = (
        "import sys, bytebound; assert 'numpy' not in sys.modules;"
        "bytebound.ArrayRing(3); assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cache_under_the_same_budget_makes_room() -> None:
    budget = Budget(10 * PAGE)
    cache: LRUCache[int, int] = LRUCache("1MiB", charge_overhead=False, budget=budget)
    for number in range(10):
        cache.put(number, number, size=PAGE)
    ring = ArrayRing(3 * PAGE // 8, budget=budget)
    assert (list(cache), ring.nbytes) == (list(range(3, 10)), 3 * PAGE)
    with pytest.raises(BudgetExceededError):
        ArrayRing(8 * PAGE // 8, budget=budget)
    assert len(cache) == 7
