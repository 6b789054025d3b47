"""Runs the load of `isolated/governed.py` under a memory limit, for a test and a benchmark."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

SCRIPT = Path(__file__).parents[1] / "isolated" / "governed.py"
# The free-threaded build takes addresses by 32 MiB, apart for each kind of object and thread, and
# keeps most of them: of 256 MiB, 220 would be gone before the load has begun.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
LIMIT = (512 if FREE_THREADED else 256) * 2**20


class Run(NamedTuple):
    """How a run ended: its exit status, what it found if it came to its end, and what of."""

    status: int
    found: dict[str, Any] | None
    cause: str


class Cell(NamedTuple):
    """A limit on memory: what kind it is, and what goes before a command that it shall hold for."""

    kind: str
    command: list[str]


def find_cell() -> Cell:
    """Return a memory cgroup of its own for each run, or RLIMIT_AS where none can be made.

    Only a service manager is asked for a cgroup: a group of version 2 that holds processes can have
    none with limits below it, and the groups above are not ours. RLIMIT_AS is set before Python
    starts, for some allocators reserve much address space at first.
    """
    systemd_run = shutil.which("systemd-run")
    if systemd_run is not None:
        command = [systemd_run, "--user", "--scope", "--quiet", "--collect"]
        command += ["-p", f"MemoryMax={LIMIT}", "-p", "MemorySwapMax=0", "--"]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return Cell("a memory cgroup", command)
    limited = ["sh", "-c", f'ulimit -v {LIMIT >> 10} && exec "$@"', "sh"]
    return Cell("RLIMIT_AS", limited)


def run_load(mode: str, times: int, cell: Cell) -> Run:
    """Pass so many limits through the caches, in a cell."""
    result = subprocess.run(
        [*cell.command, sys.executable, str(SCRIPT), mode, str(times)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if result.returncode == 0:
        return Run(0, json.loads(result.stdout), "")
    lines = [line for line in result.stderr.splitlines() if "MemoryError" in line]
    return Run(result.returncode, None, (lines or [result.stderr or "killed"])[-1])
