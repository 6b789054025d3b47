"""ByteRing and ArrayRing against the operating system, each in a process of its own."""

import sys

import pytest
from hostile import run_isolated

SYSTEM = [
    *("bytes_are_those_of_the_kernel", "copies_are_those_of_the_kernel"),
    *("rows_are_those_of_the_kernel", "mappings_fail", "files_fail", "a_child_leaves_it_alone"),
    "appending_leaves_the_process_where_it_was",
]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/smaps")
@pytest.mark.parametrize("what", SYSTEM)
def test_the_operating_system(what: str) -> None:
    run_isolated("mapped.py", what)


@pytest.mark.parametrize(
    "operation",
    [
        *("append_and_read", "look", "set_aside", "refused", "come_and_go"),
        *("add_rows", "look_at_rows"),
    ],
)
def test_nothing_is_left_behind(operation: str) -> None:
    run_isolated("mapped_leaks.py", operation)


@pytest.mark.parametrize(
    "operation",
    [
        *("append", "append_buffer", "append_setting_aside", "popleft", "readinto", "peek"),
        *("read", "iterate", "view", "view_by_another_window", "stats", "clear", "close"),
        *("construct", "rows_append", "rows_append_array", "rows_extend", "rows_view"),
        *("rows_extend_by_its_own", "rows_snapshot", "rows_read", "rows_construct"),
    ],
)
def test_each_allocation_may_fail(operation: str) -> None:
    run_isolated("mapped_no_memory.py", operation)
