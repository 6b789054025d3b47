"""The memory control groups that the process lives in, as Linux shows them.

A limit binds all groups below it, so each level counts: the process's own group, its parent, and so
on up to what is mounted. Where that is told:

- ``/proc/self/cgroup`` names the own group in each hierarchy: ``0::/path`` for version 2,
  ``N:controllers:/path`` for version 1. The path starts at the root of the cgroup namespace.
- ``/proc/self/mountinfo`` names where a hierarchy is mounted, and which part of it: a container
  often sees its own group alone, as the root of the mount.

Both versions may be mounted at once; only one of them has the memory controller, so the files of
the other are not there.

Source: cgroups(7); Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of Linux.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

# What the kernel cannot take back by dropping or writing out pages. Shared memory and tmpfs could
# only be swapped. Absent counters count nothing.
UNRECLAIMABLE = {
    1: ("total_rss", "total_shmem"),
    2: (
        "anon",
        "shmem",
        "kernel_stack",
        "pagetables",
        "sec_pagetables",
        "percpu",
        "sock",
        "vmalloc",
        "slab_unreclaimable",
    ),
}

# Version 2 slows a group down above `memory.high` and kills in it above `memory.max`.
LIMIT_FILES = {1: ("memory.limit_in_bytes",), 2: ("memory.max", "memory.high")}

# For "no limit", version 1 shows the largest multiple of a page in 63 bits; pages have up to
# 64 KiB.
UNLIMITED = 2**63 - 2**16


class MemoryGroup(NamedTuple):
    """A memory control group: its folder and the version of its hierarchy, 1 or 2."""

    folder: Path
    version: int

    def limit(self) -> int | None:
        """Return its own limit in bytes; None if it has none, or none that can be read."""
        found = [_bytes_in(self.folder / name) for name in LIMIT_FILES[self.version]]
        if self.version == 1:
            # The smallest limit above as well, even above what is mounted.
            found.append(_counters(self.folder).get("hierarchical_memory_limit"))
        return min(
            (limit for limit in found if limit is not None and limit < UNLIMITED), default=None
        )

    def used_nbytes(self) -> int:
        """Return the bytes that the group holds and the kernel cannot reclaim.

        Page cache is not among them, unlike in ``memory.current``.

        Raises
        ------
        OSError
            If ``memory.stat`` cannot be read, or tells none of what is asked.
        """
        counters = _counters(self.folder)
        wanted = UNRECLAIMABLE[self.version]
        if wanted[0] not in counters:
            raise OSError(f"{self.folder / 'memory.stat'} cannot be read, or has no {wanted[0]!r}")
        return sum(counters.get(name, 0) for name in wanted)


def memory_groups(root: Path = Path("/")) -> list[MemoryGroup]:
    """Return the groups that the process is in, in each hierarchy its own before those above.

    Parameters
    ----------
    root : Path
        The folder that ``/proc`` and the mounts are looked for in.
    """
    groups = []
    for version, own, mounted_root, mount_point in _hierarchies(root):
        top = root / mount_point.lstrip("/")
        below = _relative(own, mounted_root)
        levels = [below, *below.parents] if below.parts else [below]
        groups += [MemoryGroup(top / level, version) for level in levels]
    return groups


def _hierarchies(root: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield version, own path, root of the mount and mount point of each that may limit memory."""
    own = dict(_own_paths(_text(root / "proc/self/cgroup")))
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, described = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(described) < 3:
            continue
        if described[0] == "cgroup2":
            version = 2
        elif described[0] == "cgroup" and "memory" in described[2].split(","):
            version = 1
        else:
            continue
        # The first mount is as good as any other of the same hierarchy.
        path = own.pop(version, None)
        if path is not None:
            yield version, path, _unescaped(fields[3]), _unescaped(fields[4])


def _own_paths(text: str) -> Iterator[tuple[int, str]]:
    for line in text.splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            yield 2, path
        elif "memory" in controllers.split(","):
            yield 1, path


def _relative(own: str, mounted_root: str) -> PurePosixPath:
    """Return where the own group is below the mount.

    A group outside of what is mounted, as in another cgroup namespace, is looked for at the mount:
    container runtimes mount the container's own group there.
    """
    path = PurePosixPath(own)
    if ".." in path.parts or not path.is_relative_to(mounted_root):
        return PurePosixPath()
    return path.relative_to(mounted_root)


def _unescaped(field: str) -> str:
    """Undo the octal escapes that mountinfo writes for spaces, tabs, newlines and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _counters(folder: Path) -> dict[str, int]:
    counters = {}
    for line in _text(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if value.isdecimal():
            counters[name] = int(value)
    return counters


def _bytes_in(path: Path) -> int | None:
    """Return the number in a file; None for "max", for anything else and for no file."""
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
