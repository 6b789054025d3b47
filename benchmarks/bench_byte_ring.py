"""What a ring of byte records costs beside a deque of them."""

import mmap
from collections import deque
from pathlib import Path
from typing import Any

from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import ByteRing

LENGTH = 256
ROOM = LENGTH + 8  # what a record takes of the ring
HELD = 50_000
MANY = 10_000_000
THEIRS, OURS = "deque(maxlen)", "ByteRing"

APPEND = "for record in records:\n    append(record)"
ARRIVE = "for _ in numbers:\n    append(bytes(length))"
READ = "for index in indices:\n    ring[index]"
TAKE = "for _ in numbers:\n    popleft()"
VIEW = "for index in indices:\n    view(index)"


def make_records() -> list[bytes]:
    """Make records that are objects of their own."""
    return [number.to_bytes(LENGTH, "little") for number in range(HELD)]


def make_full() -> dict[str, Any]:
    """Make rings that hold about as many records, and drop one for each that comes."""
    ring = ByteRing(HELD * ROOM * 33 // 32)
    rings = {THEIRS: deque[bytes](maxlen=HELD), OURS: ring}
    for each in rings.values():
        each.extend(make_records())
        each.extend(make_records())
    return rings


def append_kept(name: str, rings: dict[str, Any], records: list[bytes]) -> Contest:
    """Append records that a list keeps, so that nobody frees any."""
    append = rings[name].append
    return Contest(compile_loop("append, records", APPEND), lambda: (append, records), HELD)


def append_arriving(name: str, rings: dict[str, Any]) -> Contest:
    """Append records as they are made: the deque keeps each, and frees the one that leaves."""
    append = rings[name].append
    return Contest(
        compile_loop("append, length, numbers", ARRIVE),
        lambda: (append, LENGTH, range(HELD)),
        HELD,
    )


def read_middle(name: str, rings: dict[str, Any]) -> Contest:
    indices = [HELD // 2 + number % 100 for number in range(2000)]
    return Contest(
        compile_loop("ring, indices", READ), lambda: (rings[name], indices), len(indices)
    )


def take(name: str, _rings: dict[str, Any]) -> Contest:
    def prepare() -> tuple[Any, ...]:
        full = make_full()[name]
        return full.popleft, range(HELD // 2)

    return Contest(compile_loop("popleft, numbers", TAKE), prepare, HELD // 2)


def view(rings: dict[str, Any], on_pinned: Any) -> Contest:
    ring = ByteRing(rings[OURS].capacity, on_pinned=on_pinned)
    ring.extend(make_records())
    return Contest(
        compile_loop("view, indices", VIEW), lambda: (ring.view, range(0, HELD, 7)), HELD // 7
    )


def resident() -> int:
    """Return the bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def growth() -> float:
    """Return the KiB by which many appends make the process grow, once the ring was full."""
    ring = ByteRing("16MiB")
    records = make_records()
    append = ring.append
    loop = compile_loop("append, records", APPEND)
    for _ in range(4):
        loop(append, records)
    before = resident()
    for _ in range(MANY // HELD):
        loop(append, records)
    return (resident() - before) / 1024


def run(rounds: int) -> Suite:
    """Time both side by side."""
    rings = make_full()
    records = make_records()
    names = (THEIRS, OURS)
    times = {
        "append, records made in the loop": time_contests(
            {name: append_arriving(name, rings) for name in names}, rounds
        ),
        "append, records that a list keeps": time_contests(
            {name: append_kept(name, rings, records) for name in names}, rounds
        ),
        f"read in the middle of {HELD:,}": time_contests(
            {name: read_middle(name, rings) for name in names}, rounds
        ),
        "popleft": time_contests({name: take(name, rings) for name in names}, rounds),
        "view": time_contests({OURS: view(rings, "raise")}, rounds),
        'view, on_pinned="copy"': time_contests({OURS: view(rings, "copy")}, rounds),
    }
    claims = [
        Claim(f"{text}, times a deque's time", ratio(times[text]), 1.5) for text in list(times)[:2]
    ]
    claims.append(Claim(f"KiB by which {MANY:,} appends make the process grow", growth(), 64, 0))
    rows = [
        [text, *(f"{timing[name].median:.0f}" if name in timing else "-" for name in names)]
        for text, timing in times.items()
    ]
    return Suite(
        f"ByteRing: records of {LENGTH} bytes, {rounds} rounds",
        claims,
        [Table(["median ns", *names], rows)],
        [
            f"Both are full, of about {HELD:,} records: each append makes one leave.",
            "Made in the loop: `bytes(256)`, whose time is in both.",
            "Kept by a list: a deque then only counts a reference. The ring copies the bytes, and "
            "makes the int that it returns: that alone takes half as long as the deque's append.",
        ],
    )


def ratio(times: dict[str, Timing]) -> float:
    return times[OURS].median / times[THEIRS].median
