"""Arrays in a pool: made by it, or by NumPy in a scope of it."""

import asyncio
import contextvars
import copy
import functools
import gc
import pickle
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from bytebound import (
    ArrayScope,
    Budget,
    BudgetExceededError,
    MemoryPool,
    PoolExhaustedError,
)


@pytest.fixture
def pool() -> MemoryPool:
    return MemoryPool("4MiB")


DTYPES = ["?", "i1", "<u2", ">i4", "f8", "c16", "longdouble", "S7", "U3", "M8[s]", "V5"]
STRUCTURES = [[("a", "i4"), ("b", "f8", (2, 3))], np.dtype("(2,3)f4"), np.dtype([])]


@pytest.mark.parametrize("dtype", [*DTYPES, *STRUCTURES], ids=str)
@pytest.mark.parametrize("shape", [0, 5, (), (3,), (2, 3, 4), [2, 2], (0, 7), np.int64(6)])
def test_arrays_are_like_those_of_numpy(pool: MemoryPool, shape: Any, dtype: Any) -> None:
    expected = np.zeros(shape, dtype)
    for make in (pool.empty, pool.zeros):
        array = make(shape, dtype)
        assert type(array) is np.ndarray
        assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
        assert array.strides == expected.strides or array.size == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.flags.aligned
        assert pool.requested_nbytes == array.nbytes
        array[...] = expected
        del array
        assert pool.requested_nbytes == 0
    assert pool.zeros(shape, dtype).tobytes() == expected.tobytes()


def test_the_data_type_is_float_if_none_is_named(pool: MemoryPool) -> None:
    for dtype in (None, float, "float64", np.float64, np.dtype(float)):
        assert pool.empty(3, dtype).dtype == np.dtype(float)
    assert pool.zeros(3).tolist() == [0.0, 0.0, 0.0]


def test_zeros_are_zero_where_something_was(pool: MemoryPool) -> None:
    for count in (3, 1000, 20_000):
        for _ in range(3):
            array = pool.zeros(count)
            assert not array.any()
            array[:] = 7
            del array


def test_nothing_reachable_takes_the_memory_of_a_living_array(pool: MemoryPool) -> None:
    for array in (pool.empty(100, "u1"), pool.zeros(100, "u1")):
        base: Any = array.base
        assert not any(hasattr(base, name) for name in ("release", "__exit__", "__buffer__"))
        for use in (memoryview, copy.copy, pickle.dumps, lambda base: type(base)()):
            with pytest.raises(TypeError):
                use(base)
        with pytest.raises(ValueError, match="own its data"):
            array.resize(10_000)
        del base
    assert pool.requested_nbytes == 100
    with pytest.raises(BufferError):
        pool.close()
    del array
    assert pool.requested_nbytes == 0


