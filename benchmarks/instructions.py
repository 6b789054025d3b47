"""Instructions an operation takes, which repeat where times do not.

``python -m benchmarks.instructions`` has Callgrind count a child that makes some passes over a
loop, and one that makes twice as many after the same preparations. The difference is what the
operations took, the loop itself included.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.contestants import BASELINE, MAIN, OURS
from benchmarks.operations import OPERATIONS, contests, make_data
from benchmarks.report import Suite, Table

ENTRIES = 5_000
PASSES = 2
COUNTED = [name for name in OPERATIONS if "," not in name]  # order and length change no path


def make_passes(operation: str, contestant: str, passes: int) -> int:
    """Prepare twice `PASSES`, make `passes` of them, and return the operations in one."""
    entered = contests(operation, {contestant: MAIN[contestant]}, make_data(ENTRIES))
    loop, prepare, count = entered[contestant]
    warm_up, *prepared = [prepare() for _ in range(1 + 2 * PASSES)]
    gc.disable()
    loop(*warm_up)
    for arguments in prepared[:passes]:
        loop(*arguments)
    print(count, flush=True)
    # What was prepared is not taken apart: that would be counted too.
    os._exit(0)


def count_instructions(operation: str, contestant: str, passes: int) -> tuple[int, int]:
    """Run a child under Callgrind; return its instructions and the operations in a pass."""
    child = subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            sys.executable,
            *("-m", "benchmarks.instructions", operation, contestant, str(passes)),
        ],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    collected = re.search(r"Collected\s*:\s*(\d+)", child.stderr)
    if collected is None:
        raise RuntimeError(f"valgrind told no count: {child.stderr[-500:]}")
    return int(collected[1]), int(child.stdout)


def instructions(operation: str, contestant: str) -> float:
    """Return the instructions that one operation takes."""
    fewer, count = count_instructions(operation, contestant, PASSES)
    more, _ = count_instructions(operation, contestant, 2 * PASSES)
    return (more - fewer) / (PASSES * count)


def main(arguments: Sequence[str]) -> int:
    """Be the child, or start the children and print the table."""
    if arguments:
        operation, contestant, passes = arguments
        return make_passes(operation, contestant, int(passes))
    if shutil.which("valgrind") is None:
        print("SKIPPED: instructions: valgrind is not installed")
        return 0
    rows = []
    for operation in COUNTED:
        theirs, ours = (instructions(operation, name) for name in (BASELINE, OURS))
        rows.append([operation, f"{theirs:.1f}", f"{ours:.1f}", f"{ours / theirs:.2f}"])
    table = Table(["instructions an operation", BASELINE, OURS, "ratio"], rows)
    print(Suite(f"Instructions: {ENTRIES:,} entries, str keys and values", [], [table]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
