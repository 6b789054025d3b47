"""The exceptions: what they derive from, what they carry, how they travel."""

import copy
import pickle
from collections.abc import Callable

import pytest
from hostile import AnyCache

import bytebound
from bytebound import Budget, BudgetExceededError, EntryTooLargeError


def too_large() -> EntryTooLargeError:
    with pytest.raises(EntryTooLargeError) as caught:
        AnyCache(1000)["key"] = bytes(2000)
    return caught.value


def over_budget() -> BudgetExceededError:
    cache = AnyCache("1MiB", budget=Budget(1000, name="all"))
    with pytest.raises(BudgetExceededError) as caught:
        cache["key"] = bytes(2000)
    return caught.value


def test_entry_too_large_is_a_value_error() -> None:
    assert issubclass(EntryTooLargeError, ValueError)


def test_budget_exceeded_is_a_memory_error() -> None:
    assert issubclass(BudgetExceededError, MemoryError)


@pytest.mark.parametrize("kind", [EntryTooLargeError, BudgetExceededError])
def test_they_are_named_after_the_package(kind: type[Exception]) -> None:
    assert kind.__module__ == "bytebound"
    assert getattr(bytebound, kind.__name__) is kind


def test_entry_too_large_names_both_sizes() -> None:
    error = too_large()
    assert error.max_bytes == 1000
    assert error.nbytes is not None
    assert error.nbytes >= 2000
    assert f"{error.nbytes} bytes" in str(error)
    assert "max_bytes=1000" in str(error)


def test_entry_too_large_for_the_structure_alone_says_what_that_takes() -> None:
    with pytest.raises(EntryTooLargeError, match=r"112 bytes of structure") as caught:
        AnyCache(100)[1] = None
    assert caught.value.max_bytes == 100


def test_budget_exceeded_says_which_level_and_how_much() -> None:
    error = over_budget()
    assert "budget 'all'" in str(error)
    assert error.available == error.max_bytes == 1000
    assert error.requested is not None
    assert error.requested > 2000
    assert f"{error.requested} more bytes" in str(error)


@pytest.mark.parametrize("make", [too_large, over_budget])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_they_survive_pickling(make: Callable[[], Exception], protocol: int) -> None:
    error = make()
    loaded = pickle.loads(pickle.dumps(error, protocol))
    assert type(loaded) is type(error)
    assert str(loaded) == str(error)
    assert vars(loaded) == vars(error)


@pytest.mark.parametrize("make", [too_large, over_budget])
def test_they_survive_copying(make: Callable[[], Exception]) -> None:
    error = make()
    assert vars(copy.copy(error)) == vars(error)


@pytest.mark.parametrize("kind", [EntryTooLargeError, BudgetExceededError])
def test_they_can_be_made_without_arguments(kind: type[Exception]) -> None:
    assert str(kind()) == ""
    assert set(vars(kind()).values()) == {None}
