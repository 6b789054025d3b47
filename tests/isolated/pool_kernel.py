"""What a pool says it was charged is what the kernel says is resident, to the byte.

The pool's pages are told from all others by their mappings: no huge pages for them ("nh"), so
that the kernel merges them with no others. Every charged page is written to first.
"""

import ctypes
import random
from pathlib import Path

from bytebound import Block, MemoryPool, PoolExhaustedError

BOUND = 48 << 20
PAGE = 4096


def mappings() -> list[tuple[int, int, int]]:
    """Start, end and resident bytes of each mapping that no huge page may back."""
    found: list[tuple[int, int, int]] = []
    start = end = resident = 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            start, end = (int(number, 16) for number in words[0].split("-"))
        elif words[0] == "Rss:":
            resident = int(words[1]) << 10
        elif words[0] == "VmFlags:" and "nh" in words:
            found.append((start, end, resident))
    return found


def touch(pool: MemoryPool) -> None:
    """Write to every charged page what is there already."""
    for start, nbytes in pool._ranges():
        for address in range(start, start + nbytes, PAGE):
            byte = ctypes.c_char.from_address(address)
            byte.value = byte.value


def check(pool: MemoryPool) -> None:
    touch(pool)
    ranges = pool._ranges()
    resident = sum(
        size
        for first, last, size in mappings()
        if any(first <= start and start + nbytes <= last for start, nbytes in ranges)
    )
    charged = pool.reserved_nbytes + pool.overhead_nbytes
    assert resident == charged == pool.nbytes, (resident, charged)
    assert sum(nbytes for _, nbytes in ranges) == charged


def random_nbytes(choose: random.Random) -> int:
    return int(2 ** choose.uniform(0, choose.choice([8, 14, 17, 21])))


def run(seed: int) -> None:
    choose = random.Random(seed)
    pool = MemoryPool(BOUND)
    blocks: list[Block] = []
    for step in range(6000):
        if choose.random() < 0.55:
            try:
                blocks.append(pool.alloc(random_nbytes(choose)))
            except PoolExhaustedError:
                del blocks[::2]
        elif blocks:
            blocks[choose.randrange(len(blocks))] = blocks[-1]
            blocks.pop()
        if step % 1500 == 1499:
            check(pool)
            pool.trim(choose.randrange(pool.nbytes))
            check(pool)
            pool.trim()
            check(pool)
    blocks.clear()
    pool.trim()
    assert pool.nbytes == 0
    assert mappings() == []


if not Path("/proc/self/smaps").exists():
    print("skip: there is no /proc/self/smaps")
elif mappings():
    print("skip: other memory of this process is kept from huge pages too")
else:
    for seed in range(3):
        run(seed)
