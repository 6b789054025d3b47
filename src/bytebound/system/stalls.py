"""Time that tasks lose waiting for memory: pressure stall information (PSI) of Linux.

The own control group's ``memory.pressure`` tells of the group, ``/proc/pressure/memory`` of the
machine. A line ``some ... total=N`` counts the microseconds in which at least one task waited.
Beside reading it one may leave a trigger, and poll for its event.

Source: Documentation/accounting/psi.rst of Linux.
"""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from bytebound.system.cgroups import memory_groups
from bytebound.system.usage import Unavailable

# The kernel allows a window of two seconds to everybody, others only to the privileged. A tenth of
# it lost is what systemd calls pressure too.
WINDOW_SECONDS = 2.0
STALL_SECONDS = 0.2
TRIGGER = f"some {STALL_SECONDS * 1e6:.0f} {WINDOW_SECONDS * 1e6:.0f}"


class StallMeter:
    """Tells whether tasks lost at least 0.2 of the last 2 seconds waiting for memory."""

    name = "pressure"

    def __init__(self, root: Path, clock: Callable[[], float] = monotonic) -> None:
        folders = [group.folder for group in memory_groups(root) if group.version == 2]
        paths = [
            *(folder / "memory.pressure" for folder in folders[:1]),
            root / "proc/pressure/memory",
        ]
        for path in paths:
            with contextlib.suppress(OSError):
                self._total = _total_seconds(path)
                break
        else:
            raise Unavailable(f"none of {', '.join(map(str, paths))} can be read")
        self.path = path
        self._clock = clock
        self._since = clock()
        self._quiet_until = self._since

    def stalled(self) -> bool:
        """Return whether that much was lost since the window began; once a window at the most.

        Raises
        ------
        OSError
            If the file cannot be read any more.
        """
        total, now = _total_seconds(self.path), self._clock()
        stalled = total - self._total >= STALL_SECONDS and now >= self._quiet_until
        if stalled:
            self._quiet_until = now + WINDOW_SECONDS
        if stalled or now - self._since >= WINDOW_SECONDS:
            self._total, self._since = total, now
        return stalled

    def open_trigger(self) -> int | None:
        """Return a descriptor that polls POLLPRI after a stall; None where that is not allowed.

        The caller closes it, which takes the trigger away.
        """
        try:
            trigger = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            os.write(trigger, TRIGGER.encode() + b"\0")
        except OSError:
            os.close(trigger)
            return None
        return trigger


def _total_seconds(path: Path) -> float:
    found = re.search(r"^some .*\btotal=(\d+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise OSError(f"{path} has no total of stalls")
    return int(found[1]) / 1e6
