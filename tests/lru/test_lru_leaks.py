"""Thousands of rounds of each operation, failing ones too, leave nothing behind."""

import pytest
from hostile import run_isolated

OPERATIONS = [
    *("insert_and_delete", "insert_and_popitem", "overwrite", "clear", "look", "evict_by_size"),
    *("evict_by_items", "evict_by_budget", "resize_and_trim", "measure_again", "copies"),
    *("pickles", "unpicklable", "iterate", "missing", "unhashable", "incomparable"),
    *("sizes_refused", "sizer_raises", "too_large", "over_budget", "callbacks_that_raise"),
    *("callbacks_that_answer", "callbacks_that_put", "construct", "cycles"),
    *("changed_while_compared", "no_memory"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_left_behind(operation: str) -> None:
    run_isolated("leaks.py", operation)
