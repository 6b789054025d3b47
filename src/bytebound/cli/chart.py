"""The chart of a stress run: memory over time, with and without a bound."""

from pathlib import Path

from bytebound.cli.baseline import Baseline
from bytebound.cli.measure import Series, format_size, size_unit


def draw_chart(
    path: Path, bounded: Series, start_nbytes: int, max_bytes: int, baseline: Baseline | None
) -> None:
    """Write a PNG; lines differ by dash and label, so that it can be printed in black.

    Parameters
    ----------
    path : Path
        The file to write.
    bounded : Series
        Samples of the bounded run, in bytes.
    start_nbytes : int
        What counts as no growth in it.
    max_bytes : int
        The bound, drawn across.
    baseline : Baseline or None
        The other run, if there was one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    growth = max(bounded.nbytes) - start_nbytes
    unit, divisor = size_unit(max(growth, max_bytes, baseline.growth if baseline else 0))
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()

    if baseline is not None:
        seconds, grown = _growth(baseline.series, baseline.start_nbytes, divisor)
        label = f"dicts and lists: {format_size(baseline.growth)}, {baseline.ended}"
        axes.plot(seconds, grown, "--", color="0.35", label=label)
        axes.plot(seconds[-1:], grown[-1:], "x", color="0.35", markersize=9)
    seconds, grown = _growth(bounded, start_nbytes, divisor)
    label = f"LRUCache: {format_size(growth)}"
    axes.plot(seconds, grown, "-", color="black", linewidth=2, label=label)
    label = f"bound: {format_size(max_bytes)}"
    axes.axhline(max_bytes / divisor, color="black", linestyle=":", label=label)
    axes.set_title("Memory of a streaming agent, the same requests with and without a bound")
    axes.set_xlabel("time (s)")
    axes.set_ylabel(f"growth of resident memory ({unit})")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=min(0, *grown))
    axes.grid(color="0.9")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path)


def _growth(series: Series, start_nbytes: int, divisor: int) -> tuple[list[float], list[float]]:
    return list(series.seconds), [(nbytes - start_nbytes) / divisor for nbytes in series.nbytes]
