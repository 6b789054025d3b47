"""Work done by many threads at once, for every test of threads."""

import os
import random
import threading
from collections.abc import Callable

SECONDS = float(os.environ.get("BYTEBOUND_THREAD_SECONDS", "1.0"))


def run_threads(*workers: Callable[[random.Random], object], seconds: float = SECONDS) -> None:
    """Call each worker in a thread of its own, again and again; raise what any raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(workers))
    stop = threading.Event()

    def run(worker: Callable[[random.Random], object], seed: int) -> None:
        chance = random.Random(seed)
        barrier.wait()
        try:
            while not stop.is_set():
                worker(chance)
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [
        threading.Thread(target=run, args=(worker, seed)) for seed, worker in enumerate(workers)
    ]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
