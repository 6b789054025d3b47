"""Writing to standard output and standard error, whatever has become of them."""

import io
import os
import sys
from typing import TextIO

from bytebound.cli.errors import Status

# A line for people; what is longer came from an argument or a file, and is cut in its middle.
MAX_LINE_LENGTH = 300
_KEPT_END = 80


def prepare_streams() -> bool:
    """Make standard error writable, and return whether standard output was open."""
    # A file opened later would take the number of a closed stream, and what is meant for it.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The name of a file may hold what the encoding of the output does not.
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout is not None


def show(text: str, end: str = "\n") -> Status:
    """Write a result to standard output, at once, and return what became of it."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does; there is nobody to tell.
        _discard(sys.stdout)
        return Status.READER_GONE
    except OSError as error:
        _discard(sys.stdout)
        tell(f"bytebound: cannot write to standard output: {error.strerror}")
        return Status.REFUSED
    return Status.DONE


def tell(message: str) -> None:
    """Write one line to standard error, short and printable."""
    note(one_line(message) + "\n")


def note(text: str) -> None:
    """Write text to standard error as it is; if nobody can read it, the work goes on."""
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def one_line(text: str) -> str:
    """Escape what cannot be printed, and cut what is long.

    Examples
    --------
    >>> print(one_line("no folder a\\nb"))
    no folder a\\nb
    >>> len(one_line("9" * 5000))
    300
    """
    if len(text) > MAX_LINE_LENGTH:
        text = f"{text[: MAX_LINE_LENGTH - _KEPT_END - 5]} ... {text[-_KEPT_END:]}"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _discard(stream: TextIO) -> None:
    """Let what is still in the stream go nowhere, or Python would try again at its end."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
