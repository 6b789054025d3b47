"""Act before the kernel does: keep a budget, and with it the process, inside what there is."""

from bytebound.pressure.governor import Governor
from bytebound.pressure.lookout import GovernorStats
from bytebound.pressure.relief import Relief

__all__ = ["Governor", "GovernorStats", "Relief"]
