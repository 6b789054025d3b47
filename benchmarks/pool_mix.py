"""Replaces the blocks of an agent-like mix many times over, and prints what that left as JSON."""

import gc
import json
import random
import sys
from pathlib import Path

from bytebound import MemoryPool

BOUND = 64 << 20
LIVE = 54 << 20
LOWEST, DOUBLINGS = 64, 10  # 64 B to 64 KiB, as many in each doubling
TIMES_OVER = 50


def status(field: str) -> int:
    """Return bytes that the kernel counts for this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10
    raise LookupError(field)


def main() -> None:
    chance = random.Random(1)
    mean = LOWEST * (2**DOUBLINGS - 1) / DOUBLINGS / 0.6931
    count = int(LIVE / mean)
    pool = MemoryPool(BOUND)
    sizes = [int(LOWEST * 2 ** chance.uniform(0, DOUBLINGS)) for _ in range(count)]
    stand_ins = [bytearray() for _ in range(count)]  # what lists and numbers of this kind take
    del stand_ins
    MemoryPool(1 << 20).alloc(1)
    gc.collect()
    before = status("VmRSS")
    blocks = [pool.alloc(size, zero=True) for size in sizes]
    for _ in range(TIMES_OVER * count):
        at = chance.randrange(count)
        blocks[at] = None  # type: ignore[call-overload]
        size = int(LOWEST * 2 ** chance.uniform(0, DOUBLINGS))
        blocks[at] = pool.alloc(size, zero=True)
    stats = pool.stats()
    figures = {
        "blocks": count,
        "growth": status("VmHWM") - before,
        "objects": sys.getsizeof(blocks) + sum(map(sys.getsizeof, blocks)),
        "bound": BOUND,
        "requested": stats.requested_nbytes,
        "usable": stats.usable_nbytes,
        "reserved": stats.reserved_nbytes,
        "overhead": stats.overhead_nbytes,
        "peak": stats.peak_nbytes,
    }
    print(json.dumps(figures))


main()
