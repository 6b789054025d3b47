"""SizeTracker and LRUCache(sizer="shared") used by several threads at once."""

import random
import threading
from collections.abc import Callable
from typing import Any

from hostile import AnyCache

from bytebound import SizeTracker, sizeof

THREADS = 4


def text(length: int) -> str:
    """Make a str that nobody else has."""
    return "".join(["x"] * length)


def in_threads(work: Callable[[int], object]) -> None:
    """Run a function in several threads that start together; raise what one of them raises."""
    start = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_that_add_and_remove() -> None:
    tracker = SizeTracker()
    shared = [text(500) for _ in range(20)]
    things = [[shared, number * 1.5] for number in range(50)]

    def work(number: int) -> None:
        chance = random.Random(number)
        added: list[Any] = []
        for _ in range(3000):
            if added and chance.random() < 0.5:
                tracker.remove(added.pop(chance.randrange(len(added))))
            else:
                thing = chance.choice(things)
                tracker.add(thing)
                added.append(thing)
            assert tracker.nbytes >= 0
        for thing in added[1:]:
            tracker.remove(thing)
        kept.extend(added[:1])

    kept: list[Any] = []
    in_threads(work)
    tracker._validate()
    assert tracker.nbytes == sizeof(*kept)
    for thing in kept:
        tracker.remove(thing)
    assert (tracker.nbytes, len(tracker)) == (0, 0)


def test_threads_that_audit_clear_and_look() -> None:
    tracker = SizeTracker()
    things = [[text(number)] for number in range(100)]

    def work(number: int) -> None:
        chance = random.Random(number)
        for step in range(500):
            tracker.add(chance.choice(things))
            if step % 50 == 0:
                audit = tracker.audit()
                assert audit.drift == 0
                tracker._validate()
            if step % 100 == 0:
                tracker.clear()
            assert len(tracker) <= len(things)
            assert sizeof(tracker) > 0

    in_threads(work)
    tracker._validate()


def test_threads_that_change_what_others_track() -> None:
    tracker = SizeTracker()
    shared: list[Any] = [text(10)]

    def work(number: int) -> None:
        chance = random.Random(number)
        for step in range(1000):
            thing = [shared, step]
            tracker.add(thing)
            if chance.random() < 0.3:
                shared.append(text(step % 50))
            elif chance.random() < 0.3:
                del shared[1:]
            tracker.remove(thing)

    in_threads(work)
    assert (tracker.nbytes, len(tracker)) == (0, 0)
    tracker._validate()


def test_threads_that_use_a_cache_that_shares() -> None:
    cache = AnyCache("100KiB", sizer="shared")
    snapshots = [[text(2000) for _ in range(10)] for _ in range(6)]

    def work(number: int) -> None:
        chance = random.Random(number)
        for step in range(2000):
            key = chance.randrange(300) * 1000
            choice = chance.random()
            if choice < 0.6:
                cache[key] = [chance.choice(snapshots), text(step % 100)]
            elif choice < 0.7:
                cache.put(key, step, size=chance.randrange(1000))
            elif choice < 0.8:
                cache.pop(key, None)
            elif choice < 0.9:
                cache.setdefault(key, [chance.choice(snapshots)])
            elif step % 20 == 0:
                cache.copy()._validate()
            else:
                cache.get(key)
            assert cache.nbytes <= cache.max_bytes
            if step % 100 == 0:
                cache._validate()

    in_threads(work)
    cache._validate()
    assert cache.audit().drift == 0
