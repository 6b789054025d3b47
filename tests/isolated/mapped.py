"""Rings in mapped memory against the operating system: what it counts, refuses and copies.

Argument: the name of one of the functions below.
"""

import gc
import mmap
import os
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bytebound import ArrayRing, Budget, ByteRing

PAGE = mmap.PAGESIZE
HEADER = re.compile(r"^[0-9a-f]+-[0-9a-f]+ (\S+) ([0-9a-f]+) .*/memfd:bytebound", re.MULTILINE)


def mappings() -> list[dict[str, int]]:
    """Return what the kernel says of each mapping of ours, in bytes; mirrors are `shared`."""
    found: list[dict[str, int]] = []
    ours = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.endswith(" kB"):
            if ours:
                name, amount, _ = line.split()
                found[-1][name.rstrip(":")] = int(amount) * 1024
        elif not line.startswith("VmFlags"):
            match = HEADER.match(line)
            ours = match is not None
            if match:
                found.append({"shared": match[1].endswith("s"), "offset": int(match[2], 16)})
    return found


def resident() -> int:
    """Sum what the only ring takes: the pages of its mirror once, and the copies of its windows.

    The first mapping of a mirror has all of its pages, once each.
    """
    found = mappings()
    total = next((one["Rss"] for one in found if one["shared"]), 0)
    total += sum(one["Anonymous"] for one in found if not one["shared"])
    # The kernel's own way to count a page once; it rounds each mapping to 1024 bytes.
    assert abs(sum(one["Pss"] for one in found) - total) <= 1024 * len(found)
    return total


