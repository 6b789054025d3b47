"""The command line: ``bytebound stress`` and ``bytebound replay``."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from bytebound import __version__
from bytebound._native.units import parse_size
from bytebound.cli.errors import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of those of the process.

    Returns
    -------
    int
        The exit status: 0, 1 if a bound was passed, 2 if the arguments or a file are bad,
        130 after Ctrl-C where there are no results yet.
    """
    parsed = make_parser().parse_args(arguments)
    try:
        # Each command comes with what it imports only when it is asked for.
        status: int = import_module(f"bytebound.cli.{parsed.command}").run(parsed)
        sys.stdout.flush()
    except UsageError as error:
        print(f"bytebound {parsed.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"bytebound {parsed.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


class Parser(argparse.ArgumentParser):
    """Reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser() -> Parser:
    """Return the parser of all commands and options."""
    parser = Parser(
        prog="bytebound",
        description="Containers whose memory is bounded in bytes, at work.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"bytebound {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_stress(commands)
    _add_replay(commands)
    return parser


def _add_stress(commands: "argparse._SubParsersAction[Parser]") -> None:
    stress = commands.add_parser(
        "stress",
        help="a streaming agent's memory, with and without a bound",
        description=(
            "Let an agent serve requests from real documents for some time, and keep what it "
            "reads and makes in an LRUCache; then serve the same requests with plain dicts and "
            "lists in a child process. Show how the memory of both grows."
        ),
        epilog=(
            "The child is stopped when it has served the same requests, after the same time, or "
            "when it has grown by 8 times the bound (256 MiB if that is more) or by a quarter of "
            "the memory available. Growth counts from after the imports and the list of "
            "documents. Exit status: 1 if the bound was ever passed, 2 on bad arguments. "
            "Ctrl-C ends the run with the results so far."
        ),
        allow_abbrev=False,
    )
    stress.add_argument(
        "--max-bytes",
        type=_bound,
        default="64MiB",
        metavar="SIZE",
        help='the bound, in bytes or as text such as "64MiB" (default: %(default)s)',
    )
    stress.add_argument(
        "--seconds",
        type=_seconds,
        default=20.0,
        metavar="N",
        help="how long each of the two runs may take (default: 20)",
    )
    stress.add_argument(
        "--corpus",
        type=Path,
        metavar="DIR",
        help="text files to read (default: the sources of Python's standard library)",
    )
    stress.add_argument(
        "--out",
        type=Path,
        default="bytebound-stress",
        metavar="DIR",
        help="where to write the chart, memory.png (default: %(default)s/)",
    )
    stress.add_argument("--json", action="store_true", help="print one JSON object, not a table")
    stress.add_argument(
        "--seed", type=int, default=0, metavar="N", help="decides all requests (default: 0)"
    )


def _add_replay(commands: "argparse._SubParsersAction[Parser]") -> None:
    replay = commands.add_parser(
        "replay",
        help="what a cache would have done with recorded requests",
        description=(
            "Replay recorded requests through an LRUCache that charges the sizes in the file "
            "alone. A request whose size has changed is put anew; one larger than the bound is "
            "a miss and is not kept."
        ),
        epilog="Exit status: 2 on bad arguments, and on a bad file.",
        allow_abbrev=False,
    )
    replay.add_argument(
        "trace",
        type=Path,
        metavar="TRACE",
        help="CSV with the columns time,key,size, plain or packed with gzip or xz",
    )
    replay.add_argument(
        "--max-bytes",
        type=_bound,
        required=True,
        metavar="SIZE",
        help='the bound, in bytes or as text such as "64MiB"',
    )
    replay.add_argument("--json", action="store_true", help="print one JSON object, not a table")


def _bound(text: str) -> int:
    try:
        size = parse_size(text, "a size")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if size == 0:
        raise argparse.ArgumentTypeError("a bound of nothing holds nothing")
    return size


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"not a number of seconds above 0: {text!r}")
    return seconds
