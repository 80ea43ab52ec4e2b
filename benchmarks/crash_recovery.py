"""SIGKILL of a child until its replacement answers through the same ref, beside what the kernel allows."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.actors import Known
from benchmarks.comparison import compare
from benchmarks.floors import FloorChild, FloorServer, notice_and_round_trip
from benchmarks.memory import read_memory
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.runtime import runtime, settled_descriptor_count
from benchmarks.stats import paired_ratio, ratio, summarize
from supervision import ActorDown, ChildSpec, Supervisor

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {
    "recover_over_floor": ("<=", 2.5),
    "recover_ms_p50": ("<=", 2.5),
    "storm50_ms": ("<=", 400.0),
    "storm50_spare_each_ms": ("<=", 100.0),
    "lost_children": ("==", 0),
    "orphans": ("==", 0),
    "fd_growth": ("==", 0),
}

_PAUSE: Final = 0.020
_GIVE_UP_SECONDS: Final = 10.0
_PAYLOAD: Final = b"\x93\x01\x01\xa3who"  # about what an ask for the process id is on the wire
_COLUMNS: Final = ("p50", "p90", "p99", "floor p50", "/ floor", "paired", "kills")

_questions = itertools.count()


@dataclass(slots=True)
class Losses:
    """Count what must not happen."""

    children: int = 0
    descriptors: int = 0


@dataclass(slots=True)
class Samples:
    """Hold the seconds of restarts, and those of the floor that was measured beside each."""

    ours: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Crash recovery: SIGKILL of a child until its replacement answers an ask (ms)")
    report.note("each kill beside its floor: death notice of a killed fork of the same size + one raw round trip")
    report.note("the library's log records go to a NullHandler, but for the row that says otherwise")
    losses = Losses()
    with FloorServer() as floors, runtime() as left:
        echo = floors.fork("echo")
        try:
            _measure(options, report, losses, Floor(floors, echo))
        finally:
            echo.close()
    report.figure("lost_children", losses.children)
    report.figure("orphans", left.orphans)
    report.figure("fd_growth", losses.descriptors)
    report.verdicts(TARGETS)
    if options.peers or options.chart:
        compare(options, report, float(report.figures["recover_ms_p50"] or 0.0))


def _measure(options: Options, report: Report, losses: Losses, floor: Floor) -> None:
    with children(1, losses) as refs:
        size = read_memory(refs[0].pid).own
        report.figure("child_uss_mb", size / 1e6)
        report.figure("floor_uss_mb", floor.match(size) / 1e6)
        report.note(
            "memory of its own: a child {child_uss_mb} MB, the floor's {floor_uss_mb} MB".format(**report.figures)
        )
        report.header("one for one, two spares", *_COLUMNS)
        paced = interleave(refs, floor, options.count(300, 120), _PAUSE, losses, report.progress)
        _row(report, "1 child, 20 ms idle before each kill", paced)
        _row(report, "1 child, back to back", back_to_back(refs, floor, options.count(200, 60, 2), losses))
    _keep(report, paced)
    count = options.count(50, 50, 3)
    with children(count, losses) as refs:
        samples = interleave(refs, floor, options.count(150, 40), _PAUSE, losses, report.progress)
        _row(report, f"{count} children, one killed, 20 ms idle", samples)
        _row(
            report,
            f"{count} children, one killed, back to back",
            back_to_back(refs, floor, options.count(200, 60), losses),
        )
    with children(1, losses) as refs, _log_file():
        samples = interleave(refs, floor, options.count(100, 30), _PAUSE, losses, report.progress)
        _row(report, "1 child, reports logged to a file", samples)
    for threads, kills in ((1, options.count(60, 15)), (4, options.count(40, 8, 1))):
        with children(1, losses) as refs, _busy(threads):
            samples = interleave(refs, floor, kills, _PAUSE, losses, report.progress)
            _row(report, f"1 child, GIL kept busy by {threads} thread{'s' * (threads > 1)}", samples)
        report.figure(f"gil{threads}_ms_p50", summarize(samples.ours, 1e3).p50)
    _storms(options, report, losses, floor)


def _keep(report: Report, samples: Samples) -> None:
    ours, floors = summarize(samples.ours, 1e3), summarize(samples.floors, 1e3)
    report.figure("recover_ms_p50", ours.p50)
    report.figure("recover_ms_p99", ours.p99)
    report.figure("floor_ms_p50", floors.p50)
    report.figure("recover_over_floor", ratio(samples.ours, samples.floors))
    report.figure("recover_over_floor_paired", paired_ratio(samples.ours, samples.floors))


def _row(report: Report, label: str, samples: Samples) -> None:
    ours, floors = summarize(samples.ours, 1e3), summarize(samples.floors, 1e3)
    ratios = ratio(samples.ours, samples.floors), paired_ratio(samples.ours, samples.floors)
    report.row(label, ours.p50, ours.p90, ours.p99, floors.p50, *ratios, ours.count)


# -- what is measured ------------------------------------------------------------------------------


@contextlib.contextmanager
def children(count: int, losses: Losses, spares: int = 0) -> Iterator[list[Any]]:
    """Start a supervisor with so many children, warm it up, yield their refs, see that nothing is lost."""
    specs = [ChildSpec(id=f"child-{number}", start=(Known, (), {})) for number in range(count)]
    tree = Supervisor.start(specs, intensity=1_000_000, period=1, spares=spares)
    try:
        refs = [tree[spec.id] for spec in specs]
        for ref in refs[:5]:
            recover(ref, losses)
        before = settled_descriptor_count()
        yield refs
        losses.descriptors += max(0, settled_descriptor_count(before) - before)
        losses.children += count - tree.count_children().active
        losses.children += sum(not _answers(ref) for ref in refs)
    finally:
        tree.stop()


def recover(ref: Any, losses: Losses) -> float:
    """Kill a child, ask until another process answers; return the seconds."""
    victim = ref.pid
    begun = time.perf_counter()
    os.kill(victim, signal.SIGKILL)
    answered = _await_successor(ref, victim)
    losses.children += not answered
    return time.perf_counter() - begun


def _await_successor(ref: Any, victim: int) -> bool:
    """Ask until the answer comes from a new process: SIGKILL takes a moment, the victim may still answer."""
    question = next(_questions)
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        try:
            pid, echoed = ref.ask(question, timeout=_GIVE_UP_SECONDS)
        except ActorDown:
            continue  # the victim had the question: it is not asked twice by itself
        if echoed != question:
            raise AssertionError(f"asked {question}, answered {echoed}")
        if pid != victim:
            return True
    return False


def _answers(ref: Any) -> bool:
    try:
        return bool(ref.ask("still", timeout=_GIVE_UP_SECONDS)[1] == "still")
    except Exception:
        return False


class Floor:
    """Have victims forked ahead, as large as an actor, and measure their death and a round trip."""

    def __init__(self, server: FloorServer, running: FloorChild) -> None:
        self._server = server
        self._running = running
        self._own_bytes = 0

    def match(self, size: int) -> int:
        """Make victims that have `size` bytes of their own; return what one of them has."""
        child = self.victim()
        self._own_bytes = max(0, size - read_memory(child.pid).own)
        child.close()
        child = self.victim()
        matched = read_memory(child.pid).own
        child.close()
        return matched

    def victim(self) -> FloorChild:
        """Return a child to be killed."""
        return self._server.fork("idle", self._own_bytes)

    def sample(self, victim: FloorChild) -> float:
        """Return the seconds of its death notice and one round trip."""
        seconds = notice_and_round_trip(victim, self._running, _PAYLOAD)
        victim.close()
        return seconds


def interleave(
    refs: list[Any],
    floor: Floor,
    count: int,
    pause: float,
    losses: Losses,
    progress: Callable[[str], None],
) -> Samples:
    """Kill one child after the other, a floor's child after each, with a pause before every kill."""
    samples = Samples()
    for number in range(count):
        victim = floor.victim()
        time.sleep(pause)
        samples.ours.append(recover(refs[number % len(refs)], losses))
        time.sleep(pause)
        samples.floors.append(floor.sample(victim))
        progress(f"  kill {number + 1} of {count}")
    return samples


