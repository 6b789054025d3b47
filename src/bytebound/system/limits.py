"""How much memory the process may use."""

import math
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bytebound.system.cgroups import memory_groups

# Which of psutil's sizes each limit is on: address space; heap and other private writable memory.
# Only Linux counts the latter.
RESOURCE_LIMITS = {resource.RLIMIT_AS: "vms"}
if sys.platform == "linux":
    RESOURCE_LIMITS[resource.RLIMIT_DATA] = "data"


class Limit(NamedTuple):
    """A limit on the memory of the process.

    Attributes
    ----------
    nbytes : int
        The limit, in bytes.
    source : str
        Who sets it: ``"cgroup"``, ``"rlimit"`` or ``"physical"``.
    """

    nbytes: int
    source: str


def memory_limit(root: str | Path = "/") -> Limit:
    """Return the smallest limit on the memory of the process.

    These are looked at, and what cannot be read does not count:

    - the limits of the process's memory control group and of all those above it: ``memory.max`` and
      ``memory.high`` of version 2, ``memory.limit_in_bytes`` of version 1;
    - ``RLIMIT_AS`` and ``RLIMIT_DATA``, the soft limits. They are on what is mapped, so more
      of them is used than is resident; what asks for a share of them gets less than it might;
    - physical memory. That of the machine, if a container does not hide it.

    Parameters
    ----------
    root : str or Path
        The folder that ``/proc`` and the control groups are looked for in.

    Notes
    -----
    Reads some small files. Thread-safe; nothing is kept, since limits may change.

    Examples
    --------
    >>> from bytebound import memory_limit
    >>> limit = memory_limit()
    >>> limit.nbytes > 0, limit.source in ("cgroup", "rlimit", "physical")
    (True, True)
    """
    import psutil  # not at the top: what only wants a Budget shall not wait for it

    candidates = [Limit(psutil.virtual_memory().total, "physical")]
    candidates += (Limit(nbytes, "rlimit") for _, nbytes in resource_limits())
    for group in memory_groups(Path(root)):
        if (nbytes := group.limit()) is not None:
            candidates.append(Limit(nbytes, "cgroup"))
    return min(candidates)


def resource_limits() -> Iterator[tuple[str, int]]:
    """Yield what psutil calls that which is limited, and the bytes, for each limit that is set."""
    for which, kind in RESOURCE_LIMITS.items():
        soft, _ = resource.getrlimit(which)
        if soft != resource.RLIM_INFINITY:
            yield kind, soft


def share_of_limit(fraction: float, root: str | Path = "/") -> int:
    """Return that share of `memory_limit` in bytes, rounded down.

    Parameters
    ----------
    fraction : float
        Above 0, and 1 at the most.
    root : str or Path
        As for `memory_limit`.

    Raises
    ------
    TypeError
        If `fraction` is not a number.
    ValueError
        If it is out of range.
    """
    return math.floor(checked_fraction("fraction", fraction) * memory_limit(root).nbytes)


def checked_fraction(name: str, value: float) -> float:
    """Return `value` if it is a number above 0 and at most 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a float, not {type(value).__name__}")
    if not 0 < value <= 1:
        raise ValueError(f"{name} must be above 0 and at most 1, not {value!r}")
    return float(value)
