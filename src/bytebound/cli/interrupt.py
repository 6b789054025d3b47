"""Ctrl-C as a wish, which long loops look at between two steps."""

import signal
import threading
from types import FrameType
from typing import Self


class Interrupt:
    """Turns the first Ctrl-C into a wish to stop; a second one stops at once.

    An exception could come in the middle of anything, an eviction callback for example,
    where it would be lost.

    Attributes
    ----------
    is_wanted : bool
        Whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.is_wanted = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_wanted:
            raise KeyboardInterrupt
        self.is_wanted = True