def bytes_are_those_of_the_kernel() -> None:
    for pages in (2, 5, 64, 300):
        ring = ByteRing(pages * PAGE)
        assert resident() == 0
        for _ in range(ring.capacity // 8 * 2):
            ring.append(b"")  # which fills the index too
        assert resident() == ring.nbytes == pages * PAGE
        for number in range(pages * 20):
            ring.append(bytes([number % 256]) * (number % 1000))
        view = ring.view(0)
        assert bytes(view) == ring[0]
        assert resident() == ring.nbytes == pages * PAGE
        ring.close()
        assert resident() == ring.nbytes == pages * PAGE
        view.release()
        assert resident() == ring.nbytes == 0


def copies_are_those_of_the_kernel() -> None:
    ring = ByteRing(16 * PAGE, on_pinned="copy")
    for _ in range(ring.capacity // 8 * 2):
        ring.append(b"")
    views = []
    for number in range(60):
        ring.append(bytes([number]) * 3000)
        if number % 9 == 0:
            views.append(ring.view(-1))
        structure = ring.nbytes - resident()
        assert structure < 3 * PAGE, structure
        assert structure == 0 if not views else structure > 0
        assert (ring.nbytes - structure) % PAGE == 0
    assert ring.stats().set_aside > 2
    while views:
        before = resident(), ring.nbytes
        views.pop(len(views) // 2)
        freed = before[0] - resident()
        assert freed >= 0
        assert before[1] - ring.nbytes >= freed  # a window that is closed had its counts
    ring.close()
    assert resident() == 0


def rows_are_those_of_the_kernel() -> None:
    for capacity, row in ((1, 1), (512, 1), (513, 1), (1000, 24)):
        ring = ArrayRing(capacity, float, row)
        assert resident() == 0
        for number in range(2 * PAGE // (8 * row) + 2):
            ring.append(np.full(row, float(number)))
        for _ in range(3):
            ring.extend(np.ones((capacity, row)))
        ring.extend(np.ones((capacity // 2 + 1, row)))
        view = ring.view()
        assert resident() == ring.nbytes == ring.max_bytes
        assert resident() <= sum(one["Rss"] for one in mappings()) <= 2 * ring.nbytes
        for _ in range(20):  # RSS counts both addresses of a page
            ring.extend(np.ones((capacity // 7 + 1, row)))
            view = ring.view()
            view.sum()
        assert capacity < 1000 or sum(one["Rss"] for one in mappings()) > 1.9 * ring.nbytes
        ring.close()
        assert resident() == ring.nbytes
        del view
        assert resident() == ring.nbytes == 0


def appending_leaves_the_process_where_it_was() -> None:
    ring = ByteRing("1MiB")
    rows = ArrayRing(10_000)
    record = bytes(256)

    def work(times: int) -> int:
        for number in range(times):
            ring.append(record)
            rows.append(float(number))
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

    before = work(50_000)
    assert work(300_000) - before <= 16 * PAGE


def address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * PAGE


def fail_each_mapping(make: Callable[[], Any]) -> Any:
    """Let mapping fail with ever more address space, until it does not."""
    failures = 0
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    for pages in range(10_000):
        resource.setrlimit(resource.RLIMIT_AS, (address_space() + pages * 4 * PAGE, hard))
        try:
            made = make()
        except MemoryError as error:
            if str(error) and "the system maps no more memory" not in str(error):
                raise  # it blames what has not failed
            failures += 1
            continue
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        print("failed", failures, "times")
        assert failures > 2
        return made
    raise AssertionError("it never succeeds")


def mappings_fail() -> None:
    budget = Budget("1GiB")

    def checked(make: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            before = budget.nbytes, len(mappings())
            try:
                return make()
            except MemoryError:
                assert (budget.nbytes, len(mappings())) == before
                raise

        return run

    ring = fail_each_mapping(checked(lambda: ByteRing(256 * PAGE, on_pinned="copy", budget=budget)))
    ring.append(b"one")
    view = fail_each_mapping(checked(lambda: ring.view(0)))
    assert view == b"one"
    rows = fail_each_mapping(checked(lambda: ArrayRing(256 * PAGE // 8, budget=budget)))
    rows.append(1.0)
    ring._validate()
    rows._validate()


def files_fail() -> None:
    budget = Budget("1GiB")
    ring = ByteRing(16 * PAGE, on_pinned="copy", budget=budget)
    ring.append(b"one")
    before = budget.nbytes
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    for make in (lambda: ByteRing(16 * PAGE, budget=budget), lambda: ArrayRing(5, budget=budget)):
        with pytest.raises(MemoryError, match="no file descriptor"):
            make()
        assert budget.nbytes == before
    assert ring.view(0) == b"one"  # it has its own
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    files = len(os.listdir("/proc/self/fd"))
    plain = ByteRing(16 * PAGE), ArrayRing(5)
    assert len(os.listdir("/proc/self/fd")) == files
    del plain


def is_refused(use: Callable[[], object]) -> bool:
    try:
        use()
    except RuntimeError as error:
        return "forked" in str(error)
    return False


def a_child_leaves_it_alone() -> None:
    budget = Budget("1MiB")
    ring = ByteRing(4 * PAGE, budget=budget)
    ring.append(b"one")
    rows = ArrayRing(5)
    rows.append(1.0)
    view, window = ring.view(0), rows.view()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            uses = [
                *(lambda: ring.append(b"two"), lambda: ring[0], ring.popleft, ring.clear),
                *(lambda: list(ring), lambda: ring.view(0), lambda: rows.append(2.0), rows.view),
                *(rows.clear, lambda: rows.extend([1.0]), rows.snapshot),
            ]
            assert all(map(is_refused, uses))
            assert (view, window.tolist(), len(ring), ring.closed) == (b"one", [1.0], 1, False)
            ring._validate()
            view.release()
            ring.close()
            del window
            rows.close()
            assert budget.nbytes == 0
            own = ByteRing(4 * PAGE, budget=budget)
            own.append(b"child")
            assert own[0] == b"child"
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert (ring[0], rows[0], view, ring.stats().views) == (b"one", 1.0, b"one", 1)
    ring._validate()
    ring.append(b"two")


globals()[sys.argv[1]]()
