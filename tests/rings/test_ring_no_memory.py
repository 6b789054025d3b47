"""After a failing allocation, whichever it is, the ring is as it was before."""

import pytest
from hostile import run_isolated

OPERATIONS = [
    *("append_first", "append_growing", "append_evicting", "append_evicting_many"),
    *("appendleft_evicting_many", "insert", "assign", "assign_slice", "assign_steps", "delete"),
    *("delete_slice", "pop", "remove", "clear", "extend", "repeat", "add", "slice", "head"),
    *("copy", "trim", "resize", "remeasure", "audit", "stats", "reduce", "iterate", "look"),
    "construct",
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("ring_no_memory.py", operation)