@pytest.mark.parametrize(
    "shape", [-1, (3, -2), (0, -2), (2**62, 2), (2**63, 1), 2**61, (2**40, 2**40)]
)
def test_shapes_that_are_none(pool: MemoryPool, shape: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        pool.empty(shape)
    with pytest.raises((ValueError, OverflowError)):
        pool.empty([1] * 65)
    assert pool.nbytes == 0


@pytest.mark.parametrize("shape", ["12", 1.5, (1, "x"), (1.5,), None, {2.5: 1}])
def test_shapes_of_another_type(pool: MemoryPool, shape: Any) -> None:
    with pytest.raises(TypeError):
        pool.empty(shape)


def test_arrays_of_objects_are_refused_where_nobody_would_drop_them(pool: MemoryPool) -> None:
    for dtype in (object, "O", [("a", "i4"), ("b", object)], np.dtypes.StringDType()):
        with pytest.raises(TypeError, match=r"objects|references"):
            pool.empty(3, dtype)
    with pytest.raises(TypeError):
        pool.empty(3, "no such type")
    assert pool.nbytes == 0


def test_an_array_of_objects_is_numpys_own(pool: MemoryPool) -> None:
    class Witness:
        pass

    witness = Witness()
    gone = weakref.ref(witness)
    array = pool.array([witness, None])
    assert pool.requested_nbytes == 16
    del witness
    assert gone() is not None
    del array
    assert gone() is None
    assert pool.requested_nbytes == 0


def test_memory_goes_back_with_the_last_view(pool: MemoryPool) -> None:
    array = pool.zeros((100, 100))
    view = array[::2, 3:]
    other = np.asarray(memoryview(view))
    del array, view
    assert pool.requested_nbytes == 80_000
    assert not other.any()
    del other
    assert pool.requested_nbytes == 0


def test_arrays_outlive_the_name_of_their_pool() -> None:
    pool = MemoryPool("1MiB")
    gone = weakref.ref(pool)
    with pool.numpy():
        second = np.arange(10)
    first = pool.empty(10)
    del pool
    first[:] = second
    assert first.tolist() == list(range(10))
    del first
    assert gone() is not None
    del second
    assert gone() is None


@pytest.mark.parametrize(
    "given", [5, [1, 2, 3], [[1.5], [2]], range(1000), b"text", np.arange(12).reshape(3, 4).T, []]
)
def test_an_array_of_something(pool: MemoryPool, given: Any) -> None:
    array = pool.array(given)
    expected = np.array(given)
    assert array.dtype == expected.dtype
    assert array.tolist() == expected.tolist()
    assert not np.shares_memory(array, expected)
    assert pool.requested_nbytes == max(array.nbytes, 1)
    assert pool.array(given, "S9").dtype == "S9"


def test_no_room_for_an_array(pool: MemoryPool) -> None:
    big = np.ones(10**6)
    before = pool.stats()
    for make in (lambda: pool.empty(10**6), lambda: pool.zeros(10**6), lambda: pool.array(big)):
        with pytest.raises(PoolExhaustedError, match="max_bytes=4194304"):
            make()
    assert pool.stats().blocks == before.blocks
    small = MemoryPool("4MiB", budget=Budget("1MiB"))
    with pytest.raises(BudgetExceededError):
        small.empty(250_000)
    pool.close()
    for make in (lambda: pool.empty(1), lambda: pool.array([1]), lambda: pool.numpy().__enter__()):
        with pytest.raises(ValueError, match="closed"):
            make()


# ---- scopes ----


def test_numpy_allocates_in_the_pool(pool: MemoryPool) -> None:
    before = np.ones(100)
    with pool.numpy():
        array = np.arange(1000)
        assert pool.requested_nbytes == array.nbytes
        doubled = array * 2 + before[0]
        assert pool.requested_nbytes == array.nbytes + doubled.nbytes
        copies = [
            array.copy(),
            array.astype("f4"),
            np.concatenate([array, array]),
            np.zeros((3, 5)),
        ]
        total = sum(each.nbytes for each in [array, doubled, *copies])
        assert pool.requested_nbytes == total
    assert np.ones(1000).sum() == 1000
    assert pool.requested_nbytes == total
    del array, doubled, copies
    assert pool.requested_nbytes == pool.stats().blocks == 0


def test_arrays_grow_and_shrink_in_the_pool(pool: MemoryPool) -> None:
    with pool.numpy():
        array = np.arange(10)
        grown = np.fromiter(range(1000), int)
    for count in (100, 20_000, 50, 0, 7):
        array.resize(count, refcheck=False)
        assert array[: min(count, 7)].tolist() == [*range(10), 0][: min(count, 7)] or count == 7
        assert pool.stats().blocks == 2
        pool._validate()
    assert grown.tolist() == list(range(1000))
    del array, grown
    assert pool.requested_nbytes == 0


def test_arrays_without_elements_are_counted_out_again(pool: MemoryPool) -> None:
    kept = []
    with pool.numpy():
        for _ in range(50):
            kept.append(np.empty((0, 1000)))
            kept.append(np.ones(1000))
            np.empty((3, 0), "f4")
        pool._validate()
    kept.clear()
    assert pool.requested_nbytes == pool.stats().blocks == 0
    pool._validate()


def test_the_limit_in_a_scope(pool: MemoryPool) -> None:
    with pool.numpy():
        kept = np.ones(100_000)
        with pytest.raises(MemoryError):
            np.ones(10**6)
        with pytest.raises(MemoryError):
            np.zeros((1000, 10**6))
        with pytest.raises(MemoryError):
            [np.ones(10_000) for _ in range(100)]
        assert kept.sum() == np.ones(100_000).sum()
    assert pool.nbytes <= pool.max_bytes
    gc.collect()
    assert pool.requested_nbytes == kept.nbytes
    pool._validate()


def test_a_failed_resize_leaves_the_array(pool: MemoryPool) -> None:
    with pool.numpy():
        array = np.arange(1000)
    with pytest.raises(MemoryError):
        array.resize(10**6, refcheck=False)
    assert array.tolist() == list(range(1000))


def test_scopes_nest(pool: MemoryPool) -> None:
    inner = MemoryPool("1MiB")
    with pool.numpy():
        with inner.numpy():
            first = np.ones(100)
        second = np.ones(200)
    assert (inner.requested_nbytes, pool.requested_nbytes) == (first.nbytes, second.nbytes)


def test_a_scope_is_left_when_something_is_raised(pool: MemoryPool) -> None:
    with pytest.raises(ArithmeticError), pool.numpy():
        raise ArithmeticError
    array = np.ones(100)
    assert pool.requested_nbytes == 0
    assert array.sum() == 100


def test_a_scope_is_for_one_with(pool: MemoryPool) -> None:
    scope = pool.numpy()
    with pytest.raises(RuntimeError, match="not entered"):
        scope.__exit__()
    with scope:
        with pytest.raises(RuntimeError, match="entered already"):
            scope.__enter__()
        array = np.ones(100)
    assert pool.requested_nbytes == array.nbytes
    with pytest.raises(RuntimeError, match="entered already"):
        scope.__enter__()
    with pytest.raises(RuntimeError, match="left already"):
        scope.__exit__()
    with pytest.raises(TypeError, match="numpy"):
        ArrayScope()


def is_charged(pool: MemoryPool) -> bool:
    before = pool.requested_nbytes
    array = np.ones(10)
    return pool.requested_nbytes == before + array.nbytes


def test_a_scope_is_left_in_order(pool: MemoryPool) -> None:
    inner_pool = MemoryPool("1MiB")
    outer, inner = pool.numpy(), inner_pool.numpy()
    with outer:
        with inner:
            with pytest.raises(RuntimeError, match=r"where it was not entered.*later"):
                outer.__exit__()
            assert is_charged(inner_pool)
        assert is_charged(pool)
    assert not is_charged(pool)


def test_a_scope_is_left_in_its_context(pool: MemoryPool) -> None:
    def leave() -> None:
        with pytest.raises(RuntimeError, match=r"where it was not entered.*thread"):
            scope.__exit__()

    with pool.numpy() as scope:
        contextvars.Context().run(leave)
        contextvars.copy_context().run(leave)  # where the same handler is in force
        with ThreadPoolExecutor(1) as executor:
            executor.submit(leave).result()
            executor.submit(scope.bind(leave)).result()
        assert is_charged(pool)
    assert not is_charged(pool)


def test_a_scope_entered_in_another_thread_is_not_left_here(pool: MemoryPool) -> None:
    scope = pool.numpy()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(scope.__enter__).result()
        with pytest.raises(RuntimeError, match="where it was not entered"):
            scope.__exit__()
        assert executor.submit(is_charged, pool).result()
        executor.submit(scope.__exit__).result()
        assert not executor.submit(is_charged, pool).result()


def test_threads_come_along_when_bound(pool: MemoryPool) -> None:
    kept: list[Any] = []

    def work(count: int, *, factor: float = 1) -> None:
        kept.append(np.ones(count) * factor)

    with pool.numpy() as scope:
        plain = threading.Thread(target=contextvars.Context().run, args=(work, 300))
        bound = threading.Thread(target=scope.bind(work), args=(100,), kwargs={"factor": 2.0})
        for thread in (plain, bound):
            thread.start()
            thread.join()
    assert pool.requested_nbytes == 800
    assert [len(array) for array in kept] == [300, 100]
    with pytest.raises(TypeError, match="callable"):
        scope.bind(5)  # type: ignore[arg-type]


async def coroutine() -> None: ...


def generator() -> Iterator[int]:
    yield 1


async def asynchronous_generator() -> AsyncIterator[int]:
    yield 1


class Callable:
    async def __call__(self) -> None: ...

    async def method(self) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        *(coroutine, generator, asynchronous_generator),
        *(Callable(), Callable().method, functools.partial(coroutine)),
    ],
    ids=str,
)
def test_what_runs_later_cannot_be_bound(pool: MemoryPool, function: Any) -> None:
    with pytest.raises(TypeError, match="bind what it calls"):
        pool.numpy().bind(function)


