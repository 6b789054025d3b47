"""Whichever allocation fails while others reclaim, each total stays exact."""

import pytest
from hostile import run_isolated

OPERATIONS = [
    *("put", "put_shared", "append", "queue", "track", "reserve", "allocate"),
    *("trim", "resize", "child", "report", "refuse"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("budget_no_memory.py", operation)
