"""By how much a process grows that fills a BytesCache and replaces all of it ten times: JSON."""

import json
from pathlib import Path

from bytebound import BytesCache

ENTRIES = 1_000_000
TIMES = 10
BOUND = 64 << 20


def resident() -> int:
    """Return the bytes of memory that the process has to itself."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    fields = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
    return 1024 * sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def main() -> None:
    """Put entries of 40 to 103 bytes, each under a key of its own, and look at every 100,000th."""
    warm = BytesCache(1 << 20)
    warm.put(b"%020d" % 0, bytes(range(256))[:40])
    warm.clear()
    resident()
    before = resident()
    cache = BytesCache(BOUND)
    most = 0
    for number in range(ENTRIES * (1 + TIMES)):
        cache[b"%020d" % number] = bytes(40 + number % 64)
        if number % 100_000 == 0:
            most = max(most, resident() - before)
    most = max(most, resident() - before)
    figures = {"growth": most, "nbytes": cache.nbytes, "kept": len(cache)}
    print(json.dumps(figures | {"payload": cache.payload_nbytes}))


if __name__ == "__main__":
    main()
