"""Forks under a running governor; prints "ok" when the children found what they should.

In a process of its own, since a fork beside threads is not for one that has others.
"""

import os
import threading
import traceback
import warnings
from collections.abc import Callable
from time import sleep

from bytebound import Governor, LRUCache

# Python warns of any fork beside threads; that is what this is about.
warnings.simplefilter("ignore", DeprecationWarning)


class Meter:
    name = "meter"

    def __init__(self) -> None:
        self.looks = 0

    def read(self) -> tuple[int, int]:
        self.looks += 1
        return 95, 100


def in_child(check: Callable[[], object]) -> None:
    """Run a check in a fork, and fail if it does."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def check_child() -> None:
    assert threading.active_count() == 1
    assert not governor.running
    assert governor.stats().looks > 0
    governor.stop()
    assert descriptors() == before, "the thread's descriptors are closed"
    looks = meter.looks
    sleep(0.05)
    assert meter.looks == looks
    governor.step()
    assert meter.looks > looks
    with governor:
        assert governor.running
        in_child(lambda: None)
        looks = meter.looks
        while meter.looks == looks:
            sleep(0.01)
    assert not governor.running


def check_child_of_the_thread() -> None:
    assert governor.step() is not None, "the locks are free"
    governor.start()
    governor.stop()


def fork_while_it_works(relief: object) -> None:
    """Fork from the governor's own thread, which holds its locks."""
    if not told.is_set():
        told.set()  # in the child too, where it must not fork again
        in_child(check_child_of_the_thread)
        forked.set()


meter = Meter()
told = threading.Event()
forked = threading.Event()
cache = LRUCache[int, bytes]("1MiB")
before = descriptors()
governor = Governor(cache, source=meter, interval=0.01)
with governor:
    while governor.stats().looks < 2:
        sleep(0.01)
    in_child(check_child)
    assert governor.running
assert descriptors() == before

cache[0] = b"what can be trimmed"
governor = Governor(cache, source=meter, interval=0.01, on_pressure=fork_while_it_works)
with governor:
    assert forked.wait(30)
print("ok")
