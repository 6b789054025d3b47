"""The views: as those of dict, in the order of use, without promoting."""

from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any

import pytest
from hostile import AnyCache


@pytest.fixture
def cache() -> AnyCache:
    """Hold a, b and c, the oldest first."""
    made = AnyCache("1MiB")
    made.update(a=1, b=2, c=3)
    return made


def test_views_are_the_abstract_ones(cache: AnyCache) -> None:
    assert isinstance(cache.keys(), KeysView)
    assert isinstance(cache.values(), ValuesView)
    assert isinstance(cache.items(), ItemsView)


def test_views_are_live(cache: AnyCache) -> None:
    keys, values, items = cache.keys(), cache.values(), cache.items()
    cache["d"] = 4
    del cache["a"]
    assert list(keys) == ["b", "c", "d"]
    assert list(values) == [2, 3, 4]
    assert list(items) == [("b", 2), ("c", 3), ("d", 4)]
    assert len(keys) == len(values) == len(items) == 3


def test_views_can_be_reversed(cache: AnyCache) -> None:
    assert list(reversed(cache.keys())) == ["c", "b", "a"]
    assert list(reversed(cache.values())) == [3, 2, 1]
    assert list(reversed(cache.items())) == [("c", 3), ("b", 2), ("a", 1)]


def test_contains(cache: AnyCache) -> None:
    assert "a" in cache.keys()  # noqa: SIM118
    assert "d" not in cache.keys()  # noqa: SIM118
    assert 1 in cache.values()
    assert 4 not in cache.values()
    assert ("a", 1) in cache.items()
    assert ("a", 2) not in cache.items()
    assert ("d", None) not in cache.items()


@pytest.mark.parametrize("pair", [None, "a", ("a",), ("a", 1, 1), ["a", 1], 5])
def test_what_is_no_pair_is_not_in_items(cache: AnyCache, pair: Any) -> None:
    assert pair not in cache.items()


def test_values_and_items_compare_by_identity_first(cache: AnyCache) -> None:
    nan = float("nan")
    cache["nan"] = nan
    assert nan in cache.values()
    assert ("nan", nan) in cache.items()
    assert float("nan") not in cache.values()


def test_an_error_of_a_comparison_propagates(cache: AnyCache) -> None:
    class Angry:
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

        __hash__ = None  # type: ignore[assignment]

    cache["angry"] = Angry()
    with pytest.raises(ZeroDivisionError):
        "else" in cache.values()  # noqa: B015
    with pytest.raises(ZeroDivisionError):
        ("angry", 1) in cache.items()  # noqa: B015


def test_keys_are_a_set(cache: AnyCache) -> None:
    keys: Any = cache.keys()
    assert keys == {"a", "b", "c"}
    assert keys & {"a", "z"} == {"a"}
    assert keys | {"z"} == {"a", "b", "c", "z"}
    assert keys - {"a"} == {"b", "c"}
    assert keys ^ {"a", "z"} == {"b", "c", "z"}
    assert {"a", "z"} - keys == {"z"}
    assert keys < {"a", "b", "c", "d"}
    assert keys >= {"a"}
    assert keys.isdisjoint({"z"})
    assert type(keys & {"a"}) is set


def test_items_are_a_set_of_pairs(cache: AnyCache) -> None:
    items: Any = cache.items()
    assert items == {("a", 1), ("b", 2), ("c", 3)}
    assert items & {("a", 1), ("b", 9)} == {("a", 1)}
    assert items - {("a", 1)} == {("b", 2), ("c", 3)}
    assert items.isdisjoint({("a", 2)})


def test_set_operations_do_not_promote_or_count(cache: AnyCache) -> None:
    for view in (cache.keys(), cache.items()):
        assert view & {"a", ("a", 1)}
        assert view | {"a"}
        assert view - {"b"}
    assert list(cache) == ["a", "b", "c"]
    assert (cache.stats().hits, cache.stats().misses) == (0, 0)


def test_views_over_unhashable_values_still_iterate_and_contain(cache: AnyCache) -> None:
    cache["list"] = [1]
    assert ("list", [1]) in cache.items()
    assert [1] in cache.values()
    assert list(cache.items())[-1] == ("list", [1])


def test_views_of_values_are_equal_to_themselves_alone(cache: AnyCache) -> None:
    assert cache.values() != cache.values()
    assert cache.keys() == cache.keys()
    assert cache.items() == cache.items()


def test_repr_shows_the_contents(cache: AnyCache) -> None:
    assert repr(cache.keys()).endswith("(['a', 'b', 'c'])")
    assert repr(cache.values()).endswith("([1, 2, 3])")
    assert repr(cache.items()).endswith("([('a', 1), ('b', 2), ('c', 3)])")


def test_repr_of_a_cache_that_holds_its_own_view_ends(cache: AnyCache) -> None:
    cache["self"] = cache
    assert "LRUCache" in repr(cache.values())


def test_views_are_not_hashable(cache: AnyCache) -> None:
    for view in (cache.keys(), cache.items()):
        with pytest.raises(TypeError):
            hash(view)


def test_a_subclass_keeps_its_own_lookup_out_of_views() -> None:
    class Loud(AnyCache):
        def __getitem__(self, key: Any) -> Any:
            raise AssertionError("a view looked up an entry")

    cache = Loud("1MiB")
    cache["a"] = 1
    assert list(cache.items()) == [("a", 1)]
    assert ("a", 1) in cache.items()
    assert list(cache.values()) == [1]
