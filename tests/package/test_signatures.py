"""Signatures that are given can be read: by help, by editors, by ``inspect``."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import bytebound
from bytebound.compat import cachetools, collections, functools, lru

OURS = [
    *((bytebound, name) for name in bytebound.__all__),
    *((cachetools, name) for name in cachetools.__all__),
    *((functools, name) for name in ("cache", "lru_cache")),
    (collections, "deque"),
    (lru, "LRU"),
]


def with_methods(name: str, found: Any) -> Iterator[tuple[str, Any]]:
    yield name, found
    if isinstance(found, type):
        for attribute in dir(found):
            if not attribute.startswith("_"):
                yield f"{name}.{attribute}", getattr(found, attribute)


@pytest.mark.parametrize(("module", "name"), OURS, ids=[name for _module, name in OURS])
def test_signatures_that_are_given_are_valid(module: Any, name: str) -> None:
    for path, found in with_methods(name, getattr(module, name)):
        if getattr(found, "__text_signature__", None) is not None:
            assert inspect.signature(found) is not None, path


def test_signatures_tell_what_can_be_left_out() -> None:
    for cls in (bytebound.LRUCache, bytebound.BytesCache, cachetools.Cache, cachetools.TTLCache):
        default = inspect.signature(cls.pop).parameters["default"]
        assert default.default is ...
        assert (cls.pop.__doc__ or "").strip().startswith("Take an entry out")
    names = list(inspect.signature(bytebound.LRUCache).parameters)
    assert (names[0], names[-1]) == ("max_bytes", "timer")