def back_to_back(refs: list[Any], floor: Floor, count: int, losses: Losses, block: int = 10) -> Samples:
    """Kill in blocks without any pause, a block of the floor's children after each."""
    samples = Samples()
    for begin in range(0, count, block):
        numbers = range(begin, min(count, begin + block))
        victims = [floor.victim() for _ in numbers]
        samples.ours += [recover(refs[number % len(refs)], losses) for number in numbers]
        samples.floors += [floor.sample(victim) for victim in victims]
    return samples


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep the GIL busy with threads that run Python and nothing else."""
    end = threading.Event()

    def spin() -> None:
        number = 0
        while not end.is_set():
            for _ in range(10_000):
                number += 1

    threads = [threading.Thread(target=spin, name=f"busy-{number}") for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def _log_file() -> Iterator[None]:
    logger = logging.getLogger("supervision")
    level = logger.level
    with tempfile.TemporaryDirectory() as folder:
        handler = logging.FileHandler(Path(folder) / "reports.log")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)
            handler.close()


# -- storms ----------------------------------------------------------------------------------------


def _storms(options: Options, report: Report, losses: Losses, floor: Floor) -> None:
    count = options.count(50, 50, 5)
    rounds = options.count(15, 4, 1)
    report.header(
        f"storm: {count} killed at once, until all answer",
        "p50",
        "min",
        "max",
        "floor p50",
        "/ floor",
        "",
        "rounds",
    )
    for spares, key, label in (
        (0, "storm50_ms", "two spares"),
        (count, "storm50_spare_each_ms", "a spare for each"),
    ):
        samples = Samples()
        with children(count, losses, spares) as refs:
            for number in range(rounds):
                samples.floors.append(_storm_floor(floor, count))
                settled_descriptor_count()
                samples.ours.append(_storm(refs, losses))
                report.progress(f"  storm {number + 1} of {rounds}")
                settled_descriptor_count()
        ours, floors = summarize(samples.ours, 1e3), summarize(samples.floors, 1e3)
        report.row(
            label,
            ours.p50,
            ours.low,
            ours.high,
            floors.p50,
            ratio(samples.ours, samples.floors),
            None,
            rounds,
        )
        report.figure(key, ours.p50)
    report.figure("storm50_floor_ms", floors.p50)


def _storm(refs: list[Any], losses: Losses) -> float:
    """Kill all children, ask each until a new process answers; return the seconds until the last did."""
    victims = [ref.pid for ref in refs]
    begun = time.perf_counter()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    lost = sum(not _await_successor(ref, pid) for ref, pid in zip(refs, victims, strict=True))
    losses.children += lost
    return time.perf_counter() - begun


def _storm_floor(floor: Floor, count: int) -> float:
    """Kill as many forks of the same size; return the seconds until all are known to be dead and one answers."""
    victims = [floor.victim() for _ in range(count)]
    time.sleep(_PAUSE)
    begun = time.perf_counter()
    for victim in victims:
        victim.kill()
    for victim in victims[:-1]:
        victim.await_death()
    floor.sample(victims[-1])
    elapsed = time.perf_counter() - begun
    for victim in victims[:-1]:
        victim.close()
    return elapsed
