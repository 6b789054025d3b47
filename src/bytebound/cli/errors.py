"""The one exception that the command line turns into a line of text."""


class UsageError(Exception):
    """What the user asked for cannot be done; the text, one line, says why."""
