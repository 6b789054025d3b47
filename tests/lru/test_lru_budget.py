"""Caches under budgets: whose entries leave, what is refused, what is given back."""

import gc
import weakref
from typing import Any

import pytest
from hostile import AnyCache, Departures

from bytebound import Budget, BudgetExceededError, EntryTooLargeError


def plain(budget: Budget, max_bytes: int = 10_000, **settings: Any) -> AnyCache:
    """Make a cache whose charges are exactly the sizes put."""
    return AnyCache(max_bytes, budget=budget, charge_overhead=False, **settings)


def filled(budget: Budget, count: int, size: int, **settings: Any) -> AnyCache:
    cache = plain(budget, **settings)
    for number in range(count):
        cache.put(number, number, size=size)
    return cache


def test_a_full_budget_evicts_what_was_used_longest_ago_whoever_has_it() -> None:
    budget = Budget(1000)
    departures = Departures()
    other = filled(budget, 5, 100, on_evict=departures)
    cache = filled(budget, 5, 100, on_evict=departures)
    assert other[1] == 1
    other.put(0, 0, size=100)
    cache.put("new", 1, size=150)
    assert departures == [(2, 2, "budget"), (3, 3, "budget")]
    assert (list(other), list(cache)) == ([4, 1, 0], [0, 1, 2, 3, 4, "new"])
    assert (budget.nbytes, budget.peak_nbytes) == (950, 1000)
    budget._validate()


def test_what_cannot_be_given_back_is_not_asked_for() -> None:
    budget = Budget(1000, name="all")
    weights = budget.reserve(850, name="weights")
    cache = filled(budget, 1, 100, name="pages")
    with pytest.raises(BudgetExceededError, match="no room for 151 more bytes") as caught:
        cache.put("new", 1, size=151)
    assert caught.value.requested == 151
    assert "Budget 'all' 950 of 1,000: Reservation 'weights' 850" in str(caught.value)
    assert (list(cache), weights.nbytes, budget.nbytes) == ([0], 850, 950)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("tight", [0, -1])
def test_a_refusal_changes_nothing_at_any_level(depth: int, tight: int) -> None:
    levels = [Budget(500 if tight == 0 or depth == 1 else 5000)]
    for number in range(1, depth):
        levels.append(Budget(500 if number == depth - 1 and tight else 5000, parent=levels[-1]))
    other = levels[-1].reserve(300)
    departures = Departures()
    cache = filled(levels[-1], 2, 100, on_evict=departures)
    iterator = iter(cache)
    before = [(level.nbytes, level.peak_nbytes) for level in levels], cache.stats()
    for key in ("new", 0, 1):
        with pytest.raises(BudgetExceededError):
            cache.put(key, "changed", size=201)
    assert ([(level.nbytes, level.peak_nbytes) for level in levels], cache.stats()) == before
    assert list(iterator) == [0, 1]
    assert list(cache.items()) == [(0, 0), (1, 1)]
    assert (departures, other.nbytes) == ([], 300)
    cache._validate()
    for level in levels:
        level._validate()


def test_setitem_and_setdefault_and_update_raise_too() -> None:
    cache = AnyCache("1MiB", budget=Budget(1000))
    large = bytes(2000)
    with pytest.raises(BudgetExceededError):
        cache["key"] = large
    with pytest.raises(BudgetExceededError):
        cache.setdefault("key", large)
    with pytest.raises(BudgetExceededError):
        cache.update(key=large)
    with pytest.raises(BudgetExceededError):
        cache.put("key", large)
    assert (len(cache), cache.budget.nbytes) == (0, cache.nbytes)  # type: ignore[union-attr]


def test_put_keeps_the_older_value_when_a_budget_refuses() -> None:
    cache = plain(Budget(100))
    cache.put("key", "old", size=50)
    with pytest.raises(BudgetExceededError):
        cache.put("key", "new", size=101)
    assert cache["key"] == "old"


def test_too_large_for_the_cache_comes_before_too_large_for_the_budget() -> None:
    cache = AnyCache(100, budget=Budget(50), sizer=lambda key, value: 500, charge_overhead=False)
    with pytest.raises(EntryTooLargeError):
        cache["key"] = 1
    assert not cache.put("key", 1)


def test_the_nearest_full_level_decides() -> None:
    root = Budget(1000)
    left, right = Budget(300, parent=root), Budget(900, parent=root)
    first, second = filled(left, 3, 100), filled(right, 7, 100)
    assert root.nbytes == 1000
    first.put("new", 1, size=100)
    assert (list(first), left.nbytes, right.nbytes, root.nbytes) == ([1, 2, "new"], 300, 700, 1000)
    second.put("new", 1, size=100)
    assert (list(first), len(second), root.nbytes) == ([2, "new"], 8, 1000)


