"""How much memory is used, less what a budget gave up and the heap kept.

What leaves a budget need not come back to the system. If a governor looked at used memory alone,
trimming would seem to be in vain, and it would trim again and again, down to nothing. But what the
heap keeps is not lost: it serves the next allocations, and used memory does not grow while the
budget is filled again:

    used  |########### budget ###########|####### all else #######|
    used  |###### budget ######|  free   |####### all else #######|    trimmed, and it stayed

A gauge therefore keeps account of the free part and reads ``used - free``, which falls by just what
left the budget, whatever the heap does. That is an estimate: others take free memory without a
sign, or it lies in pieces too small for them. But then used memory grows although some is thought
to be free, so a little growth takes much off the estimate. What used memory falls by is taken off
as it is: that came back after all.
"""

from typing import Protocol

from bytebound.system.usage import Meter, Usage

# How many bytes are no longer thought to be free for each by which used memory grew.
DOUBT = 8


class Trimmable(Protocol):
    """A budget, or anything else that counts bytes and can give some of them back."""

    @property
    def nbytes(self) -> int:
        """int: Bytes held now."""

    def trim(self, target_bytes: int) -> int:
        """Evict down to `target_bytes`, or as far as possible; return the bytes given back."""


class Gauge:
    """A meter beside a budget.

    Attributes
    ----------
    meter : Meter
        What it reads.
    used, held : int
        Bytes used and bytes in the budget when that was last looked at.
    usage : Usage
        What was made of it.
    """

    def __init__(self, meter: Meter, budget: Trimmable) -> None:
        self.meter = meter
        self._budget = budget
        self.used = self.held = 0
        # How far the budget can be filled with memory that is free already.
        self._served = 0

    @property
    def free(self) -> int:
        """int: Bytes that left the budget, and that the heap has kept since."""
        return max(0, self._served - self.held)

    def read(self) -> Usage:
        """Set and return `usage`: what is used, less what is free, of the limit."""
        used, limit = self.meter.read()
        self._served -= max(self.used - used, DOUBT * (used - self.used))
        self.used, self.held = used, self._budget.nbytes
        self.usage = Usage(used - self.free, limit)
        return self.usage

    def settle(self, trimmed: int) -> None:
        """Read after a trim: what is beside the budget now, and was not before, is what stayed."""
        free, beside = self.free, self.used - self.held
        self.used, limit = self.meter.read()
        self.held = self._budget.nbytes
        stayed = min(self.used - self.held - beside, trimmed)
        self._served = self.held + max(0, free + stayed)
        self.usage = Usage(self.used - self.free, limit)
