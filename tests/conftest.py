"""What every test may use, and the report of what was skipped."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TRACES = ROOT / os.environ.get("BYTEBOUND_TRACES", "../shared/traces")


@pytest.fixture(scope="session")
def traces() -> Path:
    """Give the folder of recorded traces, which BYTEBOUND_TRACES names, or skip the test."""
    if not TRACES.is_dir():
        pytest.skip(f"BYTEBOUND_TRACES: there is no folder {TRACES}")
    return TRACES


@pytest.fixture
def switch_often() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def pytest_collection_finish() -> None:
    """Keep what was imported out of the full collections that many tests make."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """Say whether the tests run with the GIL."""
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    return f"GIL: {'on' if enabled else 'off'}; BYTEBOUND_TRACES: {TRACES}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each skipped test with its reason: pytest's own summary folds them by line."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"{report.nodeid}: {reason}")