def test_own_bound_and_budget_each_name_their_reason() -> None:
    departures = Departures()
    cache = filled(Budget(300), 3, 100, max_bytes=450, on_evict=departures)
    cache.put("first", 1, size=100)
    assert departures.reasons == ["budget"]
    cache.resize(250)
    cache.put("second", 1, size=100)
    assert departures.reasons == ["budget", "size", "size"]
    assert cache.nbytes == 200


def test_structure_is_charged_to_the_budget_too() -> None:
    budget = Budget("1MiB")
    cache = AnyCache("1MiB", budget=budget)
    for number in range(500):
        cache[number] = number
        assert budget.nbytes == cache.nbytes == cache.payload_nbytes + cache.overhead_nbytes
    cache.clear()
    assert budget.nbytes == 0


def test_a_structure_that_cannot_grow_for_the_budget_evicts() -> None:
    budget = Budget(5000)
    cache = AnyCache("1MiB", budget=budget, sizer=lambda key, value: 1)
    for number in range(1000):
        cache[number] = number
        assert budget.nbytes <= 5000
    assert list(cache)[-1] == 999
    assert cache.stats().evictions["budget"] > 800
    cache._validate()


def test_trim_and_resize_give_back() -> None:
    budget = Budget(1000)
    cache = filled(budget, 10, 100)
    cache.trim(400)
    assert budget.nbytes == 400
    cache.resize(150)
    assert budget.nbytes == 100


def test_the_bound_of_a_budget_holds_inside_callbacks() -> None:
    budget = Budget(1000)
    seen = []
    caches: list[AnyCache] = []

    def look(*left: object) -> None:
        seen.append(budget.nbytes)
        assert sum(cache.nbytes for cache in caches) == budget.nbytes

    caches += [filled(budget, 5, 100, on_evict=look) for _ in range(2)]
    for number in range(20):
        caches[number % 2].put(("new", number), 1, size=170)
    assert seen
    assert max(seen) <= 1000


# ---- death ----


def test_a_cache_that_dies_gives_everything_back() -> None:
    root = Budget("1MiB")
    budget = Budget("1MiB", parent=root)
    cache = AnyCache("1MiB", budget=budget)
    cache.update({number: str(number) for number in range(100)})
    assert root.nbytes == cache.nbytes
    del cache
    assert (budget.nbytes, root.nbytes) == (0, 0)
    budget._validate()


def test_a_cache_that_dies_in_a_cycle_gives_everything_back() -> None:
    budget = Budget("1MiB")
    cache = AnyCache("1MiB", budget=budget)
    cache["self"] = cache
    cache.update({number: str(number) for number in range(100)})
    del cache
    gc.collect()
    assert budget.nbytes == 0


def test_a_cycle_through_the_name_of_a_budget_is_not_the_caches_business() -> None:
    class Watched:
        pass

    budget = Budget("1MiB")
    cache = AnyCache("1MiB", budget=budget)
    value = Watched()
    value.budget, value.cache = budget, cache  # type: ignore[attr-defined]
    cache["key"] = value
    watch = weakref.ref(value)
    del cache, value
    gc.collect()
    assert watch() is None
    assert budget.nbytes == 0


def test_a_failing_init_charges_nothing() -> None:
    budget = Budget(1000)
    with pytest.raises(ValueError, match="max_items"):
        AnyCache(100, budget=budget, max_items=0)
    gc.collect()
    assert budget.nbytes == 0


# ---- copies ----


def test_a_copy_is_charged_like_any_other() -> None:
    budget = Budget(1000)
    cache = filled(budget, 4, 100)
    twin = cache.copy()
    assert twin.budget is budget
    assert (twin.nbytes, budget.nbytes) == (400, 800)
    twin.clear()
    assert budget.nbytes == 400


def test_a_copy_that_does_not_fit_is_refused_and_charges_nothing() -> None:
    budget = Budget(700)
    departures = Departures()
    cache = filled(budget, 4, 100, on_evict=departures)
    with pytest.raises(BudgetExceededError):
        cache.copy()
    with pytest.raises(BudgetExceededError):
        cache | {}
    gc.collect()
    assert (budget.nbytes, len(cache), departures) == (400, 4, [])
    cache._validate()


def test_merging_may_evict_what_is_merged() -> None:
    budget = Budget(500)
    cache = filled(budget, 3, 100)
    merged = dict.fromkeys(range(10, 15), 1) | cache
    assert budget.nbytes == cache.nbytes + merged.nbytes <= 500
    assert list(merged)[-3:] == [0, 1, 2]
    other = plain(budget, sizer=lambda key, value: 100)
    other.update(merged)
    assert list(other)[-3:] == [0, 1, 2]
