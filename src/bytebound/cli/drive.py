"""Serving requests for some time, and sampling memory between them."""

import sys
import time
from collections.abc import Callable

from bytebound.cli.measure import Series, resident_nbytes
from bytebound.cli.workload import Agent

OnSample = Callable[[float, int, int], bool]


def drive(
    agent: Agent,
    series: Series,
    on_sample: OnSample,
    *,
    seconds: float,
    max_requests: int = sys.maxsize,
) -> int:
    """Let an agent serve until time is up.

    Parameters
    ----------
    agent : Agent
        Serves the requests.
    series : Series
        Takes the samples, and says how often; the last one is taken at the very end.
    on_sample : callable
        Is given seconds since the start, resident bytes and requests served; returns whether
        to go on.
    seconds : float
        How long.
    max_requests : int, optional
        Stop after so many requests.

    Returns
    -------
    int
        Requests served.
    """
    start = time.perf_counter()
    due = 0.0
    served = 0
    while True:
        elapsed = time.perf_counter() - start
        is_over = elapsed >= seconds or served >= max_requests
        if is_over or elapsed >= due:
            nbytes = resident_nbytes()
            series.append(elapsed, nbytes)
            if not on_sample(elapsed, nbytes, served) or is_over:
                return served
            due = elapsed + series.interval
        agent.serve()
        served += 1
