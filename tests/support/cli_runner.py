"""Runs the command line as users do: in a process of its own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MODULE = (sys.executable, "-W", "error", "-m", "bytebound")

# Output fails when it is written, or later when it is flushed; neither as the environment says.
BUFFERINGS = {
    "buffered": (sys.executable, "-E", *MODULE[1:]),
    "unbuffered": (sys.executable, "-u", *MODULE[1:]),
}


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


def run_redirected(
    redirection: str, *arguments: str | Path, command: Sequence[str] = MODULE
) -> "subprocess.CompletedProcess[str]":
    """Run with a shell's redirection, such as ``2>&-``."""
    line = f"exec {shlex.join([*command, *map(str, arguments)])} {redirection}"
    return run_cli(command=["bash", "-c", line])


def run_unread(
    *arguments: str | Path, command: Sequence[str] = MODULE
) -> "subprocess.CompletedProcess[str]":
    """Run with its output going into a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [*command, *map(str, arguments)],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)


def complaint(*arguments: str | Path) -> str:
    """Return the one line with which the command line refuses its arguments."""
    result = run_cli(*arguments)
    assert result.returncode == 2, result
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line
