"""`bytebound stress`, from end to end in processes of their own."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from cli_runner import MODULE, complaint, run_cli, run_redirected, run_unread

KEYS = [
    "ops",
    "ops_per_s",
    "hit_ratio",
    "max_bytes",
    "nbytes",
    "peak_nbytes",
    "rss_start",
    "rss_peak",
    "rss_end",
    "rss_growth_ratio",
    "audit_drift",
    "slope_bytes_per_s",
    "baseline_rss_growth",
]
MIB = 1 << 20

needs_rich = pytest.mark.skipif(find_spec("rich") is None, reason="rich is not installed")


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def start_stress(out: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start a long run, and return when Ctrl-C means to end it."""
    command = [*MODULE, "stress", "--json", "--seconds=60", f"--out={out}", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(out.exists)
    return process


def python_with(prelude: str) -> list[str]:
    """Return a command that runs the command line after some other code."""
    code = f"import sys; {prelude}\nfrom bytebound.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code]


def test_one_object_with_exactly_these_keys(tmp_path: Path) -> None:
    out = tmp_path / "some" / "where"
    arguments = ("stress", "--json", "--seconds", "2", "--max-bytes", "8MiB", "--out", out)
    run = run_cli(*arguments)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert list(result) == KEYS
    floats = {"ops_per_s", "hit_ratio", "rss_growth_ratio", "slope_bytes_per_s"}
    assert {key for key in KEYS if type(result[key]) is float} == floats
    assert {key for key in KEYS if type(result[key]) is int} == {*KEYS} - floats

    assert result["max_bytes"] == 8 * MIB
    assert 7 * MIB < result["nbytes"] <= result["peak_nbytes"] <= 8 * MIB
    assert result["ops"] > 100
    assert result["ops_per_s"] == pytest.approx(result["ops"] / 2, rel=0.2)
    assert 0.1 < result["hit_ratio"] < 0.95
    assert result["audit_drift"] == 0
    assert result["rss_start"] < result["rss_end"] <= result["rss_peak"]
    growth = result["rss_peak"] - result["rss_start"]
    assert result["rss_growth_ratio"] == growth / result["max_bytes"]
    assert result["baseline_rss_growth"] > 1.5 * growth


def test_the_table_and_the_chart(tmp_path: Path) -> None:
    run = run_cli("stress", "--seconds", "0.5", "--max-bytes", "2MiB", "--out", tmp_path)
    assert run.returncode == 0, run.stderr
    table = {line.split("  ")[0].strip(): line for line in run.stdout.splitlines()}
    assert "2.0 MiB" in table["bound"]
    assert "MiB" in table["growth of memory"]
    assert {"requests served", "hit ratio", "audit: drift", "growth / bound"} <= set(table)
    if find_spec("matplotlib") is None:
        pytest.skip("no chart without matplotlib, which is not installed")
    chart = tmp_path / "memory.png"
    assert run.stdout.splitlines()[-1] == f"chart: {chart}"
    picture = chart.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.endswith(b"IEND\xaeB`\x82")
    width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))
    assert width > height > 400


def test_without_the_extra(tmp_path: Path) -> None:
    command = python_with("sys.modules['rich'] = sys.modules['matplotlib'] = None")
    run = run_cli("stress", "--seconds=0.2", "--json", f"--out={tmp_path}", command=command)
    assert run.returncode == 0, run.stderr
    assert list(json.loads(run.stdout)) == KEYS
    (line,) = run.stderr.splitlines()
    for word in ("rich", "matplotlib", "progress is plain", "no chart", "'bytebound[cli]'"):
        assert word in line
    assert list(tmp_path.iterdir()) == []


LEAKY = """
import bytebound.cli.bounded as bounded
class Leaky(bounded.LRUCache):
    calls = 0
    @property
    def nbytes(self):
        # Once, in a callback: at no sample, and not at the end.
        Leaky.calls += sys._getframe(2).f_code.co_name == "_on_evict"
        return super().nbytes + 3 * self.max_bytes * (Leaky.calls == 1)
bounded.LRUCache = Leaky
"""


def quick(out: Path) -> tuple[str, ...]:
    """Return the arguments of a short run."""
    return ("stress", "--seconds=0.5", "--json", "--max-bytes=1MiB", f"--out={out}")


def test_status_1_when_the_bound_is_passed(tmp_path: Path) -> None:
    run = run_cli(*quick(tmp_path), command=python_with(LEAKY))
    assert run.returncode == 1, run.stderr
    assert list(json.loads(run.stdout)) == KEYS
    assert "the bound of 1048576 bytes was passed by " in run.stderr


def test_status_1_whatever_else_goes_wrong(tmp_path: Path) -> None:
    (tmp_path / "memory.png").mkdir()
    run = run_unread(*quick(tmp_path), command=python_with(LEAKY))
    assert run.returncode == 1, run.stderr
    run = run_redirected(">/dev/full", *quick(tmp_path), command=python_with(LEAKY))
    assert run.returncode == 1, run.stderr
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_result_that_nobody_reads(tmp_path: Path) -> None:
    run = run_unread(*quick(tmp_path))
    assert run.returncode == 141, run.stderr
    assert "Traceback" not in run.stderr
    assert "Broken pipe" not in run.stderr


