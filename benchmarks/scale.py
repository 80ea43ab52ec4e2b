"""Ten, a hundred, a thousand children: to start them, to keep them, to lose one."""

from __future__ import annotations

import os
import resource
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.actors import Known
from benchmarks.crash_recovery import Losses, recover
from benchmarks.memory import read_memory
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.runtime import runtime
from benchmarks.stats import summarize
from supervision import ChildSpec, StartError, Supervisor
from supervision.process import application

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {
    "start_1000_s": ("<=", 6.0),
    "uss_mb_each_1000": ("<=", 2.5),
    "restart_ms_1000": ("<=", 5.0),
    "wakeups_per_s_1000": ("<=", 1.0),
}

_COLUMNS: Final = ("start s", "ms each", "PSS all", "PSS each", "USS each", "restart", "wake-ups", "stop s")
_QUICK_SECONDS: Final = 12.0


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Scale: children under one supervisor")
    report.note("memory in MB, of children, spares and fork server, this process apart; restart in ms, median;")
    report.note("wake-ups: switches a second of the supervisor's thread, and of all children, with nothing to do")
    report.header("children", *_COLUMNS)
    begun = time.monotonic()
    for count in (2, 5) if options.smoke else (10, 100, 300) if options.quick else (10, 100, 1000):
        if options.quick and count == 300 and time.monotonic() - begun > _QUICK_SECONDS:
            report.row("300", "no time left in the quick form")
            continue
        _measure(count, options, report)
    if options.quick or options.smoke:
        report.row("1,000", "not run in the quick form")
    report.verdicts(TARGETS)


@dataclass(frozen=True, slots=True)
class _Grown:
    """Hold what was measured of one tree; sizes in bytes, times in seconds."""

    start: float
    shares: float
    own: float
    restart: float
    wakeups: float
    children_wakeups: float
    stop: float


def _measure(count: int, options: Options, report: Report) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    report.progress(f"  starting {count:,} children")
    try:
        with runtime() as left:
            grown = _grow(count, options)
    except StartError as error:
        report.row(f"{count:,}", "refused")
        report.note(f"  said at the start, with {limit:,} open files allowed: {error}")
        return
    report.row(
        f"{count:,}",
        grown.start,
        grown.start / count * 1e3,
        grown.shares / 1e6,
        grown.shares / count / 1e6,
        grown.own / 1e6,
        grown.restart * 1e3,
        f"{grown.wakeups:.1f}+{grown.children_wakeups:.1f}",
        grown.stop,
    )
    report.figure(f"start_{count}_s", grown.start)
    report.figure(f"pss_mb_all_{count}", grown.shares / 1e6)
    report.figure(f"uss_mb_each_{count}", grown.own / 1e6)
    report.figure(f"restart_ms_{count}", grown.restart * 1e3)
    report.figure(f"wakeups_per_s_{count}", grown.wakeups)
    report.figure(f"children_wakeups_per_s_{count}", grown.children_wakeups)
    report.figure(f"stop_{count}_s", grown.stop)
    report.figure(f"orphans_{count}", left.orphans)


def _grow(count: int, options: Options) -> _Grown:
    specs = [ChildSpec(id=number, start=(Known, (), {})) for number in range(count)]
    begun = time.perf_counter()
    tree = Supervisor.start(specs, intensity=1_000_000, period=1)
    started = time.perf_counter() - begun
    try:
        refs = [tree[number] for number in range(count)]
        pids = [ref.ask("who")[0] for ref in refs]
        if len(set(pids)) != count:
            raise AssertionError(f"{count} children asked, {len(set(pids))} processes answered")
        time.sleep(0.5)  # the spares are refilled
        shares, own = _memory(pids)
        wakeups, children = _wakeups(pids, 0.2 if options.smoke else options.count(5, 2))
        restarts = _restarts(refs, options.count(40, 15, 2))
    finally:
        begun = time.perf_counter()
        tree.stop()
        stopped = time.perf_counter() - begun
    return _Grown(started, shares, own, summarize(restarts).p50, wakeups, children, stopped)


def _memory(pids: list[int]) -> tuple[float, float]:
    """Return what all processes share out between them, and what the median child has of its own."""
    children = [read_memory(pid) for pid in pids]
    app = application.current()
    others = [read_memory(pid) for pid in (app.own_pids() if app else set())]
    return sum(memory.share for memory in children + others), statistics.median(memory.own for memory in children)


def _restarts(refs: list[Any], count: int) -> list[float]:
    losses = Losses()
    taken = []
    for number in range(count):
        time.sleep(0.05)
        taken.append(recover(refs[number * 7 % len(refs)], losses))
    if losses.children:
        raise AssertionError(f"{losses.children} children did not come back")
    return taken


def _wakeups(pids: list[int], seconds: float) -> tuple[float, float]:
    """Return how often a second the supervisor's thread wakes up when idle, and all children together."""
    threads = [f"self/task/{thread.native_id}" for thread in threading.enumerate() if thread.name == "supervision-loop"]
    tasks = [f"{pid}/task/{pid}" for pid in pids]
    before = [_switches(threads), _switches(tasks)]
    time.sleep(seconds)
    loop, children = _switches(threads) - before[0], _switches(tasks) - before[1]
    return loop / seconds, children / seconds


def _switches(tasks: list[str]) -> int:
    total = 0
    for task in tasks:
        with open(os.path.join("/proc", task, "status")) as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
    return total
