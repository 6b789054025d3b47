"""Runs the command line as users do: in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MODULE = (sys.executable, "-W", "error", "-m", "bytebound")


def run_cli(
    *arguments: str | Path, command: Sequence[str] = MODULE, timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    """Run and wait; what it prints is kept apart."""
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def complaint(*arguments: str | Path) -> str:
    """Return the one line with which the command line refuses its arguments."""
    result = run_cli(*arguments)
    assert result.returncode == 2, result
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line
