"""What is done when too much memory is used, and the record of it."""

import gc
from time import monotonic
from typing import NamedTuple

from bytebound.pressure.gauge import Gauge, Trimmable
from bytebound.system.heap import give_back_heap
from bytebound.system.usage import Usage

# Usage trembles. Where the budget had nothing to give, growth by less than this part of what is
# between high and low is nothing to act on again.
TREMOR = 0.125

# A collection stops every thread, for seconds if there are tens of millions of objects. After one
# there is none for this many times as long.
REST = 10


class Relief(NamedTuple):
    """What a governor did once, and what each step gave back.

    Attributes
    ----------
    source : str
        What called for it: ``"cgroup"``, ``"rlimit"``, ``"resident"``, ``"pressure"``, or the
        `name` of a meter of one's own.
    limit : int
        The limit in bytes that memory was measured against.
    used_before, used_after : int
        Bytes used of it.
    trimmed_nbytes : int
        Bytes that left the budget, as it counts them; 0 if it had nothing to give.
    trim_nbytes, collect_nbytes, heap_nbytes : int
        By how many bytes used memory fell while the budget was trimmed, while garbage was
        collected, and while free heap was given back. Below zero if more was allocated meanwhile.
    collected_objects : int
        Unreachable objects that were found. 0 also if garbage was collected so recently that it
        was left out.
    free_nbytes : int
        Bytes that left the budget, now or earlier, and that the heap keeps for what comes next.
    """

    source: str
    limit: int
    used_before: int
    used_after: int
    trimmed_nbytes: int
    trim_nbytes: int
    collect_nbytes: int
    heap_nbytes: int
    collected_objects: int
    free_nbytes: int

    @property
    def given_back_nbytes(self) -> int:
        """int: By how many bytes used memory fell."""
        return self.used_before - self.used_after


class Reliever:
    """Decides by one gauge whether to act, and how much is to leave the budget.

    Once above `high` it acts at each look until it reads less than `low`. It never takes more than
    half of the budget at once: if the memory is not the budget's at all, it shall not be emptied
    before anybody can react.
    """

    def __init__(self, gauge: Gauge, budget: Trimmable, high: float, low: float) -> None:
        self.gauge = gauge
        self._budget = budget
        self._high = high
        self._low = low
        self._acting = False
        # What was used when the budget had nothing to give.
        self._in_vain: int | None = None
        self._rested_at = 0.0

    def relieve(self, usage: Usage) -> Relief | None:
        """Act if the gauge reads too much; None if there is nothing to do."""
        low, high = self._low * usage.limit, self._high * usage.limit
        if usage.nbytes <= low:
            self._acting, self._in_vain = False, None
        self._acting = self._acting or usage.nbytes > high
        if not self._acting:
            return None
        if self._in_vain is not None and usage.nbytes <= self._in_vain + TREMOR * (high - low):
            return None
        relief = self._act(self.gauge.meter.name, usage, usage.nbytes - int(low))
        left = self.gauge.usage.nbytes
        self._acting = left > low
        self._in_vain = None if relief.trimmed_nbytes else left
        return relief

    def relieve_stall(self, source: str) -> Relief:
        """Trim as large a part of the budget as `low` is below `high`: a stall tells no bytes."""
        part = (self._high - self._low) / self._high
        return self._act(source, self.gauge.read(), int(self._budget.nbytes * part) + 1)

    def _act(self, source: str, usage: Usage, excess: int) -> Relief:
        """Trim, collect garbage, give heap back, and measure after each."""
        gauge, meter = self.gauge, self.gauge.meter
        before, held = gauge.used, gauge.held
        trimmed = self._budget.trim(held - min(excess, (held + 1) // 2))
        after_trim = meter.read()[0]
        collected = self._collect()
        after_collect = meter.read()[0]
        give_back_heap()
        gauge.settle(trimmed)
        return Relief(
            source=source,
            limit=usage.limit,
            used_before=before,
            used_after=gauge.used,
            trimmed_nbytes=trimmed,
            trim_nbytes=before - after_trim,
            collect_nbytes=after_trim - after_collect,
            heap_nbytes=after_collect - gauge.used,
            collected_objects=collected,
            free_nbytes=gauge.free,
        )

    def _collect(self) -> int:
        """Collect garbage unless that was just done; return how many objects were found."""
        start = monotonic()
        if start < self._rested_at:
            return 0
        found = gc.collect()
        self._rested_at = start + (1 + REST) * (monotonic() - start)
        return found
