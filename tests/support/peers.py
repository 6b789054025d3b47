"""Source distributions of the libraries that bytebound.compat imitates, with their tests."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[2] / "build" / "peers"
NO_NETWORK = ("NewConnectionError", "ConnectTimeoutError", "name resolution", "unreachable")


def fetch(requirement: str) -> Path:
    """Return the unpacked source distribution; fetched by pip once, and skip without a network."""
    name = requirement.partition("=")[0]
    CACHE.mkdir(parents=True, exist_ok=True)
    found = sorted(CACHE.glob(f"{name.replace('-', '_')}-*.tar.gz"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary"]
        command += [":all:", "--dest", str(CACHE), requirement]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0 and any(sign in done.stderr for sign in NO_NETWORK):
            pytest.skip(f"the tests of {name} itself: pip has no network to fetch them")
        assert done.returncode == 0, done.stderr
        found = sorted(CACHE.glob(f"{name.replace('-', '_')}-*.tar.gz"))
    archive = found[-1]
    folder = archive.parent / archive.name.removesuffix(".tar.gz")
    if not folder.is_dir():
        with tarfile.open(archive) as tar:
            tar.extractall(CACHE, filter="data")
    return folder


def run_unittests(folder: Path) -> tuple[int, str]:
    """Run what is in a folder; return how many tests ran, and what they printed."""
    command = [sys.executable, "-W", "error", "-m", "unittest", "discover", "-t", "..", "-s", "."]
    done = subprocess.run(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    summary = next(line for line in done.stderr.splitlines() if line.startswith("Ran "))
    return int(summary.split()[1]), done.stderr
