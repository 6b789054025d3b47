"""CPython's own tests of mappings, on an LRUCache."""

import collections
import unittest
from typing import Any

import pytest
from hostile import AnyCache

protocol = pytest.importorskip(
    "test.mapping_tests", reason="this interpreter comes without its own tests"
)


class Unbounded(AnyCache):
    """Takes what a dict takes: a mapping or pairs, no bound."""

    def __init__(self, *arguments: Any, **pairs: Any) -> None:
        super().__init__("1GiB")
        self.update(*arguments, **pairs)


class TestLRUCache(protocol.TestHashMappingProtocol):  # type: ignore[misc, name-defined]
    """Everything that OrderedDict passes, but what concerns the text of repr.

    `test_repr` wants the contents shown and `test_repr_deep` wants them shown so deep that it
    fails; a cache shows its sizes instead.
    """

    type2test = Unbounded
    test_repr = None
    test_repr_deep = None


class TestOrderedDict(protocol.TestHashMappingProtocol):  # type: ignore[misc, name-defined]
    """The yardstick: what OrderedDict passes.

    It differs in the text of repr too, and its `popitem` takes an argument.
    """

    type2test = collections.OrderedDict
    test_repr = None
    test_popitem = None


def test_nothing_else_is_left_out() -> None:
    names = unittest.TestLoader().getTestCaseNames
    passed = set(names(TestOrderedDict)) | {"test_popitem"}
    assert passed - set(names(TestLRUCache)) == {"test_repr_deep"}
    assert "test_popitem" in names(TestLRUCache)
