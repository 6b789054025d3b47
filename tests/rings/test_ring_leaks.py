"""Thousands of rounds of each operation, failing ones too, leave nothing behind."""

import pytest
from hostile import run_isolated

OPERATIONS = [
    *("ends", "evict", "by_index", "slices", "by_value", "wholes", "copies", "pickles", "refused"),
    *("measure_again", "resize_and_trim", "iterate", "callbacks", "construct", "cycles"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_left_behind(operation: str) -> None:
    run_isolated("ring_leaks.py", operation)
