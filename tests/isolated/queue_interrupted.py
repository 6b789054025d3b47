"""Interrupts a put that waits after its item has entered, and before its thread is awake.

Prints what came of it: the exception, items, gets and what is not done.
"""

import signal
import threading
import time
from typing import Any

from bytebound import BoundedQueue


class Interrupted(Exception):
    pass


def interrupt(_number: int, _frame: object) -> None:
    """Make room for the item that waits; then it is in, and its thread is here."""
    queue.get()
    raise Interrupted


queue: BoundedQueue[Any] = BoundedQueue(max_items=1)
queue.put("old")
queue.task_done()
signal.signal(signal.SIGUSR1, interrupt)


def send() -> None:
    while queue.stats().waiting_producers == 0:
        time.sleep(0.001)
    time.sleep(0.05)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


threading.Thread(target=send).start()
before = queue.stats().gets
try:
    queue.put(object())
    told = "nothing"
except Interrupted:
    told = "interrupted"
found = queue.stats()
queue._validate()
print(told, len(queue), found.gets - before - 1, found.unfinished)