@pytest.mark.parametrize("function", [list, functools.partial(list), np.ones, np.add, list.copy])
def test_what_runs_at_once_can_be_bound(pool: MemoryPool, function: Any) -> None:
    assert callable(pool.numpy().bind(function))


def test_executors_come_along_when_bound(pool: MemoryPool) -> None:
    with ThreadPoolExecutor(3) as executor, pool.numpy() as scope:
        arrays = list(executor.map(scope.bind(np.ones), [10] * 20))
        assert pool.requested_nbytes == 20 * 80
        failing = executor.submit(scope.bind(np.ones), 10**6)
        assert isinstance(failing.exception(), MemoryError)
        plain = executor.submit(np.ones, 10).result()
    assert pool.requested_nbytes == 20 * 80
    assert len(plain) == len(arrays[0])


def test_tasks_come_along_by_themselves(pool: MemoryPool) -> None:
    async def work(count: int) -> Any:
        await asyncio.sleep(0)
        return np.ones(count)

    async def main() -> Any:
        with pool.numpy():
            inside = asyncio.gather(*(work(100) for _ in range(5)))
        outside = await work(1000)
        return await inside, outside

    inside, outside = asyncio.run(main())
    assert pool.requested_nbytes == sum(array.nbytes for array in inside)
    assert outside.sum() == 1000
