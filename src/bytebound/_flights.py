"""One computation for all who want the result of one call at the same time.

A caller that finds no result enters a flight under its key. The one whose flight stays there
leads: it computes, keeps the result, takes the flight away and wakes the others, who have its
result or its exception from the flight. A leader that was interrupted (a task cancelled, a
thread by KeyboardInterrupt) leaves neither; then those it wakes try again, and one of them leads.

Nobody holds a lock. Everything here may run code of the users', if only because the collector
runs finalisers, and that code may call the same function. So each step is one operation of a
dict or list, which is atomic with the GIL and without.

Waiting could deadlock: a computation may want its own result, or two may want each other's.
Each context knows the flights that it computes (`_computing`, which tasks inherit from who
creates them). Who is going to wait tells those of its context for what; then it follows what
that flight's computation waits for in turn. If it comes back to its own, it computes instead of
waiting. Telling comes before looking, so of several that close a circle at once, one sees it.
What a thread waits for in other ways, such as joining another, is not seen.

A forked child has none of the threads that led flights, so it lets go of all of them.
"""

import os
from _thread import allocate_lock
from collections.abc import Callable, Hashable
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import partial
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any
from weakref import WeakSet

from bytebound._native.errors import BudgetExceededError

_NOTHING: Any = object()
_ONCE_ONLY: tuple[Any, ...] = (AsyncGeneratorType, CoroutineType, GeneratorType)

Arguments = tuple[Any, ...]
Named = dict[str, Any]
Table = dict[Hashable, "Flight"]


class Flight:
    """A computation, which runs while it is entered as a context manager; and who waits for it."""

    __slots__ = (
        "_flights", "_key", "_token", "error", "forgotten", "landed", "value", "waiters",
        "waits_for",
    )  # fmt: skip

    def __init__(self, flights: Table, key: Hashable) -> None:
        self._flights = flights
        self._key = key
        self._token: Token[tuple[Flight, ...]] | None = None
        self.landed = False
        self.forgotten = False  # its result must not be kept
        self.value = _NOTHING
        self.error: Exception | None = None
        self.waiters: list[Callable[[], object]] = []
        self.waits_for: list[Flight] = []

    def __enter__(self) -> None:
        self._token = _computing.set((*_computing.get(), self))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self.value = _NOTHING
            self.error = error if isinstance(error, Exception) else None
        try:
            _leave_context(self._token)
            if self._flights.get(self._key) is self:
                self._flights.pop(self._key, None)
        finally:
            self.landed = True
            while self.waiters:
                self.waiters.pop()()

    def is_wanted(self) -> bool:
        """Whether its result may be kept; it changes at any time."""
        return not self.forgotten

    def outcome(self) -> Any:
        """Return or raise what was computed; nothing, if it was interrupted."""
        if self.error is None:
            return self.value
        try:
            raise self.error
        finally:
            del self  # the error has this frame, and the flight the error

    def waits_on(self, computing: tuple["Flight", ...]) -> bool:
        """Whether its computation waits for one of those, at once or by way of others."""
        seen: set[Flight] = set()
        pending = [self]
        while pending:
            flight = pending.pop()
            if flight in computing:
                return True
            if flight not in seen:
                seen.add(flight)
                pending += tuple(flight.waits_for)
        return False


_computing: ContextVar[tuple[Flight, ...]] = ContextVar("bytebound_computing", default=())


def _leave_context(token: Token[tuple[Flight, ...]] | None) -> None:
    if token is not None:
        with suppress(ValueError):  # a coroutine that nobody runs any more is closed anywhere
            _computing.reset(token)


class _Waiting:
    """Tells, while entered, that the flights of this context wait for one; True if they may."""

    __slots__ = ("_computing", "_flight")

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._computing = _computing.get()

    def __enter__(self) -> bool:
        for own in self._computing:
            own.waits_for.append(self._flight)
        return not self._flight.waits_on(self._computing)

    def __exit__(self, *error: object) -> None:
        for own in self._computing:
            own.waits_for.remove(self._flight)


