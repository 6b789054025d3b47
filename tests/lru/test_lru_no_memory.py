"""After a failing allocation, whichever it is, the cache is as it was before."""

import pytest
from hostile import run_isolated

OPERATIONS = [
    *("insert", "insert_growing", "insert_measured", "insert_evicting", "insert_evicting_many"),
    *("insert_compared", "overwrite", "setdefault", "lookup", "delete", "pop", "clear", "trim"),
    *("resize", "resize_items", "remeasure", "copy", "audit", "stats", "reduce", "iterate"),
    *("items", "promote", "ends", "merge", "popitem", "construct", "put_with_ttl", "timed_insert"),
    *("timed_expire", "timed_copy", "pin", "get_many", "delete_many", "pop_many", "get_or_put"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("no_memory.py", operation)
