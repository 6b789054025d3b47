"""`Governor`: trims a budget before the process runs out of memory."""

import os
import threading
import weakref
from collections.abc import Callable
from math import isfinite
from types import TracebackType
from typing import Self

from bytebound.pressure.gauge import Trimmable
from bytebound.pressure.lookout import GovernorStats, Lookout
from bytebound.pressure.relief import Relief
from bytebound.pressure.watch import Watch
from bytebound.system.limits import checked_fraction
from bytebound.system.usage import Meter


class Governor:
    """Keep the process inside what the machine gives it, by trimming a budget.

    It looks from time to time at how much memory is used. Above `high` it trims the budget,
    collects garbage and gives free heap back to the system, in rounds, until less than `low` is
    used. It stops earlier if that does not help: the budget has nothing more to give, for what it
    guarantees its members and what is pinned or in use stays, or what it gives up stays in the
    process.

    Parameters
    ----------
    budget : Budget
        What is trimmed. Any other object with `nbytes` and ``trim(target_bytes)`` will do, such as
        a single `LRUCache`.
    high, low : float
        Shares of the limit, ``0 < low < high <= 1``.
    interval : float
        The longest time between two looks, in seconds. The faster memory grows, the sooner it looks
        again, but not within 0.01 s.
    source : str or object
        What is looked at:

        - ``"cgroup"``: memory that the kernel cannot reclaim (anonymous, shared and its own; not
          page cache) against the limits of the process's control group and all above it.
        - ``"rlimit"``: mapped memory against ``RLIMIT_AS`` and ``RLIMIT_DATA``.
        - ``"pressure"``: time lost waiting for memory (PSI), in the own control group if it is of
          version 2, else on the whole machine. A loss of 0.2 s within 2 s counts as too much;
          `high` and `low` then say which part of the budget is trimmed, ``1 - low / high``. Where
          the system lets it set a trigger, that wakes the thread.
        - ``"resident"``: resident memory against the smallest limit that there is.
        - ``"auto"``: the first three as far as they are there; resident memory if neither of the
          first two is.
        - An object with a `name` and a method ``read()`` that returns a pair, bytes used and the
          limit in bytes, or raises OSError.
    on_pressure : callable, optional
        Called with a `Relief` each time that it acted, by the thread that did. What it raises in
        the governor's thread goes to `threading.excepthook`, and the governor goes on.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    RuntimeError
        If the named source is not available here. The message says why.

    Notes
    -----
    One daemon thread, from `start` to `stop` or in a ``with``; until it is stopped it keeps the
    governor alive. After a fork the child has none until it starts its own. Errors of a source (its
    files may vanish) go to `threading.excepthook` as well, the first of a kind in a row only, and
    the sources are looked up anew.

    Safe to use from several threads, with and without the GIL. A look takes some tens of
    microseconds, a relief as long as the evictions and ``gc.collect()``.

    No look prevents what happens between two of them: what allocates the last tenth of the limit
    within a hundredth of a second is not stopped.

    Examples
    --------
    >>> from bytebound import Budget, Governor, LRUCache
    >>> budget = Budget("64MiB")
    >>> pages = LRUCache("64MiB", budget=budget)
    >>> with Governor(budget, interval=5) as governor:
    ...     pages["index"] = "<html>"
    >>> governor.running
    False
    """

    def __init__(
        self,
        budget: Trimmable,
        *,
        high: float = 0.9,
        low: float = 0.8,
        interval: float = 1.0,
        source: str | Meter = "auto",
        on_pressure: Callable[[Relief], object] | None = None,
    ) -> None:
        if not hasattr(budget, "nbytes") or not callable(getattr(budget, "trim", None)):
            raise TypeError(f"budget must be a Budget, not {type(budget).__name__}")
        if checked_fraction("low", low) >= checked_fraction("high", high):
            raise ValueError(f"low must be below high, but {low!r} is not below {high!r}")
        if on_pressure is not None and not callable(on_pressure):
            raise TypeError(f"on_pressure must be callable, not {type(on_pressure).__name__}")
        self._budget = budget
        self._high = high
        self._low = low
        self._interval = _checked_interval(interval)
        self._lookout = Lookout(budget, high, low, self._interval, source, on_pressure)
        self._watch: Watch | None = None
        self._lock = threading.Lock()
        _governors.add(self)

    @property
    def budget(self) -> Trimmable:
        """Budget: What is trimmed."""
        return self._budget

    @property
    def high(self) -> float:
        """float: The share of the limit above which it acts."""
        return self._high

    @property
    def low(self) -> float:
        """float: The share of the limit below which it is content."""
        return self._low

    @property
    def interval(self) -> float:
        """float: The longest time between two looks, in seconds."""
        return self._interval

    @property
    def source(self) -> str:
        """str: What it looks at, names joined with ``+``."""
        return self._lookout.names

    @property
    def last(self) -> Relief | None:
        """Relief or None: What it did last."""
        return self._lookout.last

    @property
    def running(self) -> bool:
        """bool: Whether its thread runs, in this process."""
        return self._watch is not None

    def stats(self) -> GovernorStats:
        """Return what was done so far, by the thread and by `step`."""
        return self._lookout.stats

    def start(self) -> Self:
        """Start the thread, if it does not run.

        Raises
        ------
        RuntimeError
            If no thread can be started.
        """
        with self._lock:
            if self._watch is None:
                watch = Watch(self._thread_step, self._lookout.open_trigger())
                watch.start()
                self._watch = watch
        return self

    def stop(self) -> None:
        """End the thread and wait for that, if it runs.

        In `on_pressure` it does not wait; the thread ends when that returns.
        """
        with self._lock:
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def __enter__(self) -> Self:
        """Start the thread."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the thread."""
        self.stop()

    def step(self) -> Relief | None:
        """Look once, and act if that is needed, without a thread.

        Returns
        -------
        Relief or None
            What was done; None if nothing had to be, or if the governor is just at it, in another
            thread or further up in this one.

        Raises
        ------
        OSError
            If a source cannot be read.
        Exception
            What `on_pressure` or a callback of a container raises.

        Examples
        --------
        >>> from bytebound import Governor, LRUCache
        >>> class Half:
        ...     name = "half"
        ...
        ...     def read(self):
        ...         return 50, 100
        >>> Governor(LRUCache("1MiB"), source=Half()).step() is None
        True
        """
        return self._lookout.step()

    def __reduce__(self) -> str:
        """Refuse to be copied and pickled."""
        raise TypeError("a Governor cannot be copied or pickled: it watches over one process")

    def __repr__(self) -> str:
        """Say what it watches and whether it does."""
        state = "running" if self.running else "stopped"
        return (
            f"<Governor of {self._budget!r}: {self.source}, "
            f"high={self._high}, low={self._low}, {state}>"
        )

    def _thread_step(self, fired: bool) -> float:
        return self._lookout.thread_step(fired)

    def _after_fork(self) -> None:
        """Start afresh in the child, which has no thread, and others may have held the locks."""
        watch, self._watch = self._watch, None
        self._lock = threading.Lock()
        self._lookout.after_fork()
        if watch is not None:
            watch.abandon()


def _checked_interval(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"interval must be a float, not {type(value).__name__}")
    if not (isfinite(value) and value > 0):
        raise ValueError(f"interval must be above 0 and finite, not {value!r}")
    return float(value)


_governors: weakref.WeakSet[Governor] = weakref.WeakSet()


def _after_fork() -> None:
    for governor in list(_governors):
        governor._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
