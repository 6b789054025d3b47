"""The command line: ``bytebound stress`` and ``bytebound replay``."""

import argparse
import math
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from bytebound import __version__
from bytebound._native.units import parse_size
from bytebound.cli.errors import Status, UsageError
from bytebound.cli.output import note, prepare_streams, show, tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of those of the process.

    Returns
    -------
    int
        The exit status, see `bytebound.cli.errors.Status`.
    """
    if not prepare_streams():
        tell("bytebound: standard output is closed")
        return Status.REFUSED
    parsed = make_parser().parse_args(arguments)
    name = f"bytebound {parsed.command}"
    try:
        # Each command comes with what it imports only when it is asked for.
        status: int = import_module(f"bytebound.cli.{parsed.command}").run(parsed)
    except UsageError as error:
        tell(f"{name}: {error}")
        return Status.REFUSED
    except ImportError as error:
        package = (error.name or "a package").partition(".")[0]
        reason = " ".join(str(error).split())
        tell(f"{name}: needs {package}, which cannot be imported: {reason}")
        return Status.REFUSED
    except KeyboardInterrupt:
        tell(f"{name}: interrupted")
        return Status.INTERRUPTED
    except Exception:
        note(traceback.format_exc())
        return Status.FAILED
    return status


STRESS_TEXT = """\
Let an agent serve requests from real documents for some time, and keep what it
reads and makes in an LRUCache; then serve the same requests with plain dicts
and lists in a child process. Show how the memory of both grows.

Growth is resident memory of the process above what it was before the first
request, after imports, a few requests to warm up and a garbage collection. It
is sampled every 50 ms, in long runs less often; of the bounded run, the peak
that the operating system keeps counts too. So documents while they are read,
and whatever the allocators hold, are part of it. The ratio is the most it grew
over the bound; the slope is the median of the slopes between all pairs of
samples in the second half.

The child is stopped when it has served the same requests, after the same time,
or when it has grown by 8 times the bound (256 MiB if that is more) or by a
quarter of the memory available. Ctrl-C ends the run with the results so far."""

REPLAY_TEXT = """\
Replay recorded requests through an LRUCache that charges the sizes in the file
alone. A request whose size has changed is put anew; one larger than the bound
is a miss and is not kept.

The header names the columns, in any order. Times are decimal numbers, and are
not used; a key is any text; sizes are whole numbers of bytes."""

STATUS_TEXT = """\
exit status:
  0    done, and the bound was kept
  1    the bound was passed; nothing else ends with it
  2    a bad argument or file, a missing package, or output that cannot be
       written: one line says which
  70   a mistake in bytebound itself, with a traceback
  130  Ctrl-C before there was a result
  141  the reader of the output went away, as `head` does: what a shell reports
       for any program that writes to a closed pipe"""


class Parser(argparse.ArgumentParser):
    """Reports an error in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        # "-5MiB" is a bad size, not an unknown option; later versions of Python say so too.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        """Exit with the status of what is refused."""
        self.exit(Status.REFUSED, f"{self.prog}: {message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: object = None) -> None:
        # argparse itself takes no notice of help that cannot be written.
        if file is not sys.stdout:
            tell(message)
        elif status := show(message, end=""):
            sys.exit(status)


def make_parser() -> Parser:
    """Return the parser of all commands and options."""
    parser = Parser(
        prog="bytebound",
        description="Containers whose memory is bounded in bytes, at work.",
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
        description=STRESS_TEXT,
        epilog=STATUS_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        type=_path,
        metavar="DIR",
        help="text files to read (default: the sources of Python's standard library)",
    )
    stress.add_argument(
        "--out",
        type=_path,
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
        description=REPLAY_TEXT,
        epilog=STATUS_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument(
        "trace",
        type=_path,
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


def _path(text: str) -> Path:
    # pathlib takes no name for the current folder, which nobody means who passes an unset variable.
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


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
