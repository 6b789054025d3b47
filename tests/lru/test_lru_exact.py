"""overhead_nbytes is what the cache took of the allocator, to the byte."""

import pytest
from hostile import run_isolated

CHANGES = [
    *("growth", "deletes", "popitems", "overwriting", "eviction", "eviction_by_items"),
    *("eviction_by_budget", "refusals", "trim", "slack_trimmed", "clear", "resize"),
    *("resize_items", "remeasure", "lookups", "copies", "pickled", "iteration", "callbacks"),
    "deaths",
]


@pytest.mark.parametrize("change", CHANGES)
def test_overhead_is_what_was_taken(change: str) -> None:
    run_isolated("exact.py", change)
