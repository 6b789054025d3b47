"""Live progress on standard error: a bar if rich is installed, else plain lines."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from bytebound.cli.output import note

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress(Protocol):
    """Shows how far a run is; use it as a context manager."""

    def __enter__(self) -> Self:
        """Start to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""

    def update(self, phase: str, fraction: float, figures: str) -> None:
        """Show the name of a phase, how much of it is done, and its figures."""


def open_progress(*, with_rich: bool) -> Progress:
    """Return what suits standard error: a bar is for terminals alone."""
    return RichProgress() if with_rich and sys.stderr.isatty() else PlainProgress()


class PlainProgress:
    """A line that is written over on a terminal; elsewhere a new one every few seconds."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._interval = 0.2 if self._is_terminal else 5.0
        self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("", last=True)

    def update(self, phase: str, fraction: float, figures: str) -> None:
        """Show the figures, unless it was just done."""
        if time.monotonic() - self._shown >= self._interval:
            self._shown = time.monotonic()
            self._write(f"{phase} {fraction:4.0%}  {figures}")

    def _write(self, line: str, *, last: bool = False) -> None:
        if self._is_terminal:
            note(f"\r{line:<78}" + "\r" * last)
        elif not last:
            note(f"{line}\n")


class RichProgress:
    """A bar."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        # Drawn between requests: a thread of rich's own would be part of what is measured.
        self._bars = Bars(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[figures]}"),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._shown = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.refresh()
        self._bars.stop()

    def update(self, phase: str, fraction: float, figures: str) -> None:
        """Move the bar of a phase, and draw it unless it was just done."""
        if phase not in self._tasks:
            self._tasks[phase] = self._bars.add_task(phase, total=1.0, figures="")
        self._bars.update(self._tasks[phase], completed=fraction, figures=figures)
        if time.monotonic() - self._shown >= 0.2:
            self._shown = time.monotonic()
            self._bars.refresh()
