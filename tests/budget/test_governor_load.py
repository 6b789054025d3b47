"""A load that kills the process without a governor comes to its end with one."""

import sys

import pytest
from governed import LIMIT, find_cell, run_load

LIMIT_OF_ADDRESSES = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="RLIMIT_AS is kept by Linux alone"
)


@LIMIT_OF_ADDRESSES
def test_load_that_is_too_much() -> None:
    cell = find_cell()
    without = run_load("ungoverned", 2, cell)
    assert without.status != 0
    assert "MemoryError" in without.cause or without.cause == "killed"
    governed = run_load("governed", 2, cell)
    assert governed.found is not None, governed
    assert governed.found["limit"] == LIMIT
    assert governed.found["passed"] > 2 * LIMIT
    assert governed.found["reliefs"] > 0
    assert governed.found["failures"] == 0
    assert governed.found["kept"] > governed.found["least"] > 900_000
