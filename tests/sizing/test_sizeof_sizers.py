"""Types that hide memory: registered functions, and those that come with the package."""

import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sizing_corpus import compare, fresh_text

from bytebound import EntryTooLargeError, LRUCache, SizeTracker
from bytebound._native.sizing import MemoryBlock, register_sizer, shell_nbytes, sizeof

Sizer = Callable[[Any], Any]


class Handle:
    """Stands for a type of a C library."""

    __slots__ = ("address", "held", "nbytes")

    def __init__(self, nbytes: int = 1000, held: object = (), address: int = 0) -> None:
        self.nbytes = nbytes
        self.held = held
        self.address = address


class SpecialHandle(Handle):
    __slots__ = ()


@pytest.fixture
def register() -> Iterator[Callable[[type, Sizer], None]]:
    """Register sizers, and forget them after the test."""
    registered = []

    def enter(cls: type, sizer: Sizer) -> None:
        register_sizer(cls, sizer)
        registered.append(cls)

    yield enter
    for cls in registered:
        register_sizer(cls, None)


Register = Callable[[type, Sizer], None]


def test_own_bytes_are_what_the_function_says(register: Register) -> None:
    register(Handle, lambda handle: (handle.nbytes, ()))
    assert sizeof(Handle(12345)) == 12345
    assert sizeof([Handle(1), Handle(2)]) == sizeof([None, None]) + 3
    assert sizeof(Handle(77), deep=False) == 77


def test_only_the_referents_it_names_are_followed(register: Register) -> None:
    text = fresh_text(1000)
    register(Handle, lambda handle: (10, handle.held))
    assert sizeof(Handle(held=[text, text])) == 10 + sizeof(text)
    assert sizeof(Handle(held=[text]), text) == 10 + sizeof(text)
    assert sizeof(Handle(held=iter([[text]]))) == 10 + sizeof([text])
    assert sizeof(Handle(held=[text]), deep=False) == 10
    one, two = Handle(), Handle()
    one.held, two.held = [two], [one]
    assert sizeof(one) == 20


def test_subclasses_are_asked_likewise_and_the_nearest_wins(register: Register) -> None:
    register(Handle, lambda handle: (10, ()))
    assert sizeof(SpecialHandle()) == 10
    register(SpecialHandle, lambda handle: (20, ()))
    assert sizeof(SpecialHandle(), Handle()) == 30


def test_a_sizer_goes_before_dunder_sizeof_and_before_what_is_known(register: Register) -> None:
    class Told:
        def __sizeof__(self) -> int:
            raise AssertionError

    class Listed(list):  # type: ignore[type-arg]
        pass

    def function() -> None:
        pass

    register(Told, lambda told: (1, ()))
    register(Listed, lambda listed: (2, ()))
    register(types.FunctionType, lambda function: (4, ()))
    assert sizeof(Told(), Listed(range(100)), function) == 7


def test_a_later_function_replaces_an_earlier_one(register: Register) -> None:
    handle = Handle()
    before = sizeof(handle)
    register(Handle, lambda handle: (10, ()))
    assert sizeof(handle) == 10
    register(Handle, lambda handle: (20, ()))
    assert sizeof(handle) == 20
    register_sizer(Handle, None)
    assert sizeof(handle) == before
    register_sizer(Handle, None)


def test_many_may_be_registered(register: Register) -> None:
    classes = [type(f"Handle{number}", (), {}) for number in range(100)]
    for number, cls in enumerate(classes):
        register(cls, functools.partial(lambda number, handle: (number, ()), number))
    assert sizeof(*(cls() for cls in classes)) == sum(range(100))


