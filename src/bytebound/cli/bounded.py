"""The load on an `LRUCache`, with its bound watched all the time."""

import gc
from typing import Any, NamedTuple

from bytebound import LRUCache
from bytebound.cli.corpus import Corpus
from bytebound.cli.drive import OnSample, drive
from bytebound.cli.measure import Series, peak_resident_nbytes, resident_nbytes, robust_slope
from bytebound.cli.workload import Agent, Key, warm_up


class StressResult(NamedTuple):
    """What a stress run found; sizes in bytes."""

    ops: int
    ops_per_s: float
    hit_ratio: float
    max_bytes: int
    nbytes: int
    peak_nbytes: int
    rss_start: int
    rss_peak: int
    rss_end: int
    rss_growth_ratio: float
    audit_drift: int
    slope_bytes_per_s: float
    baseline_rss_growth: int | None


class Bounded(NamedTuple):
    """A stress run: its result, its samples, and by how many bytes the bound was ever passed."""

    result: StressResult
    series: Series
    passed_by: int


class Watch:
    """A cache that is looked at in each eviction callback, at each sample, and at the end."""

    def __init__(self, max_bytes: int) -> None:
        self.passed_by = 0
        self.cache: LRUCache[Key, Any] = LRUCache(max_bytes, on_evict=self._on_evict, name="stress")

    def look(self, nbytes: int = 0) -> None:
        """Compare the bound with what the cache says it holds, and with a number of bytes."""
        over = max(nbytes, self.cache.nbytes) - self.cache.max_bytes
        self.passed_by = max(self.passed_by, over)

    def _on_evict(self, key: Key, value: Any, reason: str) -> None:
        self.look()


def run_bounded(
    corpus: Corpus, max_bytes: int, *, seed: int, seconds: float, on_sample: OnSample
) -> Bounded:
    """Serve requests from a cache, and measure how this process grows.

    Imports and the list of documents are loaded before, and are no growth. The documents
    themselves are read from disk again and again, and count for as long as they are held.

    Parameters
    ----------
    corpus : Corpus
        The documents.
    max_bytes : int
        The bound, in bytes.
    seed : int
        Decides all requests.
    seconds : float
        How long.
    on_sample : callable
        See `bytebound.cli.drive.drive`; its bytes are the growth.
    """
    warm_up(corpus)
    series = Series()
    gc.collect()
    peak_before = peak_resident_nbytes()
    rss_start = resident_nbytes()
    watch = Watch(max_bytes)

    def look(elapsed: float, rss: int, served: int) -> bool:
        watch.look()
        return on_sample(elapsed, rss - rss_start, served)

    ops = drive(Agent(corpus, watch.cache, seed), series, look, seconds=seconds)
    rss_peak, peak = max(series.nbytes), peak_resident_nbytes()
    if peak > peak_before:
        rss_peak = max(rss_peak, peak)
    stats, audit = watch.cache.stats(), watch.cache.audit()
    watch.look(max(stats.peak_nbytes, audit.measured))
    elapsed = series.seconds[-1]
    result = StressResult(
        ops=ops,
        ops_per_s=ops / elapsed,
        hit_ratio=stats.hit_ratio,
        max_bytes=stats.max_bytes,
        nbytes=stats.nbytes,
        peak_nbytes=stats.peak_nbytes,
        rss_start=rss_start,
        rss_peak=rss_peak,
        rss_end=series.nbytes[-1],
        rss_growth_ratio=(rss_peak - rss_start) / stats.max_bytes,
        audit_drift=audit.drift,
        slope_bytes_per_s=robust_slope(series, elapsed / 2),
        baseline_rss_growth=None,
    )
    return Bounded(result, series, watch.passed_by)