class Flights:
    """Answers those calls of a function that its cache does not.

    Parameters
    ----------
    function : callable
        What computes.
    cache : MutableMapping
        Where results are kept.
    """

    def __init__(self, function: Callable[..., Any], cache: Any) -> None:
        self._function = function
        self._cache = cache
        self._look = getattr(cache, "peek", cache.get)
        self._flights: Table = {}
        _everybody.add(self)
        # What makes of a result that is there already what the caller gets, if it is not itself.
        self.hit: Callable[[Any], Any] | None = None

    def answer(self, key: Hashable, args: Arguments, kwargs: Named) -> Any:
        """Compute the result of a call, or wait for who does."""
        outcome = _NOTHING
        while outcome is _NOTHING:
            mine = Flight(self._flights, key)
            flight = self._flights.setdefault(key, mine)
            try:
                if flight is mine:
                    with mine:
                        value = self._look(key, _NOTHING)
                        if value is _NOTHING:  # nobody has landed since this caller looked
                            value = self._checked(self._function(*args, **kwargs))
                            self._keep(mine, key, value)
                        outcome = mine.value = value
                elif self._wait(flight):
                    outcome = flight.outcome()
                else:
                    outcome = self._checked(self._function(*args, **kwargs))
            finally:
                del mine, flight  # they have the error, and that has this frame
        return outcome

    def _wait(self, flight: Flight) -> bool:
        """Wait for a flight, unless it waits for this caller."""
        with _Waiting(flight) as allowed:
            if allowed:
                gate = allocate_lock()
                gate.acquire()
                flight.waiters.append(gate.release)
                if not flight.landed:
                    gate.acquire()
        return allowed

    def _keep(self, flight: Flight, key: Hashable, value: Any) -> None:
        """Keep a result, if there is room for it and nobody has cleared the cache meanwhile."""
        try:
            if flight.is_wanted():
                self._cache[key] = value
                if not flight.is_wanted():
                    self._cache.pop(key, None)
        except (ValueError, BudgetExceededError):  # it is too large, or a budget is full
            pass

    def _checked(self, value: Any) -> Any:
        """Refuse what only one caller could use."""
        if isinstance(value, _ONCE_ONLY):
            kind = type(value).__name__.replace("_", " ")
            if isinstance(value, CoroutineType):
                value.close()
            raise TypeError(
                f"{self._name()} returned a {kind}, which can be used only once, so that it "
                "cannot be kept for the next call"
            )
        return value

    # ---- forgetting ----

    def forget_all(self) -> None:
        """Let go of every flight: later callers start anew, and no result of theirs is kept."""
        for flight in list(self._flights.values()):
            flight.forgotten = True
        self._flights.clear()

    def forget(self, key: Hashable) -> None:
        """Let go of the flight under a key."""
        flight = self._flights.pop(key, None)
        if flight is not None:
            flight.forgotten = True

    def abandon(self) -> None:
        """Let go of every flight after a fork: other threads, which led them, are not here."""
        self._flights.clear()

    # ---- refusing ----

    def _name(self) -> str:
        return f"{getattr(self._function, '__qualname__', repr(self._function))}()"

    def unhashable(self, call: tuple[Arguments, Named], key: object, error: TypeError) -> TypeError:
        """Return what to raise for a call whose key cannot be hashed."""
        if key is not None:
            return TypeError(f"what key= of {self._name()} returned cannot be hashed: {error}")
        args, kwargs = call
        for name, value in [*zip(_names(self._function, args), args, strict=True), *kwargs.items()]:
            try:
                hash(value)
            except TypeError:
                return TypeError(
                    f"argument {name!r} of {self._name()} cannot be hashed ({error}): "
                    "memoize(key=...) can make a key of the arguments, and memoize(ignore=...) "
                    "leave some out"
                )
        return error


def _names(function: Callable[..., Any], args: Arguments) -> list[str]:
    """Return what a function calls its positional arguments."""
    from inspect import signature

    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):  # of some built-in functions nobody knows
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    extra = range(max(len(args) - len(names), 0))
    return [*names[: len(args)], *(f"{rest}[{i}]" for i in extra)]


_everybody: WeakSet[Flights] = WeakSet()


def _after_fork() -> None:
    for flights in list(_everybody):
        flights.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


async def _ready(value: Any) -> Any:
    return value


class AsyncFlights(Flights):
    """The same for a coroutine function, whose callers are tasks of one event loop or several."""

    def __init__(self, function: Callable[..., Any], cache: Any) -> None:
        super().__init__(function, cache)
        self.hit = _ready

    async def answer(self, key: Hashable, args: Arguments, kwargs: Named) -> Any:
        """Compute the result of a call, or wait for who does."""
        outcome = _NOTHING
        while outcome is _NOTHING:
            mine = Flight(self._flights, key)
            flight = self._flights.setdefault(key, mine)
            try:
                if flight is mine:
                    with mine:
                        value = self._look(key, _NOTHING)
                        if value is _NOTHING:
                            value = self._checked(await self._function(*args, **kwargs))
                            self._keep(mine, key, value)
                        outcome = mine.value = value
                elif await self._wait_for(flight):
                    outcome = flight.outcome()
                else:
                    outcome = self._checked(await self._function(*args, **kwargs))
            finally:
                del mine, flight
        return outcome

    async def _wait_for(self, flight: Flight) -> bool:
        from asyncio import get_running_loop

        with _Waiting(flight) as allowed:
            if allowed:
                loop = get_running_loop()
                landing = loop.create_future()
                flight.waiters.append(partial(_wake, loop, landing))
                if not flight.landed:
                    await landing
        return allowed


def _wake(loop: Any, landing: Any) -> None:
    with suppress(RuntimeError):  # that loop is closed, and nobody waits there
        loop.call_soon_threadsafe(_settle, landing)


def _settle(landing: Any) -> None:
    if not landing.done():
        landing.set_result(None)
