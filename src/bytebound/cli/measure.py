"""How memory is sampled, kept and judged."""

import math
import os
import sys
from array import array
from pathlib import Path

import numpy
import psutil

MAX_SAMPLES = 2000
FIRST_INTERVAL = 0.05


class Series:
    """Resident memory over time, in a bounded number of samples.

    When it is full, every other sample is dropped and the interval doubles.

    Attributes
    ----------
    interval : float
        Seconds to wait between samples.
    seconds, nbytes : array
        When each sample was taken, and its bytes.
    """

    def __init__(self) -> None:
        self.interval = FIRST_INTERVAL
        self.seconds = array("d")
        self.nbytes = array("q")

    def append(self, seconds: float, nbytes: int) -> None:
        """Add a sample."""
        if len(self.seconds) == MAX_SAMPLES:
            self.interval *= 2
            self.seconds = self.seconds[::2]
            self.nbytes = self.nbytes[::2]
        self.seconds.append(seconds)
        self.nbytes.append(nbytes)


def resident_nbytes() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def peak_resident_nbytes() -> int:
    """Return the most memory that was ever resident in this process, in bytes.

    The system keeps it, so it also knows what lies between two samples.
    """
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return 0
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_nbytes() -> int:
    """Return the bytes that this process may still use: the machine's, or the container's."""
    available = int(psutil.virtual_memory().available)
    for limit, used in _CGROUP_FILES:
        try:
            available = min(available, int(limit.read_text()) - int(used.read_text()))
        except (OSError, ValueError):
            continue
    return max(available, 0)


_CGROUP = Path(os.sep, "sys", "fs", "cgroup")
_CGROUP_FILES = (
    (_CGROUP / "memory.max", _CGROUP / "memory.current"),
    (_CGROUP / "memory" / "memory.limit_in_bytes", _CGROUP / "memory" / "memory.usage_in_bytes"),
)


def robust_slope(series: Series, start: float) -> float:
    """Return the slope of a series from a time on, in bytes a second.

    It is the median of the slopes between all pairs of samples (Theil 1950, Sen 1968), so
    that single jumps do not move it. Two samples at least, or it is 0.
    """
    seconds = numpy.array(series.seconds)
    nbytes = numpy.array(series.nbytes, dtype=numpy.float64)[seconds >= start]
    seconds = seconds[seconds >= start]
    # Pairs grow with the square; 300 samples say all there is to say.
    step = math.ceil(len(seconds) / 300) or 1
    seconds, nbytes = seconds[::step], nbytes[::step]
    first, second = numpy.triu_indices(len(seconds), 1)
    lengths = seconds[second] - seconds[first]
    rises = (nbytes[second] - nbytes[first])[lengths > 0]
    return float(numpy.median(rises / lengths[lengths > 0])) if len(rises) else 0.0


def format_size(nbytes: float) -> str:
    """Write bytes for people, with a binary unit.

    Examples
    --------
    >>> format_size(67108864), format_size(-1536), format_size(12)
    ('64.0 MiB', '-1.5 KiB', '12 B')
    """
    unit, divisor = size_unit(nbytes)
    return f"{nbytes / divisor:.1f} {unit}" if divisor > 1 else f"{nbytes:.0f} {unit}"


def size_unit(nbytes: float) -> tuple[str, int]:
    """Return the binary unit to show bytes of this magnitude in, and its bytes."""
    for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB")):
        if abs(nbytes) < 1024 ** (power + 1):
            return unit, 1024**power
    return "PiB", 1024**5
