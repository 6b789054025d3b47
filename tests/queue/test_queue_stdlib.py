"""CPython's own tests of queue.Queue, SimpleQueue and asyncio.Queue, of the running interpreter.

Not taken: LifoQueue and PriorityQueue (a BoundedQueue has one order), and FailingQueueTest (which
fails the hooks `_put` and `_get` of subclasses; a BoundedQueue has none).
"""

import asyncio
import importlib.util
import math
import queue
import types
import unittest
from collections.abc import Callable
from typing import Any

import pytest

from bytebound import BoundedQueue, ShutDown

UNBOUNDED = "1EiB"

# What is not asked of a BoundedQueue, and why.
EXCEPTIONS = {
    "test_repr": "shows what asyncio.Queue has inside",
    "test_str": "shows what asyncio.Queue has inside",
    "test_format": "shows what asyncio.Queue has inside",
    "test_get_with_putters": "puts a future of its own among the waiting",
}


def load(name: str) -> types.ModuleType:
    """Load a module of CPython's tests for us alone; skip by name where they are not shipped."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.loader is None:
        pytest.skip(f"this interpreter ships without {name}", allow_module_level=True)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bounded(maxsize: float) -> BoundedQueue[Any]:
    if maxsize <= 0:
        return BoundedQueue(UNBOUNDED)
    return BoundedQueue(max_items=math.ceil(maxsize))


class ThreadQueue:
    """queue.Queue's signatures."""

    def __init__(self, maxsize: float = 0) -> None:
        self.bounded = bounded(maxsize)
        self.maxsize = maxsize

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bounded, name)

    @property
    def unfinished_tasks(self) -> int:
        return self.bounded.stats().unfinished

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        if block:
            self.bounded.put(item, timeout)
        else:
            self.bounded.put_nowait(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        return self.bounded.get(timeout) if block else self.bounded.get_nowait()


ThreadQueue.__name__ = "Queue"  # by which the tests know the order to expect


class Waiting:
    """How many wait, as the length of a list of them."""

    def __init__(self, count: Callable[[], int]) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count()


class TaskQueue:
    """asyncio.Queue's signatures."""

    __class_getitem__: Any = classmethod(types.GenericAlias)

    def __init__(self, maxsize: float = 0) -> None:
        self.bounded = bounded(maxsize)
        self.maxsize = maxsize
        self.put, self.get, self.join = (
            self.bounded.aput,
            self.bounded.aget,
            self.bounded.ajoin,
        )
        self._putters = Waiting(lambda: self.bounded.stats().waiting_producers)
        self._getters = Waiting(lambda: self.bounded.stats().waiting_consumers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bounded, name)


class Asyncio(types.ModuleType):
    """The module asyncio with another Queue."""

    Queue = TaskQueue
    QueueEmpty = queue.Empty
    QueueFull = queue.Full
    QueueShutDown = ShutDown

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


threads = load("test.test_queue")
tasks = load("test.test_asyncio.test_queues")
tasks.asyncio = Asyncio("asyncio")  # type: ignore[attr-defined]


def expect(test_class: type[unittest.TestCase]) -> type[unittest.TestCase]:
    """Skip what is named above, each with its reason."""
    for name in EXCEPTIONS.keys() & set(dir(test_class)):
        skipped = unittest.skip(EXCEPTIONS[name])(getattr(test_class, name))
        setattr(test_class, name, skipped)
    return test_class


class TestQueue(threads.QueueTest, unittest.TestCase):  # type: ignore[misc,name-defined]
    """queue.Queue."""

    queue = types.SimpleNamespace(
        Queue=ThreadQueue, Empty=queue.Empty, Full=queue.Full, ShutDown=ShutDown
    )


class TestSimpleQueue(threads.BaseSimpleQueueTest, unittest.TestCase):  # type: ignore[misc,name-defined]
    """queue.SimpleQueue."""

    queue = queue
    test_reentrancy = threads.CSimpleQueueTest.test_reentrancy

    def setUp(self) -> None:
        self.type2test = ThreadQueue
        super().setUp()


for _name in dir(tasks):
    _class = getattr(tasks, _name)
    if (
        isinstance(_class, type)
        and issubclass(_class, unittest.TestCase)
        and not _name.startswith(("Lifo", "Priority"))
    ):
        _members = {"q_class": TaskQueue} if hasattr(_class, "q_class") else {}
        globals()[f"Test{_name}"] = expect(type(f"Test{_name}", (_class,), _members))


def test_the_exceptions_are_still_there() -> None:
    for name in EXCEPTIONS:
        assert any(hasattr(member, name) for member in vars(tasks).values())
