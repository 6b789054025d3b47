"""Subclasses, weak references, generic aliases: the object that a cache is."""

import gc
import types
import weakref
from collections import UserDict
from typing import Any, get_args, get_origin

import pytest
from hostile import AnyCache

from bytebound import LRUCache


class Plain(AnyCache):
    """A subclass that changes nothing."""


def test_a_generic_alias() -> None:
    alias: Any = LRUCache[str, int]
    assert isinstance(alias, types.GenericAlias)
    assert get_origin(alias) is LRUCache
    assert get_args(alias) == (str, int)
    assert type(LRUCache[str, int]("1MiB")) is LRUCache


def test_a_subclass_of_a_generic_alias() -> None:
    class Typed(LRUCache[str, int]):
        pass

    cache = Typed("1MiB")
    cache["key"] = 1
    assert cache == {"key": 1}


def test_weak_references_end_with_the_cache() -> None:
    cache = AnyCache("1MiB")
    called: list[object] = []
    watch = weakref.ref(cache, called.append)
    assert watch() is cache
    del cache
    gc.collect()
    assert watch() is None
    assert called == [watch]


def test_weak_references_to_a_subclass() -> None:
    cache = Plain("1MiB")
    watch = weakref.ref(cache)
    finalizer = weakref.finalize(cache, int)
    del cache
    gc.collect()
    assert watch() is None
    assert not finalizer.alive


def test_a_weak_reference_is_dead_when_the_values_die() -> None:
    seen = []

    class Last:
        def __del__(self) -> None:
            seen.append(watch())

    cache = AnyCache("1MiB")
    watch = weakref.ref(cache)
    cache["key"] = Last()
    del cache
    gc.collect()
    assert seen == [None]


def test_a_cache_holds_its_entries_and_lets_go_of_them() -> None:
    class Watched:
        pass

    cache = AnyCache("1MiB")
    value = Watched()
    watch = weakref.ref(value)
    cache["key"] = value
    del value
    gc.collect()
    assert watch() is cache["key"]
    del cache
    gc.collect()
    assert watch() is None


def test_the_base_has_no_dict_a_subclass_has() -> None:
    with pytest.raises(AttributeError):
        setattr(AnyCache("1MiB"), "attribute", 1)  # noqa: B010
    cache = Plain("1MiB")
    cache.attribute = 1  # type: ignore[attr-defined]
    assert vars(cache) == {"attribute": 1}


def test_a_subclass_names_itself() -> None:
    assert repr(Plain("1MiB")) == "<Plain: 0 items, 0 of 1,048,576 bytes>"


def test_methods_that_a_subclass_replaces_are_called() -> None:
    class Lower(LRUCache[str, int]):
        def __setitem__(self, key: str, value: int) -> None:
            super().__setitem__(key.lower(), value)

        def __getitem__(self, key: str) -> int:
            return super().__getitem__(key.lower())

    cache = Lower("1MiB")
    cache["A"] = 1
    cache.update(B=2)
    cache |= {"C": 3}
    assert list(cache) == ["a", "b", "c"]
    assert cache["B"] == 2


def test_a_subclass_may_add_bases() -> None:
    class Mixin:
        def double(self) -> int:
            return 2 * len(self)  # type: ignore[arg-type]

    class Both(AnyCache, Mixin):
        pass

    cache = Both("1MiB")
    cache.update(a=1, b=2)
    assert cache.double() == 4


def test_a_subclass_that_resurrects_itself_keeps_its_entries() -> None:
    saved: list[AnyCache] = []

    class Stubborn(AnyCache):
        def __del__(self) -> None:
            saved.append(self)

    cache = Stubborn("1MiB")
    cache.update(a=1, b=2)
    del cache
    gc.collect()
    assert saved[0] == {"a": 1, "b": 2}
    saved[0]._validate()


def test_a_cache_can_be_a_value_of_a_mapping_of_another_kind() -> None:
    cache = AnyCache("1MiB")
    cache.update(UserDict(a=1))
    assert UserDict(cache.items()) == {"a": 1}
    assert dict(cache) == {**cache} == {"a": 1}


def test_it_can_be_passed_as_keywords() -> None:
    cache = AnyCache("1MiB")
    cache.update(a=1, b=2)

    def keywords(**given: Any) -> dict[str, Any]:
        return given

    assert keywords(**cache) == {"a": 1, "b": 2}
