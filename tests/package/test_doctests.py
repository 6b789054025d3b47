"""Every example in the docstrings of the installed package is run."""

import doctest
import importlib
import pkgutil

import bytebound

MODULES = [module.name for module in pkgutil.walk_packages(bytebound.__path__, "bytebound.")]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# A method's example may use what its users import, wherever the method is defined.
NAMES = {name: getattr(bytebound, name) for name in bytebound.__all__}


def test_examples() -> None:
    attempted = 0
    failed = []
    for name in ["bytebound", *MODULES]:
        module = importlib.import_module(name)
        result = doctest.testmod(module, extraglobs=NAMES, optionflags=FLAGS)
        attempted += result.attempted
        if result.failed:
            failed.append(name)
    assert not failed
    assert attempted > 0, "no docstring holds an example"
