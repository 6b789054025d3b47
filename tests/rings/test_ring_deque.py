"""CPython's own tests of deque, those of the running interpreter, run against compat's deque."""

import collections
import importlib.util
import sys
import unittest
from types import ModuleType

import pytest

from bytebound.compat.collections import deque

genuine = pytest.importorskip(
    "test.test_deque", reason="this interpreter was installed without its own tests"
)

# What is not ours to pass, and why.
EXCEPTIONS = {
    "TestBasic.test_sizeof": "it computes the size of deque's own blocks",
}

# deque's test case for sequences passes over these, because a deque has no slices. RingBuffer has.
OF_SEQUENCES = ["test_getitem", "test_getslice", "test_subscript"]


def load() -> ModuleType:
    """Run the source of test.test_deque anew, with the name `deque` standing for ours."""
    assert genuine.__spec__ is not None
    spec = importlib.util.spec_from_file_location("deque_tests_on_ring", genuine.__spec__.origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pickles name the subclasses that it defines
    before = collections.deque
    collections.deque = deque  # type: ignore[assignment,misc]
    try:
        spec.loader.exec_module(module)
    finally:
        collections.deque = before  # type: ignore[misc]
    assert module.deque is deque
    return module


def cases(module: ModuleType) -> dict[str, type[unittest.TestCase]]:
    """Return the test cases, exceptions marked."""
    found = {
        name: case
        for name, case in vars(module).items()
        if isinstance(case, type) and issubclass(case, unittest.TestCase)
    }
    for name in OF_SEQUENCES:
        delattr(found["TestSequence"], name)
    for name, reason in EXCEPTIONS.items():
        case, _, method = name.partition(".")
        setattr(found[case], method, unittest.skip(reason)(getattr(found[case], method)))
    return found


globals().update(cases(load()))
