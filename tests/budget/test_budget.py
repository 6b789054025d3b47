"""Budget alone: construction, totals, representation. How caches use it: test_lru_budget.py."""

import copy
import gc
import pickle
import weakref

import pytest
from hostile import AnyCache

import bytebound
from bytebound import Budget, BudgetExceededError


def plain(budget: Budget) -> AnyCache:
    """Make a cache whose charges are exactly the sizes put."""
    return AnyCache("1MiB", budget=budget, charge_overhead=False)


def test_a_new_budget_is_empty() -> None:
    budget = Budget("1KiB")
    assert (budget.max_bytes, budget.nbytes, budget.peak_nbytes) == (1024, 0, 0)
    assert (budget.parent, budget.name) == (None, None)


@pytest.mark.parametrize("value", [True, 1.5, None, b"1"])
def test_a_bound_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="max_bytes"):
        Budget(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, 2**62, "", "1 lot"])
def test_a_bound_out_of_range_is_refused(value: int | str) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        Budget(value)


def test_a_bound_is_required() -> None:
    with pytest.raises(TypeError):
        Budget()  # type: ignore[call-arg]


def test_the_other_arguments_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        Budget(10, None)  # type: ignore[call-arg]


def test_a_parent_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError):
        Budget(10, parent=AnyCache(10))  # type: ignore[arg-type]


def test_a_name_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="name must be a str or None, not int"):
        Budget(10, name=5)  # type: ignore[arg-type]


def test_a_second_init_changes_nothing() -> None:
    budget = Budget(1000)
    cache = plain(budget)
    cache.put("key", 1, size=10)
    budget.__init__(5)  # type: ignore[call-arg]
    assert (budget.max_bytes, budget.nbytes) == (1000, 10)


def test_it_is_named_after_the_package() -> None:
    assert Budget.__module__ == "bytebound"
    assert bytebound.Budget is Budget


def test_it_cannot_be_subclassed() -> None:
    with pytest.raises(TypeError):
        type("Sub", (Budget,), {})


@pytest.mark.parametrize("name", ["max_bytes", "nbytes", "peak_nbytes", "parent", "name"])
def test_attributes_are_read_only(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Budget(10), name, 5)


def test_repr_names_it_and_gives_both_numbers() -> None:
    budget = Budget(2_000_000, name="all")
    plain(budget).put("key", 1, size=10)
    assert repr(budget) == "<Budget 'all': 0 of 2,000,000 bytes>"
    assert repr(Budget(5)) == "<Budget: 0 of 5 bytes>"


def test_the_total_is_the_sum_of_what_is_below() -> None:
    budget = Budget("1MiB")
    first, second = AnyCache("64KiB", budget=budget), AnyCache("64KiB", budget=budget)
    for number in range(100):
        first[number] = "x" * number
        second[str(number)] = number
        assert budget.nbytes == first.nbytes + second.nbytes
    budget._validate()


def test_every_level_is_charged() -> None:
    root = Budget(1000)
    middle = Budget(500, parent=root)
    cache = plain(middle)
    cache.put("key", 1, size=120)
    plain(root).put("other", 1, size=30)
    assert (middle.nbytes, root.peak_nbytes) == (120, 150)
    del cache["key"]
    assert (middle.nbytes, root.nbytes) == (0, 0)


def test_the_peak_stays_until_it_is_reset() -> None:
    budget = Budget(1000)
    cache = plain(budget)
    cache.put("key", 1, size=700)
    cache.put("key", 1, size=200)
    assert (budget.nbytes, budget.peak_nbytes) == (200, 700)
    budget.reset_peak()
    assert budget.peak_nbytes == 200


def test_the_refusal_of_any_level_changes_no_level() -> None:
    root = Budget(100, name="root")
    middle = Budget(1000, parent=root, name="middle")
    cache = plain(middle)
    cache.put("key", 1, size=60)
    with pytest.raises(BudgetExceededError, match="'root'") as caught:
        cache.put("large", 1, size=101)
    assert (caught.value.max_bytes, list(cache)) == (100, ["key"])
    assert (root.nbytes, middle.nbytes, cache.nbytes) == (60, 60, 60)
    assert (root.peak_nbytes, middle.peak_nbytes, cache.peak_nbytes) == (60, 60, 60)


def test_a_parent_lives_as_long_as_what_is_below() -> None:
    cache = plain(Budget(500, parent=Budget(100, name="root")))
    gc.collect()
    with pytest.raises(BudgetExceededError, match="'root'"):
        cache.put("key", 1, size=101)


def test_a_long_chain_of_parents_works_and_dies() -> None:
    budget = root = Budget(10)
    for _ in range(99):
        budget = Budget(1000, parent=budget)
    with pytest.raises(ValueError, match="nested 100 deep"):
        Budget(1000, parent=budget)
    cache = plain(budget)
    cache.put("key", 1, size=10)
    assert root.nbytes == 10
    with pytest.raises(BudgetExceededError):
        cache.put("other", 1, size=11)
    del cache, budget
    assert root.nbytes == 0


def test_a_parent_dies_with_the_last_of_its_children() -> None:
    class Name(str):
        pass

    name = Name("watched")
    watch = weakref.ref(name)
    child = Budget(10, parent=Budget(10, name=name))
    del name
    assert watch() is not None
    del child
    gc.collect()
    assert watch() is None


def test_a_copy_is_the_budget_itself() -> None:
    budget = Budget(10)
    assert copy.copy(budget) is budget
    assert copy.deepcopy(budget) is budget


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_refuses_to_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Budget(10), protocol)
