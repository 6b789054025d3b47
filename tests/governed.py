"""Runs the load of `isolated/governed.py` under a memory limit, for a test and a benchmark."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

SCRIPT = Path(__file__).with_name("isolated") / "governed.py"
LIMIT = 256 * 2**20


class Run(NamedTuple):
    """How a run ended: its exit status, what it found if it came to its end, and its last line."""

    status: int
    found: dict[str, Any] | None
    last_words: str


def cgroup_command(limit: int) -> list[str] | None:
    """Return what to put before a command for a memory cgroup of its own; None if there is none.

    Only a service manager is asked: a group of version 2 that holds processes can have no group
    with limits below it, and the groups above are not ours.
    """
    systemd_run = shutil.which("systemd-run")
    if systemd_run is None:
        return None
    command = [systemd_run, "--user", "--scope", "--quiet", "--collect"]
    command += ["-p", f"MemoryMax={limit}", "-p", "MemorySwapMax=0", "--"]
    probe = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if probe.returncode == 0 else None


def run_load(mode: str, times: int, cgroup: list[str] | None) -> Run:
    """Pass so many limits through the cache; in a cgroup if there is a command for that."""
    limit = LIMIT if cgroup is None else 0
    result = subprocess.run(
        [*(cgroup or []), sys.executable, str(SCRIPT), mode, str(times), str(limit)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = json.loads(result.stdout) if result.returncode == 0 else None
    return Run(result.returncode, found, (result.stderr.splitlines() or [""])[-1])
