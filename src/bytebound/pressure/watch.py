"""A daemon thread that looks again and again, and can be woken."""

import math
import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import sleep

RETRY_SECONDS = 0.01


def report(error: BaseException) -> None:
    """Hand an error to `threading.excepthook`, as if it had ended the thread; never raise."""
    thread = threading.current_thread()
    try:
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, thread))
        )
    except BaseException:
        with suppress(BaseException):
            sys.excepthook(*sys.exc_info())


class Watch:
    """Calls `look` in a thread of its own until it is stopped.

    `look` is told whether the trigger fired, and returns the seconds until it is to be called
    again; the only error it may raise is MemoryError. `trigger` is a descriptor that polls
    POLLPRI, or None, and becomes the watch's to close.
    """

    def __init__(self, look: Callable[[bool], float], trigger: int | None) -> None:
        self._look = look
        self._trigger = trigger
        self._stopping = False
        # Guards the descriptors: they may be closed while somebody wants to wake the thread.
        self._lock = threading.Lock()
        self._ear, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        self._open = [self._ear, self._bell]
        self._poll = select.poll()
        self._poll.register(self._ear, select.POLLIN)
        if trigger is not None:
            self._open.append(trigger)
            self._poll.register(trigger, select.POLLPRI)
        self._thread = threading.Thread(target=self._run, name="bytebound-governor", daemon=True)

    def start(self) -> None:
        """Start the thread; if there can be none, close everything and raise RuntimeError."""
        try:
            self._thread.start()
        except BaseException:
            self._close()
            raise

    def stop(self) -> None:
        """End the thread, and wait for that unless it is the caller."""
        self._stopping = True
        with self._lock:
            if self._open:
                os.write(self._bell, b"\0")
        if self._thread is not threading.current_thread():
            self._thread.join()

    def abandon(self) -> None:
        """Close this process's descriptors: the child of a fork has no thread to do that."""
        self._stopping = True
        self._lock = threading.Lock()
        self._close()

    def _run(self) -> None:
        fired = False
        try:
            while not self._stopping:
                try:
                    fired = self._wait(self._look(fired))
                except MemoryError:
                    # Not even enough to report it; when others give some back, it goes on.
                    sleep(RETRY_SECONDS)
        finally:
            self._close()

    def _wait(self, seconds: float) -> bool:
        """Wait that long or until woken; return whether the trigger fired."""
        if self._stopping:
            return False
        events = dict(self._poll.poll(math.ceil(seconds * 1000)))
        event = 0 if self._trigger is None else events.get(self._trigger, 0)
        if self._trigger is not None and event & (
            select.POLLERR | select.POLLHUP | select.POLLNVAL
        ):
            # What it watched is gone, and would wake the thread at once for ever.
            self._poll.unregister(self._trigger)
            self._trigger = None
        return bool(event & select.POLLPRI)

    def _close(self) -> None:
        with self._lock:
            descriptors, self._open = self._open, []
        for descriptor in descriptors:
            os.close(descriptor)
