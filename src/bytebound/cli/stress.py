"""``bytebound stress``: the main job, first with a bound and then without.

Growth is the resident memory of a process above what it was before the first request, when
all is imported, warmed up and collected. `rss_peak` is the largest sample, or the peak that the
operating system keeps if the run has raised it; `rss_growth_ratio` is ``(rss_peak - rss_start) /
max_bytes``. What the process holds besides the cache is part of it. The child is measured in
the same way, by samples alone.
"""

import argparse
import json
import os
from importlib.util import find_spec
from pathlib import Path

from bytebound.cli.baseline import Baseline, Load, run_baseline, safety_limit
from bytebound.cli.bounded import Bounded, StressResult, run_bounded
from bytebound.cli.chart import draw_chart
from bytebound.cli.corpus import find_corpus
from bytebound.cli.drive import OnSample
from bytebound.cli.errors import Status, UsageError
from bytebound.cli.interrupt import Interrupt
from bytebound.cli.measure import format_size
from bytebound.cli.output import show, tell
from bytebound.cli.progress import Progress, open_progress
from bytebound.cli.table import format_table


def run(arguments: argparse.Namespace) -> Status:
    """Run the load with and without a bound, show what came of it, and return the exit status.

    Returns
    -------
    Status
        `BOUND_PASSED` if it ever was, whatever else went wrong.

    Raises
    ------
    UsageError
        If there are no documents, or no folder to write to.
    """
    missing = [name for name in ("rich", "matplotlib") if find_spec(name) is None]
    baseline = None
    with Interrupt() as interrupt:
        corpus = find_corpus(arguments.corpus)
        _make_folder(arguments.out)
        _tell_missing(missing)
        with open_progress(with_rich="rich" not in missing) as progress:
            bounded = run_bounded(
                corpus,
                arguments.max_bytes,
                seed=arguments.seed,
                seconds=arguments.seconds,
                on_sample=_watch(progress, "bounded", arguments.seconds, interrupt),
            )
            result = bounded.result
            if not interrupt.is_wanted:
                watch = _watch(progress, "unbounded", arguments.seconds, interrupt)
                baseline = run_baseline(_load(arguments, result.ops), watch)
    if baseline is not None:
        result = result._replace(baseline_rss_growth=baseline.growth)
    _tell_outcome(bounded, is_interrupted=interrupt.is_wanted)
    status = show(json.dumps(result._asdict()) if arguments.json else _table(result, baseline))
    if "matplotlib" not in missing:
        status = max(status, _draw(arguments, bounded, baseline))
    return Status.BOUND_PASSED if bounded.passed_by else status


def _draw(arguments: argparse.Namespace, bounded: Bounded, baseline: Baseline | None) -> Status:
    """Write the chart and say where; without it, the result still stands."""
    chart: Path = arguments.out / "memory.png"
    result = bounded.result
    try:
        draw_chart(chart, bounded.series, result.rss_start, result.max_bytes, baseline)
    except (ImportError, OSError) as error:
        _tell(f"--out: there is no chart: {error}")
        return Status.REFUSED
    if not arguments.json:
        return show(f"chart: {chart}")
    tell(f"chart: {chart}")
    return Status.DONE


def _load(arguments: argparse.Namespace, max_requests: int) -> Load:
    """Return the load that has just been served, for the baseline."""
    return Load(
        corpus=None if arguments.corpus is None else str(arguments.corpus),
        seed=arguments.seed,
        seconds=arguments.seconds,
        max_requests=max_requests,
        max_growth=safety_limit(arguments.max_bytes),
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out: {folder}: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"--out: cannot write to {folder}")


def _watch(progress: Progress, phase: str, seconds: float, interrupt: Interrupt) -> OnSample:
    def on_sample(elapsed: float, growth: int, served: int) -> bool:
        figures = f"{served:,} requests, memory grown by {format_size(growth)}"
        progress.update(phase, min(elapsed / seconds, 1.0), figures)
        return not interrupt.is_wanted

    return on_sample


def _tell_missing(missing: list[str]) -> None:
    lost = {"rich": "progress is plain", "matplotlib": "there is no chart"}
    if missing:
        what = " and ".join(lost[name] for name in missing)
        names = " and ".join(missing)
        _tell(f"without {names} {what}: pip install 'bytebound[cli]' brings what is missing")


def _tell_outcome(bounded: Bounded, *, is_interrupted: bool) -> None:
    if is_interrupted:
        _tell("interrupted; these are the results so far")
    if bounded.passed_by:
        _tell(f"the bound of {bounded.result.max_bytes} bytes was passed by {bounded.passed_by}")


def _tell(line: str) -> None:
    tell(f"bytebound stress: {line}")


def _table(result: StressResult, baseline: Baseline | None) -> str:
    """Return the result for people, beside the run without a bound."""
    bound = result.max_bytes
    rows = [
        ("", "LRUCache", "dicts and lists"),
        ("bound", format_size(bound), "none"),
        ("requests served", f"{result.ops:,}", ""),
        ("requests a second", f"{result.ops_per_s:,.0f}", ""),
        ("growth of memory", format_size(result.rss_peak - result.rss_start), "not run"),
        ("growth / bound", f"{result.rss_growth_ratio:.2f}", ""),
        ("slope, second half", f"{format_size(result.slope_bytes_per_s)}/s", ""),
        ("charged, at most", format_size(result.peak_nbytes), ""),
        ("charged, at the end", format_size(result.nbytes), ""),
        ("audit: drift", format_size(result.audit_drift), ""),
        ("hit ratio", f"{result.hit_ratio:.1%}", ""),
    ]
    if baseline is not None:
        seconds = baseline.series.seconds[-1]
        rows[2] = (*rows[2][:2], f"{baseline.served:,}")
        rows[3] = (*rows[3][:2], f"{baseline.served / max(seconds, 1e-9):,.0f}")
        rows[4] = (*rows[4][:2], format_size(baseline.growth))
        rows[5] = (*rows[5][:2], f"{baseline.growth / bound:.2f}")
        rows.append(("ended", "", baseline.ended))
    return format_table(rows)
