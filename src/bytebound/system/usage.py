"""How much of its memory the process uses, by several measures."""

from pathlib import Path
from typing import NamedTuple, Protocol

import psutil

from bytebound.system.cgroups import MemoryGroup, memory_groups
from bytebound.system.limits import memory_limit, resource_limits


class Usage(NamedTuple):
    """Bytes in use, of a limit in bytes."""

    nbytes: int
    limit: int

    @property
    def share(self) -> float:
        """float: What part of the limit is in use."""
        return self.nbytes / self.limit if self.limit else float("inf")


class Meter(Protocol):
    """Measures memory against a limit."""

    @property
    def name(self) -> str:
        """str: What records call it."""

    def read(self) -> tuple[int, int]:
        """Return bytes used and the limit, such as a `Usage`; OSError if that cannot be told."""


class Unavailable(RuntimeError):
    """The system does not offer what was asked for."""


class GroupMeter:
    """Unreclaimable memory of the control groups that have limits; the fullest one counts."""

    name = "cgroup"

    def __init__(self, root: Path) -> None:
        self._groups = [group for group in memory_groups(root) if group.limit() is not None]
        if not self._groups:
            raise Unavailable("no memory cgroup of the process has a limit")

    def read(self) -> Usage:
        return max(map(self._usage, self._groups), key=lambda usage: usage.share)

    @staticmethod
    def _usage(group: MemoryGroup) -> Usage:
        limit = group.limit()
        if limit is None:
            raise OSError(f"{group.folder} has no limit any more, or it cannot be read")
        return Usage(group.used_nbytes(), limit)


class ResourceMeter:
    """Mapped memory against the resource limits that are set; the fullest one counts."""

    name = "rlimit"

    def __init__(self) -> None:
        self._process = psutil.Process()
        if not list(resource_limits()):
            raise Unavailable("neither RLIMIT_AS nor RLIMIT_DATA is set")

    def read(self) -> Usage:
        memory = self._process.memory_info()
        found = [Usage(getattr(memory, kind), limit) for kind, limit in resource_limits()]
        if not found:
            raise OSError("neither RLIMIT_AS nor RLIMIT_DATA is set any more")
        return max(found, key=lambda usage: usage.share)


class ResidentMeter:
    """Resident memory of the process against the smallest limit there is when this is made."""

    name = "resident"

    def __init__(self, root: Path) -> None:
        self._limit = memory_limit(root).nbytes
        self._process = psutil.Process()

    def read(self) -> Usage:
        return Usage(self._process.memory_info().rss, self._limit)