def test_a_result_that_cannot_be_written(tmp_path: Path) -> None:
    run = run_redirected(">/dev/full", *quick(tmp_path))
    assert run.returncode == 2
    line, *_ = run.stderr.splitlines()
    assert line == "bytebound: cannot write to standard output: No space left on device"
    assert "Traceback" not in run.stderr
    run = run_redirected(">&-", *quick(tmp_path / "out"))
    assert (run.returncode, run.stderr) == (2, "bytebound: standard output is closed\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("redirection", ["2>&-", "<&- 2>&-", "2>/dev/full", "2> >(true)"])
def test_standard_error_is_not_needed(tmp_path: Path, redirection: str) -> None:
    run = run_redirected(redirection, *quick(tmp_path))
    assert run.returncode == 0
    assert list(json.loads(run.stdout)) == KEYS
    assert json.loads(run.stdout)["baseline_rss_growth"] > 0


@pytest.mark.parametrize("package", ["numpy", "psutil"])
def test_a_missing_package_is_named_in_one_line(tmp_path: Path, package: str) -> None:
    out = tmp_path / "out"
    command = python_with(f"sys.modules[{package!r}] = None")
    run = run_cli(*quick(out), command=command)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"bytebound stress: needs {package}, which cannot be imported: ")
    assert not out.exists()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_chart_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "memory.png").mkdir()
    run = run_cli(*quick(tmp_path))
    assert run.returncode == 2
    assert list(json.loads(run.stdout)) == KEYS
    (line,) = run.stderr.splitlines()
    assert line.startswith("bytebound stress: --out: there is no chart: ")
    assert str(tmp_path / "memory.png") in line


def test_a_folder_that_the_encoding_cannot_name(tmp_path: Path) -> None:
    out = tmp_path / "\udcff"
    arguments = [argument for argument in quick(out) if argument != "--json"]
    run = run_cli(*arguments)
    assert run.returncode == 0, run.stderr
    assert "requests served" in run.stdout


def test_ctrl_c_ends_it_with_the_results_so_far(tmp_path: Path) -> None:
    process = start_stress(tmp_path / "out", "--max-bytes=4MiB")
    wait_for(lambda: psutil.Process(process.pid).cpu_times().user > 1)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert time.monotonic() - started < 20
    assert "Traceback" not in errors
    assert "interrupted" in errors
    result = json.loads(output)
    assert list(result) == KEYS
    assert result["ops"] > 0
    assert result["baseline_rss_growth"] is None


def test_ctrl_c_at_once(tmp_path: Path) -> None:
    process = start_stress(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert list(json.loads(output)) == KEYS


@pytest.fixture
def with_child(tmp_path: Path) -> tuple["subprocess.Popen[str]", psutil.Process]:
    """Start a run, and return it with its child when that has begun to serve."""
    process = start_stress(tmp_path / "out", "--max-bytes=4MiB", "--seconds=3")
    parent = psutil.Process(process.pid)
    wait_for(lambda: parent.children())
    (child,) = parent.children()
    wait_for(lambda: child.cpu_times().user > 0.4)
    return process, child


def test_ctrl_c_in_the_child_of_the_baseline(
    with_child: tuple["subprocess.Popen[str]", psutil.Process],
) -> None:
    process, child = with_child
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "interrupted" in errors
    assert json.loads(output)["baseline_rss_growth"] > 0
    assert not child.is_running()


def test_the_child_does_not_outlive_its_parent(
    with_child: tuple["subprocess.Popen[str]", psutil.Process],
) -> None:
    process, child = with_child
    process.kill()
    # The child has the same standard error, so this waits for its end too.
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_child_that_is_killed_is_no_disaster(
    with_child: tuple["subprocess.Popen[str]", psutil.Process],
) -> None:
    process, child = with_child
    child.kill()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert json.loads(output)["baseline_rss_growth"] > 0


def test_a_corpus_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    assert "no text file" in complaint("stress", "--corpus", folder, "--out", tmp_path / "out")
    (folder / "one.txt").write_text("One word.\n\nAnd two more.\n" * 300)
    arguments = ("stress", "--json", "--seconds=0.5", f"--out={tmp_path}", "--corpus", folder)
    run = run_cli(*arguments)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["ops"] > 0


def test_a_tiny_bound_holds_too(tmp_path: Path) -> None:
    run = run_cli("stress", "--json", "--seconds=0.5", "--max-bytes=1", f"--out={tmp_path}")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["peak_nbytes"] <= 1
    assert result["hit_ratio"] == 0


@pytest.mark.parametrize("with_rich", [pytest.param(True, marks=needs_rich), False])
def test_progress_on_a_terminal(tmp_path: Path, with_rich: bool) -> None:
    command = python_with("" if with_rich else "sys.modules['rich'] = None")
    arguments = ["stress", "--seconds=1", "--max-bytes=1MiB", f"--out={tmp_path}"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while read := os.read(ours, 65536):
            shown += read
    except OSError:  # how Linux says that nobody has the other end open any more
        pass
    os.close(ours)
    assert process.wait(60) == 0, shown
    for word in (b"bounded", b"unbounded", b"requests, memory grown by "):
        assert shown.count(word) > 2
    assert ("━" in shown.decode()) is with_rich
