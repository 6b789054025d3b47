"""The same load with plain dicts and lists, in a process of its own.

The parent says what to do in the command, as JSON; the child answers with a line of JSON for
each sample. The child cannot outlive its parent: its next sample would find nobody reading.
"""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bytebound.cli.corpus import find_corpus
from bytebound.cli.drive import OnSample, drive
from bytebound.cli.measure import Series, available_nbytes, resident_nbytes
from bytebound.cli.workload import Agent, PlainStore, warm_up

# The child is stopped when it has grown by this many times the bound, or by this much if
# that is more, and in any case by this part of the memory that the machine has left.
LIMIT_FACTOR = 8
LIMIT_FLOOR_NBYTES = 256 << 20
LIMIT_SHARE = 0.25


class Load(NamedTuple):
    """What to serve, and when to stop."""

    corpus: str | None
    seed: int
    seconds: float
    max_requests: int
    max_growth: int


class Baseline(NamedTuple):
    """How memory grew without a bound."""

    series: Series
    start_nbytes: int
    served: int
    ended: str

    @property
    def growth(self) -> int:
        """The most that memory grew, in bytes."""
        return max(self.series.nbytes) - self.start_nbytes


def safety_limit(max_bytes: int) -> int:
    """Return by how many bytes the baseline may grow."""
    share = int(available_nbytes() * LIMIT_SHARE)
    return min(max(LIMIT_FACTOR * max_bytes, LIMIT_FLOOR_NBYTES), share)


def run_baseline(load: Load, on_sample: OnSample) -> Baseline | None:
    """Run the load in a child process, which is gone when this returns.

    Parameters
    ----------
    load : Load
        What the child serves.
    on_sample : callable
        See `bytebound.cli.drive.drive`; its bytes are the growth.

    Returns
    -------
    Baseline or None
        None if the child was stopped, or failed, before its first sample.
    """
    series = Series()
    start_nbytes = served = 0
    ended = "stopped"
    with _child(load) as child:
        for line in _lines(child):
            if isinstance(line, str):
                ended = line
                break
            elapsed, nbytes, served = line
            start_nbytes = start_nbytes or nbytes
            series.append(elapsed, nbytes)
            if not on_sample(elapsed, nbytes - start_nbytes, served):
                break
        else:
            ended = "failed"
    return Baseline(series, start_nbytes, served, ended) if start_nbytes else None


@contextmanager
def _child(load: Load) -> Iterator["subprocess.Popen[str]"]:
    # The child imports what the parent did, whatever lies in the working directory. Its own
    # session keeps Ctrl-C away from it: the parent ends it.
    paths = os.pathsep.join(filter(None, sys.path))
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "bytebound.cli.baseline", json.dumps(load)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _lines(child: "subprocess.Popen[str]") -> Iterator[str | tuple[float, int, int]]:
    assert child.stdout is not None
    for line in child.stdout:
        yield json.loads(line)


def main() -> None:
    """Be the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load = Load(*json.loads(sys.argv[1]))
    corpus = find_corpus(Path(load.corpus) if load.corpus is not None else None)
    warm_up(corpus)
    gc.collect()
    start_nbytes = resident_nbytes()
    ended = ""

    def on_sample(elapsed: float, nbytes: int, served: int) -> bool:
        nonlocal ended
        print(json.dumps((elapsed, nbytes, served)), flush=True)
        if nbytes - start_nbytes >= load.max_growth:
            ended = "stopped at the safety limit"
        return not ended

    try:
        agent = Agent(corpus, PlainStore(), load.seed)
        served = drive(
            agent,
            Series(),
            on_sample,
            seconds=load.seconds,
            max_requests=load.max_requests,
        )
        done = served >= load.max_requests
        ended = ended or ("all requests served" if done else "time was up")
    except MemoryError:
        ended = "out of memory"
    except BrokenPipeError:
        os._exit(1)
    print(json.dumps(ended), flush=True)
    # Freeing all of it one by one would only take time.
    os._exit(0)


if __name__ == "__main__":
    main()
