"""Where a governor looks: which meters there are under which name."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bytebound.system.stalls import StallMeter
from bytebound.system.usage import GroupMeter, Meter, ResidentMeter, ResourceMeter, Unavailable


class Sources(NamedTuple):
    """What a governor reads: the fullest meter counts, and stalls if they are asked for.

    Attributes
    ----------
    meters : list of Meter
        Read each time. Empty if only stalls are to count.
    stalls : StallMeter or None
        Read each time as well.
    yardstick : Meter
        What a relief from stalls is measured with.
    """

    meters: list[Meter]
    stalls: StallMeter | None
    yardstick: Meter

    def names(self) -> str:
        """Return the names of all that is read, joined with ``+``."""
        return "+".join(source.name for source in [*self.meters, self.stalls] if source is not None)


def one(meter: Meter) -> Sources:
    """Return a single meter as sources."""
    return Sources([meter], None, meter)


def _automatic(root: Path) -> Sources:
    meters: list[Meter] = []
    with suppress(Unavailable):
        meters.append(GroupMeter(root))
    with suppress(Unavailable):
        meters.append(ResourceMeter())
    stalls = None
    with suppress(Unavailable):
        stalls = StallMeter(root)
    meters = meters or [ResidentMeter(root)]
    return Sources(meters, stalls, meters[0])


SOURCES: dict[str, Callable[[Path], Sources]] = {
    "auto": _automatic,
    "cgroup": lambda root: one(GroupMeter(root)),
    "rlimit": lambda root: one(ResourceMeter()),
    "pressure": lambda root: Sources([], StallMeter(root), ResidentMeter(root)),
    "resident": lambda root: one(ResidentMeter(root)),
}


def find_sources(name: str, root: Path = Path("/")) -> Sources:
    """Return the sources of that name.

    Raises
    ------
    ValueError
        If there is no such name.
    Unavailable
        If the system does not offer it.
    """
    if name not in SOURCES:
        names = ", ".join(map(repr, SOURCES))
        raise ValueError(f"source must be one of {names}, or an object that reads, not {name!r}")
    try:
        return SOURCES[name](root)
    except Unavailable as error:
        raise Unavailable(f"source={name!r} is not available here: {error}") from None
