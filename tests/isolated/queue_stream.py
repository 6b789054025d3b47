"""Streams many bytes through a small queue to a slow consumer, and looks at the process.

Arguments: bytes in all, bytes of the bound, "threads" or "tasks". Prints what was found.
"""

import asyncio
import gc
import sys
import threading
from pathlib import Path

import psutil

from bytebound import BoundedQueue

BLOCK = 2**20
TOTAL, BOUND = int(sys.argv[1]), int(sys.argv[2])
COUNT = TOTAL // BLOCK
PROCESS = psutil.Process()


def block(number: int) -> bytearray:
    made = bytearray(BLOCK)
    made[:8] = number.to_bytes(8, "little")
    made[::4096] = bytes([number % 256]) * (BLOCK // 4096)  # every page is really there
    return made


def check(number: int, taken: bytearray) -> None:
    assert len(taken) == BLOCK
    assert taken[4096] == number % 256, "not in order"
    if number % 64 == 0:
        sum(taken)  # slow


def by_threads(queue: BoundedQueue[bytearray]) -> None:
    def produce() -> None:
        for number in range(COUNT):
            queue.put(block(number))
        queue.shutdown()

    producer = threading.Thread(target=produce)
    producer.start()
    number = -1
    for taken in queue:
        number += 1
        check(number, taken)
        watch()
        del taken
    producer.join()
    assert number + 1 == COUNT, "lost some"


async def by_tasks(queue: BoundedQueue[bytearray]) -> None:
    async def produce() -> None:
        for number in range(COUNT):
            await queue.aput(block(number))
        queue.shutdown()

    producer = asyncio.create_task(produce())
    number = -1
    async for taken in queue:
        number += 1
        check(number, taken)
        watch()
    await producer
    assert number + 1 == COUNT, "lost some"


def resident() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * 4096
    return PROCESS.memory_info().rss


def watch() -> None:
    global most
    most = max(most, resident())


queue: BoundedQueue[bytearray] = BoundedQueue(BOUND)
block(0)
gc.collect()
before = most = resident()
if sys.argv[3] == "threads":
    by_threads(queue)
else:
    asyncio.run(by_tasks(queue))
print(queue.peak_nbytes, most - before, COUNT * BLOCK)
