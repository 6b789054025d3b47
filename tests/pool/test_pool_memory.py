"""What a pool leaves behind: nothing, whether operations succeed or fail."""

import pytest
from hostile import run_isolated


@pytest.mark.parametrize("operation", ["blocks", "refused", "look", "come_and_go", "arrays"])
def test_nothing_is_left_behind(operation: str) -> None:
    run_isolated("pool_leaks.py", operation)


@pytest.mark.parametrize(
    "operation",
    [
        *("alloc", "alloc_aligned", "alloc_many", "copy", "exhausted", "view", "empty", "zeros"),
        *("array", "scope", "stats", "trim", "construct"),
    ],
)
def test_each_allocation_of_python_may_fail(operation: str) -> None:
    run_isolated("pool_no_memory.py", operation)


def test_every_charged_page_is_resident_and_no_other() -> None:
    run_isolated("pool_kernel.py")
