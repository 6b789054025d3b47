"""An LRUCache as a mapping: lookups, what they promote, and the order that results."""

from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from hostile import AnyCache, Use

from bytebound import LRUCache


@pytest.fixture
def cache() -> AnyCache:
    """Hold a, b and c, the oldest first."""
    made = AnyCache("1MiB")
    made.update(a=1, b=2, c=3)
    return made


def test_it_is_a_mutable_mapping(cache: AnyCache) -> None:
    assert isinstance(cache, MutableMapping)


def test_it_matches_mapping_patterns(cache: AnyCache) -> None:
    match cache:
        case {"a": value}:
            assert value == 1
        case _:
            pytest.fail("not taken for a mapping")


def test_what_is_put_is_found_and_is_the_same_object() -> None:
    cache = AnyCache("1MiB")
    value = [object()]
    cache["key"] = value
    assert cache["key"] is value
    assert cache.get("key") is value
    assert cache.peek("key") is value


def test_the_first_of_equal_keys_stays() -> None:
    cache = AnyCache("1MiB")
    first, second = (1, "one"), (1.0, "one")
    cache[first] = "a"
    cache[second] = "b"
    assert next(iter(cache)) is first
    assert cache[first] == "b"
    assert len(cache) == 1


@pytest.mark.parametrize("pair", [(1, 1.0), (1, True), (0, False), ("a", "a"), (2**70, 2.0**70)])
def test_equal_keys_of_different_types_are_one(pair: Any) -> None:
    cache = AnyCache("1MiB")
    cache[pair[0]] = "first"
    cache[pair[1]] = "second"
    assert list(cache.items()) == [(pair[0], "second")]


def test_nan_is_found_by_identity_alone() -> None:
    cache = AnyCache("1MiB")
    nan = float("nan")
    cache[nan] = 1
    assert nan in cache
    assert float("nan") not in cache


PROMOTING = {
    "cache[key]": lambda cache: cache["a"],
    "get": lambda cache: cache.get("a"),
    "setdefault": lambda cache: cache.setdefault("a", 9),
    "cache[key] = value": lambda cache: cache.__setitem__("a", 1),
    "put": lambda cache: cache.put("a", 1),
    "put with size": lambda cache: cache.put("a", 1, size=5),
    "update": lambda cache: cache.update(a=1),
}


@pytest.mark.parametrize("touch", PROMOTING.values(), ids=PROMOTING)
def test_this_promotes(cache: AnyCache, touch: Use) -> None:
    touch(cache)
    assert list(cache) == ["b", "c", "a"]
    cache._validate()


@pytest.mark.parametrize("touch", PROMOTING.values(), ids=PROMOTING)
@pytest.mark.parametrize("key", ["b", "c"])
def test_promoting_from_the_middle_and_the_end(key: str, touch: Use) -> None:
    cache = AnyCache("1MiB")
    cache.update({"b": {"b": 0}.get(key, 1), "a": 0, "z": 2} if key == "b" else {"b": 1, "a": 0})
    touch(cache)
    assert cache.newest()[0] == "a"
    assert len(list(cache)) == len(cache)
    cache._validate()


STILL = {
    "peek": lambda cache: cache.peek("a"),
    "in": lambda cache: "a" in cache,
    "iteration": list,
    "keys": lambda cache: list(cache.keys()),
    "values": lambda cache: list(cache.values()),
    "items": lambda cache: list(cache.items()),
    "reversed": lambda cache: list(reversed(cache)),
    "key in keys": lambda cache: "a" in cache.keys(),  # noqa: SIM118
    "value in values": lambda cache: 1 in cache.values(),
    "pair in items": lambda cache: ("a", 1) in cache.items(),
    "oldest": lambda cache: cache.oldest(),
    "newest": lambda cache: cache.newest(),
    "entry_nbytes": lambda cache: cache.entry_nbytes("a"),
    "remeasure": lambda cache: cache.remeasure("a"),
    "audit": lambda cache: cache.audit(),
    "stats": lambda cache: cache.stats(),
    "copy": lambda cache: cache.copy(),
    "==": lambda cache: cache == {"a": 1, "b": 2, "c": 3},
    "== another": lambda cache: cache == cache.copy(),
    "|": lambda cache: cache | {"d": 4},
    "dict |": lambda cache: {"d": 4} | cache,
    "dict": lambda cache: dict(cache.items()),
    "repr": repr,
    "a miss": lambda cache: cache.get("d"),
    "_validate": lambda cache: cache._validate(),
}


@pytest.mark.parametrize("look", STILL.values(), ids=STILL)
def test_this_does_not_promote(cache: AnyCache, look: Use) -> None:
    look(cache)
    assert list(cache) == ["a", "b", "c"]
    cache._validate()


