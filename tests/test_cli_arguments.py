"""The command line's help, version, and its refusal of bad arguments."""

import sys
import sysconfig
from pathlib import Path

import pytest
from cli_runner import complaint, run_cli

import bytebound

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


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "COMMAND"),
        (["strain"], "'strain'"),
        (["stress", "--max-bytes", "much"], "'much'"),
        (["stress", "--max-bytes", "-1"], "--max-bytes"),
        (["stress", "--max-bytes=-1"], "-1"),
        (["stress", "--max-bytes", "0"], "--max-bytes"),
        (["stress", "--max-bytes", "1.5"], "'1.5'"),
        (["stress", "--max-bytes", "99EiB"], "99EiB"),
        (["stress", "--max-bytes"], "--max-bytes"),
        (["stress", "--max", "1MiB"], "--max"),
        (["stress", "--seconds", "0"], "'0'"),
        (["stress", "--seconds=-3"], "'-3'"),
        (["stress", "--seconds", "nan"], "'nan'"),
        (["stress", "--seconds", "inf"], "'inf'"),
        (["stress", "--seconds", "soon"], "'soon'"),
        (["stress", "--seed", "x"], "'x'"),
        (["stress", "--corpus", "/no/such/folder"], "/no/such/folder"),
        (["stress", "--corpus", sys.executable], "--corpus"),
        (["stress", "--out", f"{sys.executable}/folder"], "--out"),
        (["stress", "--out", sys.executable], "--out"),
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


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = f"{sys.executable} -m bytebound stress --help | head -c 1; exit ${{PIPESTATUS[0]}}"
    result = run_cli(command=["bash", "-c", code])
    assert result.stderr == ""
