"""Every example in the docstrings of the installed package is run."""

import doctest
import importlib
import pkgutil

import bytebound

MODULES = [module.name for module in pkgutil.walk_packages(bytebound.__path__, "bytebound.")]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_examples() -> None:
    attempted = 0
    failed = []
    for name in ["bytebound", *MODULES]:
        result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
        attempted += result.attempted
        if result.failed:
            failed.append(name)
    assert not failed
    assert attempted > 0, "no docstring holds an example"
