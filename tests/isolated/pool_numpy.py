"""NumPy's own tests of its core, with every array in a pool, guarded.

Arguments: which tests to run, as pytest's -k has it, and the modules of numpy._core.tests.
"""

import sys

import pytest

from bytebound import MemoryPool

POOL = MemoryPool("8GiB", debug=True)
REPORTS: list[str] = []


class InPool:
    """Runs each test in a scope of the pool."""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):  # type: ignore[no-untyped-def]
        with POOL.numpy():
            yield


sys.unraisablehook = lambda report: REPORTS.append(str(report.exc_value))
only, *modules = sys.argv[1:]
status = pytest.main(
    ["-q", "-x", "-p", "no:cacheprovider", "-W", "ignore", "-m", "not slow", "-k", only, "--pyargs"]
    + [f"numpy._core.tests.{name}" for name in modules],
    plugins=[InPool()],
)
POOL._validate()
assert not REPORTS, REPORTS
assert POOL.peak_nbytes > 20_000, "no array was in the pool"
sys.exit(status)
