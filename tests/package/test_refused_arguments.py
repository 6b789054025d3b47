"""What is refused its arguments dies before it was anything, and must die in peace."""

import contextlib
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest
from hostile import run_apart

import bytebound._native

TIMES = 50


def native_types() -> list[type]:
    """Return every extension type of the package, named or not."""
    found = {}
    for _, name, _ in pkgutil.iter_modules(bytebound._native.__path__, "bytebound._native."):
        module = importlib.import_module(name)
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__.startswith("bytebound"):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found)]


TYPES = native_types()


def refused(make: Callable[[], object]) -> None:
    for _ in range(TIMES):
        with contextlib.suppress(TypeError, ValueError):
            make()


def test_there_are_types_to_try() -> None:
    assert {bytebound.LRUCache, bytebound.SizeTracker, bytebound.Budget} <= set(TYPES)


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_wrong_arguments_are_refused_in_peace(cls: Any) -> None:
    numbered: dict[Any, object] = {1: 2}
    for arguments, keywords in (
        ((), {}),
        (("a",), {}),
        ((None, object()), {}),
        (tuple(range(20)), {}),
        ((), {"unknown": 1}),
        ((), numbered),
        ((1000,), numbered),
    ):
        refused(lambda a=arguments, k=keywords: cls(*a, **k))  # type: ignore[misc]
        refused(lambda a=arguments, k=keywords: cls.__new__(cls, *a, **k))  # type: ignore[misc]


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_a_state_that_is_none_is_refused(cls: type) -> None:
    """In a process of its own: what has no state to take shall not take any."""
    run_apart("-c", SET_STATE.format(module=cls.__module__, name=cls.__qualname__))


SET_STATE = """
import contextlib, importlib
import bytebound, bytebound.compat.cachetools, bytebound.compat.lru
home = importlib.import_module("{module}")
cls = getattr(home, "{name}", None)
made = None
for arguments in ((), (8192,), ("8KiB", 10), (8192, lambda key, value, now: 1)):
    with contextlib.suppress(Exception):
        made = cls(*arguments)
        break
if made is not None and hasattr(made, "__setstate__"):
    for state in ((), (1,), (None, None), ({{"a": 1}},), 5, None):
        with contextlib.suppress(Exception):
            made.__setstate__(state)
        repr(made)
"""
