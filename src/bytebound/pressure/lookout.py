"""One look at how much memory is used, what is done about it, and when to look again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

from bytebound.pressure.gauge import Gauge, Trimmable
from bytebound.pressure.relief import Relief, Reliever
from bytebound.pressure.watch import report
from bytebound.system.sources import find_sources, one
from bytebound.system.stalls import StallMeter
from bytebound.system.usage import Meter

# However fast memory grows, looks are this many seconds apart, so that they cost little.
SHORTEST_PAUSE = 0.01


class GovernorStats(NamedTuple):
    """What a governor did so far.

    Attributes
    ----------
    looks : int
        How often it read its sources.
    reliefs : int
        How often it had to act.
    failures : int
        Looks and callbacks of the thread that ended in an exception.
    trimmed_nbytes : int
        Bytes that left the budget, as it counts them.
    given_back_nbytes : int
        By how many bytes used memory fell in the reliefs.
    collected_objects : int
        Unreachable objects that were found.
    """

    looks: int = 0
    reliefs: int = 0
    failures: int = 0
    trimmed_nbytes: int = 0
    given_back_nbytes: int = 0
    collected_objects: int = 0


class _Posts(NamedTuple):
    """A reliever for each meter that is read, one for stalls, and what tells of those."""

    relievers: list[Reliever]
    stalls: StallMeter | None
    for_stalls: Reliever


class Lookout:
    """Reads the sources, has the budget trimmed, tells and counts; by whichever thread calls."""

    # None if the sources are to be looked up.
    _posts: _Posts | None

    def __init__(
        self,
        budget: Trimmable,
        high: float,
        low: float,
        interval: float,
        source: str | Meter,
        on_pressure: Callable[[Relief], object] | None,
    ) -> None:
        self.stats = GovernorStats()
        self.last: Relief | None = None
        self._budget = budget
        self._high = high
        self._low = low
        self._interval = interval
        self._source = source
        self._on_pressure = on_pressure
        self._start_afresh()
        self._posts = self._find_posts()

    def _start_afresh(self) -> None:
        self._posts = None
        # Taken without waiting only: who finds it taken has nothing to do.
        self._lock = threading.Lock()
        # The type of the last look's exception, in the thread.
        self._failing: type[BaseException] | None = None
        self._rate = self._seen_share = 0.0
        self._seen_at = monotonic()
        self._pause = self._interval

    # In the child of a fork, others may have held the lock, and the sources told of the parent.
    after_fork = _start_afresh

    def open_trigger(self) -> int | None:
        """Return a descriptor that polls POLLPRI when it is time to look; None if there is none."""
        stalls = (self._posts or self._find_posts()).stalls
        return None if stalls is None else stalls.open_trigger()

    def step(self) -> Relief | None:
        """Look once and act if needed; None if nothing was done. Raises what is raised."""
        with self._turn() as mine:
            if not mine:
                return None
            relief = self._look(fired=False)
            self._tell(relief)
            return relief

    def thread_step(self, fired: bool) -> float:
        """Do what `step` does, report what is raised, and return the seconds until the next."""
        with self._turn() as mine:
            if not mine:
                return SHORTEST_PAUSE
            try:
                relief = self._look(fired)
            except BaseException as error:
                # A file that is gone is gone at the next look too: once is enough.
                self._fail(error, known=type(error) is self._failing)
                self._failing = type(error)
                return self._interval
            self._failing = None
            try:
                self._tell(relief)
            except BaseException as error:
                self._fail(error, known=False)
            return self._pause

    def _find_posts(self) -> _Posts:
        source = self._source
        if isinstance(source, str):
            sources = find_sources(source)
        elif callable(getattr(source, "read", None)) and hasattr(source, "name"):
            sources = one(source)
        else:
            raise TypeError(f"source must be a str or have name and read, not {source!r}")
        self.names = sources.names()
        return _Posts(
            [self._reliever(meter) for meter in sources.meters],
            sources.stalls,
            self._reliever(sources.yardstick),
        )

    def _reliever(self, meter: Meter) -> Reliever:
        return Reliever(Gauge(meter, self._budget), self._budget, self._high, self._low)

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Tell whether it is the caller's turn, which it is not while somebody else has it.

        Waiting instead would deadlock: trimming calls back, and what it calls may step again.
        """
        lock = self._lock  # a fork in here replaces it in the child
        mine = lock.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                lock.release()

    def _look(self, fired: bool) -> Relief | None:
        """Read the sources, act if that is needed, and count."""
        posts = self._posts or self._find_posts()
        self._posts = None  # if anything raises, they are looked up anew
        stalled = fired or (posts.stalls is not None and posts.stalls.stalled())
        readings = [(reliever.gauge.read(), reliever) for reliever in posts.relievers]
        readings.sort(key=lambda reading: reading[0].share, reverse=True)
        acts = (reliever.relieve(usage) for usage, reliever in readings)
        relief = next((relief for relief in acts if relief is not None), None)
        if relief is None and stalled:
            relief = posts.for_stalls.relieve_stall("pressure")
        self._posts = posts
        if readings:
            left = max(reliever.gauge.usage.share for _, reliever in readings)
            self._plan(readings[0][0].share, left)
        self._count(relief)
        return relief

    def _plan(self, before: float, after: float) -> None:
        """Set the next pause to half the time in which `high` could be reached.

        Memory may grow as fast as it lately did: the fastest rate seen, halved each interval.
        """
        now = monotonic()
        elapsed = max(now - self._seen_at, SHORTEST_PAUSE)
        rate = (before - self._seen_share) / elapsed
        self._rate = max(rate, self._rate * 0.5 ** (elapsed / self._interval))
        self._seen_share, self._seen_at = after, now
        room = max(0.0, self._high - after)
        self._pause = self._interval
        if self._rate * self._interval * 2 > room:
            self._pause = max(SHORTEST_PAUSE, room / self._rate / 2)

    def _count(self, relief: Relief | None) -> None:
        old = self.stats
        new = old._replace(looks=old.looks + 1)
        if relief is not None:
            self.last = relief
            new = new._replace(
                reliefs=old.reliefs + 1,
                trimmed_nbytes=old.trimmed_nbytes + relief.trimmed_nbytes,
                given_back_nbytes=old.given_back_nbytes + relief.given_back_nbytes,
                collected_objects=old.collected_objects + relief.collected_objects,
            )
        self.stats = new

    def _tell(self, relief: Relief | None) -> None:
        if relief is not None and self._on_pressure is not None:
            self._on_pressure(relief)

    def _fail(self, error: BaseException, known: bool) -> None:
        self.stats = self.stats._replace(failures=self.stats.failures + 1)
        if not known:
            report(error)
