"""A load for which the process has not memory enough, with a governor and without.

Arguments: "governed" or "ungoverned"; how many times the limit passes through two caches. Whoever
starts it sets the limit. The budget over the caches allows eight times as much, and beside it the
load keeps what grows to a quarter of the limit. Prints what happened as JSON.
"""

import json
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import sha256
from time import sleep
from typing import Any

from bytebound import Budget, Governor, LRUCache, memory_limit

# What is left to the second cache whatever happens.
LEAST = 2**20

# The free-threaded build's allocator asks for 64 MiB of addresses at once, to have 32 MiB
# aligned, and seldom gives any back: pressure has to begin while there is room for that.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
HIGH, LOW = (0.75, 0.65) if FREE_THREADED else (0.9, 0.8)

# A load that never waits fills such a limit within 0.2 s; this one waits after so many bytes.
BYTES_A_WAIT = 2**18
WAIT_SECONDS = 0.001


def messages() -> Iterator[dict[str, Any]]:
    """Yield nested messages of about 1 to 32 KiB, each a new one."""
    number = 0
    while True:
        result = f"result {number} of a tool, which can be asked for again: "
        yield {
            "role": "tool",
            "content": result * (number * 7919 % 600),
            "parts": [f"{number}.{part}" for part in range(16)],
        }
        number += 1


def main(mode: str, times: int) -> None:
    limit = memory_limit().nbytes
    budget = Budget(8 * limit)
    results = LRUCache[bytes, dict[str, Any]](8 * limit, budget=budget)
    pages = LRUCache[bytes, bytes](8 * limit, budget=budget.child("pages", min_bytes=LEAST))
    governor = Governor(budget, interval=0.25, high=HIGH, low=LOW) if mode == "governed" else None
    log: list[bytes] = []
    passed = logged = waits = 0
    with governor or nullcontext():
        for message in messages():
            line = json.dumps(message).encode()
            passed += len(line)
            key = sha256(line).digest()
            results[key] = message
            if key[0] % 4 == 0:
                pages[key] = line
            if logged * times * 4 < passed:
                log.append(line)
                logged += len(line)
            if waits * BYTES_A_WAIT < passed:
                waits += 1
                sleep(WAIT_SECONDS)
            if passed > times * limit:
                break
    found = {"limit": limit, "passed": passed, "logged": logged, "kept": budget.nbytes}
    found["least"] = pages.nbytes
    if governor is not None:
        found |= governor.stats()._asdict() | {"source": governor.source}
    print(json.dumps(found))


main(sys.argv[1], int(sys.argv[2]))