def test_they_may_be_registered_while_one_is_asked(register: Register) -> None:
    def changes_its_mind(handle: Handle) -> tuple[int, tuple[()]]:
        register_sizer(Handle, lambda handle: (20, ()))
        return 10, ()

    register(Handle, changes_its_mind)
    assert sizeof(Handle(), Handle(), Handle()) == 50


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((-1, ()), ValueError),
        ((1.5, ()), TypeError),
        (("1", ()), TypeError),
        ((None, ()), TypeError),
        ((1, 5), TypeError),
        ((1, None), TypeError),
        (1, TypeError),
        (None, TypeError),
        ((1,), TypeError),
        ((1, (), ()), TypeError),
        ([1, ()], TypeError),
        ((sys.maxsize + 1, ()), OverflowError),
    ],
)
def test_bad_answers_are_refused(
    register: Register, answer: object, error: type[Exception]
) -> None:
    register(Handle, lambda handle: answer)
    with pytest.raises(error):
        sizeof([Handle()])


@pytest.mark.parametrize("answer", [(-1, ()), (1.5, ()), None])
def test_bad_answers_are_refused_by_name(register: Register, answer: object) -> None:
    register(Handle, lambda handle: answer)
    with pytest.raises((ValueError, TypeError), match="Handle"):
        sizeof(Handle())


