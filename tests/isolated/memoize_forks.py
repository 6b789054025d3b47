"""Forks beside threads that compute memoized results; prints "ok" if no child waits for them.

In a process of its own, since a fork beside threads is not for one that has others.
"""

import asyncio
import os
import threading
import traceback
import warnings
from collections.abc import Callable
from time import sleep
from typing import Any

from bytebound import memoize

# Python warns of any fork beside threads; that is what this is about.
warnings.simplefilter("ignore", DeprecationWarning)


def in_child(check: Callable[[], object]) -> None:
    """Run a check in a fork, and fail if it does, or if it takes long."""
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
    for _ in range(2000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child waits for ever")


def equal(value: Any, expected: Any) -> None:
    assert value == expected, (value, expected)


parent = os.getpid()
led = threading.Event()
go_on = threading.Event()


@memoize
def slow(number: int) -> int:
    if os.getpid() == parent:
        led.set()
        go_on.wait(60)
    return number + 1


@memoize
async def slow_coroutine(number: int) -> int:
    if os.getpid() == parent:
        led.set()
        go_on.wait(60)
    return number + 1


@memoize
def forking(number: int) -> int:
    """Forks while it leads: the child goes on with what it computes."""
    if number == 0:
        in_child(lambda: equal(slow(5), 6))
        return 0
    return number + forking(number - 1)


# What another thread was computing, the child computes.
threads = [
    threading.Thread(target=slow, args=(1,)),
    threading.Thread(target=lambda: asyncio.run(slow_coroutine(1))),
]
for thread in threads:
    led.clear()
    thread.start()
    assert led.wait(30)
waiter = threading.Thread(target=slow, args=(1,))
waiter.start()
in_child(lambda: equal((slow(1), slow(1), slow.cache_info().items), (2, 2, 1)))
in_child(lambda: equal(asyncio.run(slow_coroutine(1)), 2))
equal(forking(3), 6)
go_on.set()
for thread in [*threads, waiter]:
    thread.join(30)
equal((slow(1), slow.cache_info().items), (2, 1))
print("ok")