def test_a_missing_key_raises_key_error_with_the_key(cache: AnyCache) -> None:
    for look in (cache.__getitem__, cache.__delitem__, cache.pop, cache.entry_nbytes):
        with pytest.raises(KeyError) as caught:
            look("absent")
        assert caught.value.args == ("absent",)


@pytest.mark.parametrize("key", [(), (1,), (1, 2), ((1, 2),), None])
def test_a_tuple_as_missing_key_is_not_taken_apart(cache: AnyCache, key: Any) -> None:
    looks = (cache.__getitem__, cache.__delitem__, cache.pop, cache.entry_nbytes, cache.remeasure)
    for look in looks:
        with pytest.raises(KeyError) as caught:
            look(key)
        assert caught.value.args == (key,)


UseKey = Callable[[AnyCache, Any], object]

UNHASHABLE = {
    "cache[key]": lambda cache, key: cache[key],
    "cache[key] = value": lambda cache, key: cache.__setitem__(key, 1),
    "del cache[key]": lambda cache, key: cache.__delitem__(key),
    "in": lambda cache, key: key in cache,
    "get": lambda cache, key: cache.get(key),
    "peek": lambda cache, key: cache.peek(key),
    "put": lambda cache, key: cache.put(key, 1),
    "pop": lambda cache, key: cache.pop(key),
    "pop with default": lambda cache, key: cache.pop(key, None),
    "setdefault": lambda cache, key: cache.setdefault(key, 1),
    "entry_nbytes": lambda cache, key: cache.entry_nbytes(key),
    "remeasure": lambda cache, key: cache.remeasure(key),
}


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "filled"])
@pytest.mark.parametrize("use", UNHASHABLE.values(), ids=UNHASHABLE)
def test_an_unhashable_key_is_a_type_error(cache: AnyCache, use: UseKey, empty: bool) -> None:
    if empty:
        cache.clear()
    before = list(cache.items())
    with pytest.raises(TypeError, match="unhashable"):
        use(cache, [])
    assert list(cache.items()) == before


def test_get_and_peek_have_a_default(cache: AnyCache) -> None:
    assert cache.get("absent") is None
    assert cache.peek("absent") is None
    assert cache.get("absent", 5) == 5
    assert cache.peek("absent", 5) == 5


def test_keys_and_defaults_are_given_by_position(cache: AnyCache) -> None:
    methods: list[Any] = [cache.get, cache.peek, cache.pop, cache.setdefault]
    for method in methods:
        with pytest.raises(TypeError):
            method("a", default=1)


def test_a_stored_none_is_not_a_miss(cache: AnyCache) -> None:
    cache["none"] = None
    assert cache.get("none", 5) is None
    assert cache.peek("none", 5) is None
    assert cache.setdefault("none", 5) is None
    assert cache.pop("none", 5) is None


def test_setdefault_puts_what_is_missing_as_the_newest(cache: AnyCache) -> None:
    assert cache.setdefault("d", 4) == 4
    assert cache.newest() == ("d", 4)
    assert cache.setdefault("e") is None
    assert cache["e"] is None


def test_pop_takes_the_entry_out(cache: AnyCache) -> None:
    assert cache.pop("b") == 2
    assert list(cache) == ["a", "c"]
    assert cache.pop("b", None) is None
    assert cache.pop("b", 7) == 7
    cache._validate()


def test_del_takes_the_entry_out(cache: AnyCache) -> None:
    del cache["a"]
    assert "a" not in cache
    assert list(cache.items()) == [("b", 2), ("c", 3)]
    cache._validate()


def test_popitem_takes_the_least_recently_used(cache: AnyCache) -> None:
    cache["a"]
    assert [cache.popitem() for _ in range(3)] == [("b", 2), ("c", 3), ("a", 1)]
    with pytest.raises(KeyError, match="empty"):
        cache.popitem()
    cache._validate()


def test_oldest_and_newest_are_the_ends(cache: AnyCache) -> None:
    assert cache.oldest() == ("a", 1)
    assert cache.newest() == ("c", 3)
    cache["b"]
    assert cache.newest() == ("b", 2)
    cache.clear()
    for end in (cache.oldest, cache.newest):
        with pytest.raises(KeyError, match="empty"):
            end()


def test_update_takes_what_dict_takes(cache: AnyCache) -> None:
    class Keyed:
        def keys(self) -> list[str]:
            return ["d"]

        def __getitem__(self, key: str) -> int:
            return 4

    cache.update(Keyed())
    cache.update([("e", 5)])
    cache.update(iter([("f", 6)]), g=7)
    cache.update({"other": 8, "self": 9}, other=10)
    assert dict(cache) == dict(zip("abcdefg", range(1, 8), strict=True), self=9, other=10)


