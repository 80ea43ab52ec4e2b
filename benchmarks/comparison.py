"""Our restart beside that of other software: a table with ratios, and a chart."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.charts import Bar, ChartError, draw_bars
from benchmarks.options import Options
from benchmarks.peers import PEERS, PeerError, installed, measure
from benchmarks.report import Report
from benchmarks.stats import summarize

__all__ = ["compare"]

_FOLDER: Final = Path("charts")
_TITLE: Final = "From SIGKILL to an answer of the replacement (median)"


def compare(options: Options, report: Report, ours_ms: float) -> None:
    """Measure the peers that are installed, if that is wanted, and draw what there is.

    Args:
        options: whether, and where to draw.
        report: where the rows go.
        ours_ms: our own median in milliseconds, from the run before.
    """
    bars = [Bar("supervision: a Pykka actor in a process", ours_ms, ours=True)]
    floor = report.figures.get("floor_ms_p50")
    if isinstance(floor, float):
        bars.append(Bar("floor: death notice + one round trip", floor))
    if options.peers:
        bars += _measured(options, report, ours_ms)
    folder = options.chart or _FOLDER
    try:
        paths = draw_bars(folder, "crash_recovery", _TITLE, "milliseconds, logarithmic", bars)
    except ChartError as error:
        report.note(str(error))
    else:
        report.note("drawn: " + ", ".join(str(path) for path in paths))


def _measured(options: Options, report: Report, ours_ms: float) -> list[Bar]:
    report.header("peers, SIGKILL to an answer (ms)", "p50", "min", "max", "/ ours", "", "", "kills")
    report.row("supervision", ours_ms, None, None, 1.0)
    bars = []
    for peer in PEERS:
        if not installed(peer):
            report.row(peer.label, "not installed")
            continue
        report.progress(f"  {peer.label}")
        try:
            sums = summarize(measure(peer, 3.0 if options.quick else 12.0), 1e3)
        except PeerError as error:
            report.row(peer.label, "failed")
            report.note(f"  {error}")
            continue
        report.row(peer.label, sums.p50, sums.low, sums.high, sums.p50 / ours_ms, None, None, sums.count)
        report.figure(f"peer_{peer.script}{''.join('_' + each for each in peer.arguments)}_ms_p50", sums.p50)
        bars.append(Bar(peer.label, sums.p50))
    return bars