def test_what_it_raises_comes_out(register: Register) -> None:
    register(Handle, lambda handle: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        sizeof([[Handle()]])


def test_limit_and_stop_hold_for_it_too(register: Register) -> None:
    register(Handle, lambda handle: (handle.nbytes, [fresh_text(1000)]))
    assert sizeof([Handle(100)], limit=150) > 150
    assert sizeof([Handle()], stop=[Handle]) == sizeof([None])
    assert sizeof(Handle(50), stop=[str]) == 50


def test_referents_made_on_the_spot_are_told_apart(register: Register) -> None:
    """Each is kept until the end, or one would get the address of another and not count."""
    register(Handle, lambda handle: (0, [fresh_text(100)]))
    assert sizeof(*(Handle() for _ in range(100))) == 100 * sizeof(fresh_text(100))


def test_what_such_referents_share_is_told_apart_too(register: Register) -> None:
    def shares(handle: Handle) -> tuple[int, object]:
        shared: list[object] = []
        return 0, ((shared, shared) for _ in range(3))

    register(Handle, shares)
    each = 3 * sizeof(tuple([None] * 2)) + sizeof([])
    assert sizeof(*(Handle() for _ in range(200))) == 200 * each


def test_more_referents_than_are_taken_at_once(register: Register) -> None:
    texts = [fresh_text() for _ in range(1000)]
    for given in (tuple(texts), texts, iter(texts), dict.fromkeys(texts), [*texts]):
        register(Handle, functools.partial(lambda given, handle: (0, given), given))
        assert sizeof(Handle(), Handle()) == sum(sizeof(text) for text in texts)
        assert sizeof(Handle(), deep=False) == 0


@pytest.mark.parametrize("measure", ["sizeof", "put deep", "put shared"])
@pytest.mark.parametrize("leads_on", [False, True])
def test_a_limit_bounds_how_many_referents_are_asked_for(
    register: Register, measure: str, leads_on: bool
) -> None:
    asked = 0

    def without_end(handle: Handle) -> tuple[int, Iterator[object]]:
        def referents() -> Iterator[object]:
            nonlocal asked
            for _ in range(10**6):
                asked += 1
                yield Handle() if leads_on else [fresh_text()]

        return 100, referents()

    register(Handle, without_end)
    if measure == "sizeof":
        assert sizeof(Handle(), limit=100_000) > 100_000
    else:
        cache: LRUCache[str, object] = LRUCache(
            100_000, sizer="shared" if measure == "put shared" else "deep"
        )
        with pytest.raises(EntryTooLargeError):
            cache["key"] = Handle()
        cache._validate()
    assert asked < (100_000 if leads_on else 2000)


def test_an_iterator_that_raises_raises(register: Register) -> None:
    register(Handle, lambda handle: (1, (1 // (500 - n) for n in range(1000))))
    with pytest.raises(ZeroDivisionError):
        sizeof([Handle()])


def test_what_cannot_be_iterated_over_is_refused_by_name(register: Register) -> None:
    register(Handle, lambda handle: (1, 5))
    with pytest.raises(TypeError, match=r"sizer of Handle .* int is not iterable"):
        sizeof(Handle())


def test_the_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="type"):
        register_sizer(5, lambda handle: (1, ()))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callable"):
        register_sizer(Handle, 5)  # type: ignore[arg-type]
    for leaf in (str, bytes, int, float, bool, type(None)):
        with pytest.raises(ValueError, match="known"):
            register_sizer(leaf, lambda handle: (1, ()))


# Memory that is no object.


def test_a_block_counts_once_by_its_address(register: Register) -> None:
    register(Handle, lambda handle: (10, [MemoryBlock(handle.address, handle.nbytes)]))
    one, two = Handle(1000, address=4096), Handle(1000, address=4096)
    other = Handle(500, address=8192)
    assert sizeof(one, two, other) == 30 + 1500
    assert sizeof(one, rounded=True) >= 1010


@pytest.mark.parametrize("sizes", [(100, 300, 200), (300, 100, 200), (100, 200, 300)])
def test_a_block_is_as_large_as_the_largest_that_is_told(
    register: Register, sizes: tuple[int, ...]
) -> None:
    register(Handle, lambda handle: (0, [MemoryBlock(handle.address, handle.nbytes)]))
    handles = [Handle(size, address=4096) for size in sizes]
    assert sizeof(handles) == sizeof(handles, deep=False) + 300
    assert sizeof(*handles) == 300
    assert sizeof(*handles, rounded=True) == sizeof(handles[sizes.index(300)], rounded=True)
    tracker = SizeTracker()
    tracker.add(handles)
    for handle in handles:
        tracker.add(handle)
        assert tracker.audit().drift == 0
    assert tracker.remove(handles[sizes.index(300)]) == 0
    tracker._validate()


def test_blocks_side_by_side_are_different(register: Register) -> None:
    register(Handle, lambda handle: (0, [MemoryBlock(handle.address, 1)]))
    handles = [Handle(address=4096 + offset) for offset in range(64)]
    assert sizeof(*handles) == 64
    tracker = SizeTracker()
    for handle in handles:
        tracker.add(handle)
    assert tracker.nbytes == 64


def test_a_block_is_no_object_that_begins_there(register: Register) -> None:
    text = fresh_text(1000)
    register(Handle, lambda handle: (0, [handle.held, MemoryBlock(id(handle.held), 500)]))
    assert sizeof(Handle(held=text)) == sizeof(text) + 500


def test_nothing_is_counted_for_no_memory(register: Register) -> None:
    register(Handle, lambda handle: (0, [MemoryBlock(handle.address, handle.nbytes)]))
    assert sizeof(Handle(1000, address=0)) == 0
    assert sizeof(Handle(0, address=4096)) == 0


def test_a_block_by_itself() -> None:
    assert sizeof(MemoryBlock(4096, 100)) == 100
    assert sizeof([MemoryBlock(4096, 100), MemoryBlock(4096, 100)]) == sizeof([None] * 2) + 100


@pytest.mark.parametrize("arguments", [(-1, 5), (5, -1), (1 << 63, 5), (5, 1 << 63)])
def test_blocks_outside_of_memory_are_refused(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be between"):
        MemoryBlock(*arguments)


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3), (1.5, 5), (5, "5"), (None, 5)])
def test_blocks_of_something_else_are_refused_by_name(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"MemoryBlock\(\) takes|must be an int"):
        MemoryBlock(*arguments)


def test_shell() -> None:
    assert shell_nbytes([1, 2, 3]) == sizeof([], deep=False)
    assert shell_nbytes(Handle()) == sizeof(Handle(), deep=False)


# Libraries.


class Storage:
    """Stands for torch.UntypedStorage."""

    def __init__(self, address: int, nbytes: int, device: str = "cpu") -> None:
        self.address = address
        self.size = nbytes
        self.device = types.SimpleNamespace(type=device)

    def data_ptr(self) -> int:
        return self.address

    def nbytes(self) -> int:
        return self.size


class Tensor:
    """Stands for torch.Tensor."""

    is_leaf = True
    grad: Any = None

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def untyped_storage(self) -> Storage:
        return self._storage


def test_tensors_count_their_storage_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in, so that it is tested without the library too."""
    from bytebound._native.sizing_libraries import sizers

    torch = types.ModuleType("torch")
    torch.__spec__ = None
    torch.Tensor, torch.UntypedStorage = Tensor, Storage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    pairs = sizers("torch")
    assert pairs is not None
    try:
        for cls, sizer in pairs:
            register_sizer(cls, sizer)
        storage = Storage(4096, 10**6)
        views = [Tensor(storage) for _ in range(5)]
        assert 10**6 < sizeof(views) < 10**6 + 5000
        assert sizeof(storage) > 10**6
        assert sizeof(Tensor(Storage(4096, 10**6, "cuda"))) < 1000
        views[0].grad = Tensor(Storage(8192, 5000))
        assert 10**6 + 5000 < sizeof(views) < 10**6 + 10_000
    finally:
        for cls, _ in pairs:
            register_sizer(cls, None)


def test_a_library_that_is_being_imported_is_asked_later(monkeypatch: pytest.MonkeyPatch) -> None:
    from bytebound._native.sizing_libraries import sizers

    torch = types.ModuleType("torch")
    torch.__spec__ = types.SimpleNamespace(_initializing=True)  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert sizers("torch") is None
    monkeypatch.delitem(sys.modules, "torch")
    assert sizers("torch") is None


def test_a_release_that_lacks_a_type_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from bytebound._native.sizing_libraries import sizers

    for library in ("torch", "pandas", "pyarrow"):
        monkeypatch.setitem(sys.modules, library, types.ModuleType(library))
        assert sizers(library) == []


def test_real_tensors() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    base = torch.zeros(100_000, dtype=torch.float32)
    views = [base, base[10:], base.reshape(100, 1000), base[::2]]
    assert 400_000 < sizeof(views) < 402_000
    assert sizeof([torch.zeros(1000) for _ in range(10)]) > 40_000
    parameter = torch.nn.Parameter(torch.zeros(1000))
    before = sizeof(parameter)
    parameter.sum().backward()
    assert sizeof(parameter) - before >= 4000


def test_arrow_buffers() -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    array = pyarrow.array(range(100_000))
    assert 800_000 <= sizeof(array) < 801_000
    assert sizeof(array, array.slice(10), array[5:]) < 801_000
    table = pyarrow.table({"a": array, "b": array, "c": pyarrow.array([0.5] * 100_000)})
    assert 1_600_000 <= sizeof(table) < 1_602_000
    assert sizeof(table, *table.to_batches()) < 1_603_000
    text = pyarrow.array(["a", "b"] * 5000).dictionary_encode()
    assert 40_000 <= sizeof(text) < 45_000
    chunked = pyarrow.chunked_array([array, array.slice(1)])
    assert sizeof(chunked) < 802_000


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    import numpy as np

    def frame() -> object:
        return pandas.DataFrame({"a": np.arange(10_000.0), "b": np.arange(10_000)})

    def objects() -> object:
        texts = np.array([fresh_text() for _ in range(1000)], dtype=object)
        return pandas.Series(texts, dtype=object)

    def looked_up() -> object:
        index = pandas.Index(np.random.default_rng(5).permutation(5000))
        index.get_loc(17)
        return index

    for build in (frame, objects, looked_up):
        requested, told = compare(build, sizeof)
        assert abs(told - requested) < 500, build.__name__
    series = pandas.Series(np.arange(10_000.0))
    assert sizeof(series, series[10:], series[20:]) < sizeof(series) + 3000
