"""Made-up machines for tests: folders as /proc and the control groups show them, and memory."""

from collections.abc import Mapping
from pathlib import Path

from bytebound.system.usage import Usage

V2_MOUNT = "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"


def make_root(
    root: Path, *, own: str = "", mounts: str = "", files: Mapping[str, object] | None = None
) -> Path:
    """Write /proc/self/cgroup, /proc/self/mountinfo and other files below `root`, and return it."""
    for name, content in {
        "proc/self/cgroup": own,
        "proc/self/mountinfo": mounts,
        **(files or {}),
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


class Machine:
    """A meter: a process whose memory is that of a budget, and `beside`.

    With `keeps`, memory that the budget held once never goes back, but serves the budget again.
    """

    name = "machine"

    def __init__(self, budget: object, *, limit: int = 1000, beside: int = 0, keeps: bool = False):
        self.budget = budget
        self.limit = limit
        self.beside = beside
        self.keeps = keeps
        self.error: Exception | None = None
        self._most = 0

    def read(self) -> Usage:
        """Tell used memory, or raise `error`."""
        if self.error is not None:
            raise self.error
        held = self.budget.nbytes  # type: ignore[attr-defined]
        self._most = max(self._most, held) if self.keeps else held
        return Usage(self.beside + self._most, self.limit)


class Purse:
    """A stand-in for a budget that gives back all that it is asked for, but for `least`."""

    def __init__(self, nbytes: int = 0, least: int = 0) -> None:
        self.nbytes = nbytes
        self.least = least
        self.targets: list[int] = []

    def trim(self, target_bytes: int) -> int:
        """Give back down to the target, but not below `least`."""
        self.targets.append(target_bytes)
        given = max(0, self.nbytes - max(target_bytes, self.least))
        self.nbytes -= given
        return given
