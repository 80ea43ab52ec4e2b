"""What BeamLens costs the application that it looks at: a web application under load, and one with a large heap.

Throughput and latency are measured in rounds, each in a fresh process: without BeamLens, with it (started in the same
process, with the skills of a plain `Beamlens.start()`), and again without, after it was stopped. What is with is
compared with the mean of both sides, so that drift and the luck of one process cancel out; what is after is compared
with what was before, to see whether anything is left behind. A second program has 5 million objects and makes every
call of every skill while a heartbeat measures how long its threads cannot run. A snapshot's time is what its thread
spends on a processor: the application's time; beside it, `wall` is what the machine's other work makes of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.options import Options
from benchmarks.programs import Program
from benchmarks.report import Report, Target

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {
    "throughput_ratio": (">=", 0.98),
    "p99_ratio": ("<=", 1.10),
    "after_ratio": (">=", 0.98),
    "collectors_core_percent": ("<=", 1.0),
    "longest_stop_ms": ("<=", 50.0),
    "snapshot_ms_p99": ("<=", 5.0),
}

_CONNECTIONS: Final = 16
_PACED_CONNECTIONS: Final = 64
_PACED_PART: Final = 0.4  # of the throughput: as busy as a server that is to answer quickly should be
_OBJECTS: Final = 5_000_000


@dataclass(slots=True)
class Side:
    """Hold what was measured with, or without.

    Args:
        per_second: answers a second, of all connections kept busy.
        p50, p99: seconds, at a fixed rate.
        cpu: processor seconds of the application for one request.
    """

    per_second: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Rounds:
    """Hold all rounds: `before`, `during` and `after` in step, and what BeamLens itself used."""

    before: Side = field(default_factory=Side)
    during: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    investigating: Side = field(default_factory=Side)
    threads: dict[str, float] = field(default_factory=dict)
    children: float = 0.0
    seconds: float = 0.0
    false_alarms: list[str] = field(default_factory=list)


def run(options: Options, report: Report) -> None:
    """Run both parts and keep the figures."""
    report.title("Overhead: what BeamLens costs the application")
    _web(options, report)
    _heap(options, report)
    report.verdicts(TARGETS)


# -- the web application -----------------------------------------------------------------------------


def _web(options: Options, report: Report) -> None:
    rounds = Rounds()
    for number in range(options.count(12, 4, 1)):
        report.progress(f"round {number + 1}")
        _round(options, rounds, investigate=number < options.count(3, 1, 1))
    report.header("Starlette on uvicorn", "before", "with", "after", "investig.")
    sides = (rounds.before, rounds.during, rounds.after, rounds.investigating)
    report.row("answers a second", *(statistics.median(side.per_second) for side in sides))
    report.row("processor us a request", *(statistics.median(side.cpu) * 1e6 for side in sides))
    report.row("p50 ms at a fixed rate", *(statistics.median(side.p50) * 1e3 for side in sides))
    report.row("p99 ms at a fixed rate", *(statistics.median(side.p99) * 1e3 for side in sides))
    without = [_mean_side(rounds, name) for name in ("per_second", "p50", "p99", "cpu")]
    figures = {
        "throughput_ratio": _ratio(rounds.during.per_second, without[0]),
        "p50_ratio": _ratio(rounds.during.p50, without[1]),
        "p99_ratio": _ratio(rounds.during.p99, without[2]),
        "cpu_per_request_ratio": _ratio(rounds.during.cpu, without[3]),
        "after_ratio": _ratio(rounds.after.per_second, rounds.before.per_second),
        "investigating_throughput_ratio": _ratio(rounds.investigating.per_second, without[0]),
        "investigating_p99_ratio": _ratio(rounds.investigating.p99, without[2]),
        "collectors_core_percent": sum(rounds.threads.values()) / rounds.seconds * 100.0,
        "processes_core_percent": rounds.children / rounds.seconds * 100.0,
        "web_false_alarms": len(rounds.false_alarms),
    }
    report.header("threads of BeamLens", "% of core")
    for name, used in sorted(rounds.threads.items(), key=lambda item: -item[1])[:8]:
        report.row(name, used / rounds.seconds * 100.0)
    if rounds.false_alarms:
        report.note(f"reported although nothing was wrong: {', '.join(rounds.false_alarms)}")
    for key, value in figures.items():
        report.figure(key, value, 4)


def _mean_side(rounds: Rounds, name: str) -> list[float]:
    pairs = zip(getattr(rounds.before, name), getattr(rounds.after, name), strict=True)
    return [(before + after) / 2 for before, after in pairs]


def _ratio(samples: list[float], floors: list[float]) -> float:
    """Return the median of the ratios of rounds."""
    return statistics.median(sample / floor for sample, floor in zip(samples, floors, strict=False))


def _round(options: Options, rounds: Rounds, *, investigate: bool) -> None:
    with Program("benchmarks.web.program") as app:
        port = app.hear()["port"]
        with Program("benchmarks.web.load", [str(port)]) as load:
            _flood(load, options)  # everything is imported, every cache is full
            rate = _flood(load, options)["per_second"] * _PACED_PART
            _measure(app, load, options, rate, rounds.before)
            app.ask(do="start")
            earlier = app.ask(do="clocks")
            rounds.seconds += _measure(app, load, options, rate, rounds.during)
            _note_use(rounds, earlier, app.ask(do="clocks"))
            if investigate:
                app.tell(do="investigate", seconds=2 * _seconds(options))
                _measure(app, load, options, rate, rounds.investigating, clocks=False)
                rounds.false_alarms += app.hear()["found"]
            app.ask(do="stop")
            _measure(app, load, options, rate, rounds.after)


def _seconds(options: Options) -> float:
    return 0.3 if options.smoke else 2.0 if options.quick else 4.0


def _flood(load: Program, options: Options) -> Mapping[str, Any]:
    return load.ask(do="flood", seconds=_seconds(options), connections=_CONNECTIONS)


def _measure(app: Program, load: Program, options: Options, rate: float, side: Side, *, clocks: bool = True) -> float:
    """Measure once both ways; return for how many seconds."""
    seconds = _seconds(options)
    begun = app.ask(do="clocks")["process"] if clocks else 0.0
    flooded = _flood(load, options)
    if flooded["errors"]:
        raise AssertionError(f"{flooded['errors']} requests failed")
    used = app.ask(do="clocks")["process"] - begun if clocks else 0.0
    paced = load.ask(do="pace", seconds=seconds, connections=_PACED_CONNECTIONS, rate=rate)
    side.per_second.append(flooded["per_second"])
    side.cpu.append(used / flooded["count"])
    side.p50.append(paced["p50"])
    side.p99.append(paced["p99"])
    return 2 * seconds


def _note_use(rounds: Rounds, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> None:
    for name, used in later["threads"].items():
        grown = max(0.0, used - earlier["threads"].get(name, 0.0))
        rounds.threads[name] = rounds.threads.get(name, 0.0) + grown
    rounds.children += later["children"] - earlier["children"]


# -- the large heap ----------------------------------------------------------------------------------


def _heap(options: Options, report: Report) -> None:
    objects = 20_000 if options.smoke else _OBJECTS
    report.progress(f"building {objects:,} objects")
    with Program("benchmarks.web.heap", [str(objects)]) as heap:
        tracked = heap.hear(300.0)["tracked"]
        floor = heap.ask(do="rest", seconds=options.count(5, 2, 0))["longest"]
        started = heap.ask(do="start")
        stops = {f"{name}: start": stop for name, stop in started["stops"].items()}
        stops["collectors"] = heap.ask(do="rest", seconds=options.count(20, 5, 0))["longest"]
        report.header(f"{tracked:,} objects: ms", "p50", "p99", "wall p99", "stop", "by")
        worst = 0.0
        for skill in started["skills"]:
            report.progress(f"every call of {skill}")
            found = heap.ask(300.0, do="measure", skill=skill, **_counts(options))
            own = dict(found["stops"])
            by = max(own, key=lambda name: own[name])
            stops |= {f"{skill}: {name}": stop for name, stop in own.items()}
            report.row(skill, found["cpu_p50"], found["cpu_p99"], found["wall_p99"], own[by] * 1e3, f"  {by}")
            report.figure(f"snapshot_ms_p50_{skill}", found["cpu_p50"])
            report.figure(f"snapshot_ms_p99_{skill}", found["cpu_p99"])
            report.figure(f"snapshot_wall_ms_p99_{skill}", found["wall_p99"])
            report.figure(f"longest_stop_ms_{skill}", own[by] * 1e3)
            worst = max(worst, found["cpu_p99"])
        heap.ask(do="stop")
    longest = max(stops, key=lambda name: stops[name])
    report.figure("snapshot_ms_p99", worst)
    report.figure("longest_stop_ms", stops[longest] * 1e3)
    report.figure("longest_stop_by", longest)
    report.figure("longest_stop_without_ms", floor * 1e3)
    report.figure("heap_objects", tracked)


def _counts(options: Options) -> dict[str, int]:
    return {"snapshots": options.count(200, 100, 3), "repeats": options.count(5, 2, 1)}
