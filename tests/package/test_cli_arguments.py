"""The command line's help, version, and its refusal of bad arguments."""

import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest
from cli_runner import BUFFERINGS, complaint, run_cli, run_redirected, run_unread

import bytebound
from bytebound.cli.errors import Status

SCRIPT = (str(Path(sysconfig.get_path("scripts"), "bytebound")),)


def test_the_script_and_the_module_are_the_same() -> None:
    for command in (["--version"], ["--help"], ["stress", "--help"], ["replay", "--help"]):
        by_module = run_cli(*command)
        by_script = run_cli(*command, command=SCRIPT)
        assert by_module.returncode == by_script.returncode == 0
        assert by_module.stdout == by_script.stdout != ""
        assert by_module.stderr == by_script.stderr == ""


def test_version() -> None:
    assert run_cli("--version").stdout == f"bytebound {bytebound.__version__}\n"


def help_words(command: str) -> str:
    """Return the help without the breaks of its lines."""
    return "".join(run_cli(command, "--help").stdout.split())


def test_help_names_every_option_and_default() -> None:
    text = help_words("stress")
    for word in ("--max-bytes", "64MiB", "--seconds", "20", "--corpus", "--out", "--json"):
        assert word in text
    for word in ("bytebound-stress/", "--seed", "memory.png", "8times", "quarter", "Ctrl-C"):
        assert word in text
    text = help_words("replay")
    for word in ("TRACE", "--max-bytes", "--json", "time,key,size", "gzip", "xz"):
        assert word in text


def test_help_says_how_growth_is_measured() -> None:
    text = help_words("stress")
    for word in ("residentmemory", "beforethefirstrequest", "sampled", "Theratio", "theslope"):
        assert word in text


@pytest.mark.parametrize("command", ["stress", "replay"])
def test_help_lists_every_exit_status(command: str) -> None:
    _, _, table = run_cli(command, "--help").stdout.partition("exit status:\n")
    listed = {line.split()[0] for line in table.splitlines() if line[2] != " "}
    assert listed == {str(int(status)) for status in Status}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "COMMAND"),
        (["strain"], "'strain'"),
        (["stress", "--max-bytes", "much"], "'much'"),
        (["stress", "--max-bytes", "-1"], "--max-bytes"),
        (["stress", "--max-bytes=-1"], "-1"),
        (["stress", "--max-bytes", "-5MiB"], "a size must be"),
        (["stress", "--max-bytes", "-.5MiB"], "'-.5MiB'"),
        (["replay", "trace.csv", "--max-bytes", "-5MiB"], "'-5MiB'"),
        (["stress", "--max-bytes", "0"], "--max-bytes"),
        (["stress", "--max-bytes", "1.5"], "'1.5'"),
        (["stress", "--max-bytes", "99EiB"], "99EiB"),
        (["stress", "--max-bytes"], "--max-bytes"),
        (["stress", "--max", "1MiB"], "--max"),
        (["stress", "--seconds", "0"], "'0'"),
        (["stress", "--seconds=-3"], "'-3'"),
        (["stress", "--seconds", "-1e3"], "'-1e3'"),
        (["stress", "--seconds", "nan"], "'nan'"),
        (["stress", "--seconds", "inf"], "'inf'"),
        (["stress", "--seconds", "soon"], "'soon'"),
        (["stress", "--seed", "x"], "'x'"),
        (["stress", "--corpus", "/no/such/folder"], "/no/such/folder"),
        (["stress", "--corpus", sys.executable], "--corpus"),
        (["stress", "--out", f"{sys.executable}/folder"], "--out"),
        (["stress", "--out", sys.executable], "--out"),
        (["stress", "--corpus", ""], "--corpus: the name is empty"),
        (["stress", "--out", ""], "--out: the name is empty"),
        (["stress", "--out="], "--out: the name is empty"),
        (["replay", "", "--max-bytes", "1"], "TRACE: the name is empty"),
        (["stress", "--corpus", "no such\nfolder"], "no such\\nfolder"),
        (["stress", "more"], "more"),
        (["replay", "--max-bytes", "1MiB"], "TRACE"),
        (["replay", "trace.csv"], "--max-bytes"),
        (["replay", "trace.csv", "--max-bytes", "0"], "--max-bytes"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(arguments: list[str], what: str) -> None:
    line = complaint(*arguments)
    assert line.startswith("bytebound")
    assert what in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["stress", "--max-bytes"],
        ["replay", "trace.csv", "--max-bytes"],
        ["stress", "--seconds"],
        ["stress", "--seed"],
        ["stress", "--corpus"],
        ["stress", "--out"],
        ["replay", "--max-bytes=1"],
        ["stress"],
        [],
    ],
)
@pytest.mark.parametrize("text", ["9" * 5000, "x" * 100_000, "a\nb " * 1000, "-" + "9" * 5000])
def test_a_long_argument_is_refused_in_one_short_line(arguments: list[str], text: str) -> None:
    line = complaint(*arguments, text)
    assert line.startswith("bytebound")
    assert len(line) < 400


@pytest.mark.parametrize("command", BUFFERINGS.values(), ids=BUFFERINGS)
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["stress", "--help"]])
def test_help_that_cannot_be_written(arguments: list[str], command: Sequence[str]) -> None:
    run = run_unread(*arguments, command=command)
    assert (run.returncode, run.stderr) == (141, "")
    run = run_redirected(">/dev/full", *arguments, command=command)
    assert run.returncode == 2
    assert run.stderr == "bytebound: cannot write to standard output: No space left on device\n"
    run = run_redirected(">&-", *arguments, command=command)
    assert (run.returncode, run.stderr) == (2, "bytebound: standard output is closed\n")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_complaint_that_nobody_can_read(redirection: str) -> None:
    run = run_redirected(redirection, "stress", "--max-bytes=0")
    assert (run.returncode, run.stdout, run.stderr) == (2, "", "")


def test_a_mistake_of_ours_does_not_look_like_a_bound_that_was_passed() -> None:
    code = """
import sys
import bytebound.cli.replay as replay
from bytebound.cli import main
replay.run = lambda arguments: 1 / 0
sys.exit(main())
"""
    run = run_cli("replay", "x", "--max-bytes=1", command=[sys.executable, "-c", code])
    assert run.returncode == 70
    assert "ZeroDivisionError" in run.stderr
