"""collections.deque's interface over a ring that counts bytes: change the import, keep the code."""

from collections.abc import Callable, Iterable
from reprlib import recursive_repr
from typing import Any, Literal, TypeVar

from bytebound._native.budget import Budget
from bytebound._native.ring import RingBuffer
from bytebound._native.units import MAX_SIZE

__all__ = ["deque"]

_T = TypeVar("_T")


class deque(RingBuffer[_T]):
    """A `RingBuffer` that is made like ``collections.deque``.

    Parameters
    ----------
    iterable : iterable, optional
        Items to begin with.
    maxlen : int, optional
        The most items; None for no such bound.
    max_bytes : int or str, optional
        The most bytes of items and slots, as for `RingBuffer`; None for no such bound, and then
        items are not measured deeply.
    sizer, on_evict, budget, name
        As for `RingBuffer`.

    Examples
    --------
    >>> from bytebound.compat.collections import deque
    >>> recent = deque("abcd", maxlen=3)
    >>> recent
    deque(['b', 'c', 'd'], maxlen=3)
    >>> recent.rotate(1)
    >>> recent.popleft()
    'd'
    """

    __slots__ = ()

    def __init__(
        self,
        iterable: Iterable[_T] = (),
        maxlen: int | None = None,
        *,
        max_bytes: int | str | None = None,
        sizer: Literal["deep", "shallow"] | Callable[[_T], int] | None = None,
        on_evict: Callable[[_T, str], object] | None = None,
        budget: Budget | None = None,
        name: str | None = None,
    ) -> None:
        measured = max_bytes is not None or budget is not None
        if max_bytes is None and maxlen is None:
            max_bytes = MAX_SIZE
        super().__init__(
            iterable,
            maxlen,
            max_bytes,
            sizer=sizer or ("deep" if measured else "shallow"),
            on_evict=on_evict,
            budget=budget,
            name=name,
        )

    def __repr__(self) -> str:
        return _represent(self)


@recursive_repr("[...]")
def _represent(items: deque[Any]) -> str:
    bounds = {"maxlen": items.maxlen, "max_bytes": items.max_bytes}
    told = "".join(
        f", {name}={value}" for name, value in bounds.items() if value not in (None, MAX_SIZE)
    )
    return f"{type(items).__name__}({list(items)!r}{told})"
