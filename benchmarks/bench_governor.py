"""A load that is too much for the process's memory limit, with a governor and without.

And what a look costs.
"""

import sys
from pathlib import Path
from statistics import median
from time import thread_time

from benchmarks.report import Claim, Suite, Table
from bytebound import Governor, LRUCache

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from governed import LIMIT, Run, find_cell, run_load

LOOKS = 500
TIMES = 4
HEADER = ["", "status", "passed", "kept beside", "cached", "looks", "reliefs", "trimmed", "ended"]


def run(rounds: int) -> Suite:
    """Run both as often as asked, each in its own process."""
    cell = find_cell()
    runs = {
        mode: [run_load(mode, TIMES, cell) for _ in range(rounds)]
        for mode in ("ungoverned", "governed")
    }
    survived = {mode: sum(each.status == 0 for each in ended) for mode, ended in runs.items()}
    rows = [row(mode, each) for mode, ended in runs.items() for each in ended]
    look = median(look_seconds() for _ in range(rounds)) * 1e6
    return Suite(
        f"Governor: caches of 2 GiB under {cell.kind} of {LIMIT >> 20} MiB, {rounds} rounds",
        [
            Claim("governed runs that died", rounds - survived["governed"], 0, digits=0),
            Claim("ungoverned runs that came to their end", survived["ungoverned"], 0, digits=0),
            Claim("a look that finds nothing to do, us of processor time", look, digits=0),
        ],
        [Table(HEADER, rows)],
        ["MiB; kept beside: what the load itself keeps for good, growing all the time"],
    )


def row(mode: str, ended: Run) -> list[str]:
    """Return a run as a row of the table."""
    if ended.found is None:
        return [mode, str(ended.status), *[""] * 6, ended.cause[-40:]]
    found = ended.found
    sizes = [f"{found[name] >> 20:,}" for name in ("passed", "logged", "kept")]
    counts = [str(found.get(name, "")) for name in ("looks", "reliefs")]
    trimmed = f"{found.get('trimmed_nbytes', 0) >> 20:,}"
    return [mode, str(ended.status), *sizes, *counts, trimmed, "at its end"]


def look_seconds() -> float:
    """Return the processor's seconds that a look takes, the sources being what this machine has."""
    governor = Governor(LRUCache("1MiB"))
    start = thread_time()
    for _ in range(LOOKS):
        governor.step()
    return (thread_time() - start) / LOOKS
