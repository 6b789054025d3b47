"""Queues without memory, after many rounds, and with a stream far larger than their bound."""

import pytest
from hostile import run_isolated

NO_MEMORY = [
    *("construct", "put", "put_first", "put_measured", "put_and_tell", "drop_one", "drop_newest"),
    *("put_late", "get_late", "get", "get_many", "clear", "shutdown", "resize", "trim", "stats"),
    *("iterate", "aget", "aput", "start_to_wait", "wake_consumer", "wake_producer", "cancel"),
]
LEAKS = [
    *("put_and_get", "refused", "over_budget", "drops", "water", "construct", "cycles"),
    *("shut_down", "tasks", "cancelled_tasks", "dropped_coroutines", "closed_loops", "threads"),
]
MIB = 2**20


@pytest.mark.parametrize("operation", NO_MEMORY)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("queue_no_memory.py", operation)


@pytest.mark.parametrize("operation", LEAKS)
def test_nothing_is_left_behind(operation: str) -> None:
    run_isolated("queue_leaks.py", operation)


@pytest.mark.parametrize("how", ["threads", "tasks"])
def test_a_stream_takes_no_more_than_the_bound(how: str) -> None:
    output = run_isolated("queue_stream.py", str(512 * MIB), str(16 * MIB), how)
    peak, growth, passed = map(int, output.split())
    assert peak <= 16 * MIB
    assert growth <= 20 * MIB
    assert passed == 512 * MIB
