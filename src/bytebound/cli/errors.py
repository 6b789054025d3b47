"""How a command can end."""

from enum import IntEnum


class Status(IntEnum):
    """The exit status of every command."""

    DONE = 0
    # Nothing else may end with it: whoever runs this in a script asks for it alone.
    BOUND_PASSED = 1
    # A bad argument or file, a package that is missing, or output that cannot be written.
    REFUSED = 2
    # A mistake in bytebound: what sysexits.h calls EX_SOFTWARE, for Python's own 1 is taken.
    FAILED = 70
    # What shells report for a program that a signal ended: 128 and SIGINT, 128 and SIGPIPE.
    INTERRUPTED = 130
    READER_GONE = 141


class UsageError(Exception):
    """What the user asked for cannot be done; the text says why, and becomes one line."""
