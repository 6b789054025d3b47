"""What the tests of BoundedQueue share."""

import time
from collections.abc import Callable
from typing import Any

from bytebound import BoundedQueue

AnyQueue = BoundedQueue[Any]
SLOT = 16  # bytes that an item takes beside its own


class Block:
    """An item that the sizer `taken_at_its_word` takes at its word."""

    __slots__ = ("__weakref__", "nbytes")

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def __repr__(self) -> str:
        return f"Block({self.nbytes})"


def word(item: Any) -> int:
    """Say of a Block what it says of itself; anything else is 10 bytes."""
    return item.nbytes if isinstance(item, Block) else 10


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for what another thread is about to do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def until_waiting(queue: AnyQueue, producers: int = 0, consumers: int = 0) -> None:
    """Wait until so many wait at a queue."""
    until(lambda: queue.stats()[3:5] == (producers, consumers))


def check_idle(queue: AnyQueue) -> None:
    """Check that a queue is in order and that nobody waits."""
    queue._validate()
    assert queue.stats()[3:5] == (0, 0)
    assert queue.max_bytes is None or queue.peak_nbytes <= queue.max_bytes