def test_update_keeps_what_came_before_an_error(cache: AnyCache) -> None:
    with pytest.raises(TypeError):
        cache.update([("d", 4), ([], 5), ("f", 6)])
    assert list(cache) == ["a", "b", "c", "d"]


def test_update_with_itself_changes_nothing(cache: AnyCache) -> None:
    cache.update(cache)
    assert list(cache.items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_equality_is_that_of_mappings_whatever_the_order(cache: AnyCache) -> None:
    other = AnyCache("2MiB", max_items=9)
    other.update(c=3, b=2, a=1)
    assert cache == other
    assert cache == {"c": 3, "b": 2, "a": 1}
    assert {"c": 3, "b": 2, "a": 1} == cache  # noqa: SIM300
    assert cache != {"a": 1, "b": 2}
    assert cache != {"a": 1, "b": 2, "c": 4}
    assert cache != [("a", 1), ("b", 2), ("c", 3)]
    assert not cache != other  # noqa: SIM202


def test_it_is_unhashable(cache: AnyCache) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(cache)


def test_or_makes_another_cache_with_the_same_settings(cache: AnyCache) -> None:
    cache.resize(max_items=3)
    merged = cache | {"a": 9, "d": 4}
    assert type(merged) is LRUCache
    assert list(merged.items()) == [("c", 3), ("a", 9), ("d", 4)]
    assert merged.max_items == 3
    assert list(cache.items()) == [("a", 1), ("b", 2), ("c", 3)]
    merged._validate()


def test_reflected_or_lets_the_right_win(cache: AnyCache) -> None:
    merged = {"z": 26, "a": 9} | cache
    assert type(merged) is LRUCache
    assert dict(merged) == {"z": 26, "a": 1, "b": 2, "c": 3}
    assert merged.max_bytes == cache.max_bytes


def test_or_of_two_caches(cache: AnyCache) -> None:
    other = AnyCache("2MiB")
    other["d"] = 4
    merged = cache | other
    assert merged.max_bytes == cache.max_bytes
    assert list(merged) == ["a", "b", "c", "d"]


def test_or_in_place_keeps_the_cache(cache: AnyCache) -> None:
    same = cache
    cache |= {"a": 9}
    cache |= [("d", 4)]
    assert cache is same
    assert list(cache.items()) == [("b", 2), ("c", 3), ("a", 9), ("d", 4)]


@pytest.mark.parametrize("other", [5, None, [("a", 1)], "ab"])
def test_or_with_what_is_no_mapping_is_a_type_error(cache: AnyCache, other: Any) -> None:
    with pytest.raises(TypeError):
        cache | other
    with pytest.raises(TypeError):
        other | cache


def test_fromkeys_makes_a_cache_of_the_class() -> None:
    class Sub(LRUCache[Any, Any]):
        pass

    made = Sub.fromkeys("aab", 0, max_bytes=5000)
    assert type(made) is Sub
    assert list(made.items()) == [("a", 0), ("b", 0)]
    assert Sub.fromkeys("a", None, 5000)["a"] is None


def test_missing_is_called_for_subscripts_alone() -> None:
    class Filling(LRUCache[str, str]):
        def __missing__(self, key: str) -> str:
            return key * 2

    cache = Filling("1MiB")
    assert cache["ab"] == "abab"
    assert cache.get("ab") is None
    assert cache.peek("ab") is None
    assert "ab" not in cache
    with pytest.raises(KeyError):
        cache.pop("ab")


def test_an_error_in_missing_propagates() -> None:
    class Failing(LRUCache[str, str]):
        def __missing__(self, key: str) -> str:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Failing("1MiB")["ab"]


def test_many_entries_keep_their_order_and_values() -> None:
    cache = AnyCache("1MiB")
    for number in range(3000):
        cache[number] = -number
    for number in range(0, 3000, 3):
        del cache[number]
    for number in range(1, 3000, 3):
        assert cache[number] == -number
    assert list(cache) == [*range(2, 3000, 3), *range(1, 3000, 3)]
    assert list(reversed(cache)) == [*range(2998, 0, -3), *range(2999, 0, -3)]
    cache._validate()


def test_repr_gives_both_numbers_and_no_contents(cache: AnyCache) -> None:
    cache = AnyCache(2_000_000, name="pages")
    cache["secret"] = 1
    assert repr(cache) == f"<LRUCache 'pages': 1 items, {cache.nbytes:,} of 2,000,000 bytes>"
