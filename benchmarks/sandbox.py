"""What a sandbox costs: to start one, to evaluate, to call back, to kill; each beside its floor in one run.

The floors: a bare fork of a process that has prepared the same, and a bare socketpair's round trip to a
forked process that echoes bytes of the same number. The two take turns. Host and child are on two
processors where there are two, since to wake the other processor costs more than all else.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final

import msgpack

from beamlens.sandbox import Limits, Sandbox, SandboxServer, Session, describe_level
from beamlens.sandbox.frames import EVALUATE
from beamlens.sandbox.launch import spawn
from benchmarks.floors import HEADER, FloorChild, FloorServer, exchange
from benchmarks.memory import read_memory
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.sandbox_floor import BareForks
from benchmarks.stats import ratio, summarize

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {
    "spawn_over_fork": ("<=", 3.0),
    "eval_over_raw": ("<=", 3.0),
    "callback_over_raw": ("<=", 3.0),
    "child_pss_mb": ("<=", 6.0),
}

_BYTES: Final = b"x" * 64  # what a small evaluation sends
_PAUSE_SECONDS: Final = 0.002  # as between two thoughts of a model, only shorter: nothing is still under way
_CALLS: Final = 100
_COLUMNS: Final = ("p50", "p90", "p99", "floor p50", "/ floor", "count")


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Sandbox: throw-away processes for Lua")
    report.note(f"level: {describe_level()}")
    with SandboxServer.start() as server, FloorServer() as floors:
        sandbox = Sandbox(server.address)
        report.header("start (ms)", *_COLUMNS)
        _start(options, report, sandbox)
        report.header("talk (us)", *_COLUMNS)
        echo = floors.fork("echo")
        with sandbox.session() as session, contextlib.closing(echo):
            placed = _Placed(session, echo)
            with _apart():
                _evaluate(options, report, placed, echo)
                _call_back(options, report, placed, echo, None, "callback on the caller's thread", "callback_direct_us")
                _call_back(options, report, placed, echo, 10.0, "callback on the sandbox's thread", "callback_us")
                _evaluate_busy(options, report, placed, echo)
            report.figure("child_pss_mb", _share_mb(session), 2)
        report.header("end (ms)", *_COLUMNS)
        _kill(options, report, server.address)
    report.verdicts(TARGETS)


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Keep this process on the first processor, for what it talks to to be on another."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(allowed) < 2:
        yield
        return
    os.sched_setaffinity(0, allowed[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class _Placed:
    """Put a session's child where the echo is, the second processor, whenever the session has another child."""

    def __init__(self, session: Session, echo: FloorChild) -> None:
        self.session = session
        self._pid: int | None = None
        self._processors = sorted(os.sched_getaffinity(echo.pid)) if hasattr(os, "sched_setaffinity") else []
        if len(self._processors) > 1:
            os.sched_setaffinity(echo.pid, self._processors[1:2])

    def once(self, number: int) -> float:
        """Evaluate one small program; return the seconds."""
        session = self.session
        session.start()
        if session.pid is not None and session.pid != self._pid and len(self._processors) > 1:
            os.sched_setaffinity(session.pid, self._processors[1:2])
        self._pid = session.pid
        begun = time.perf_counter()
        found = session.evaluate(f"return {number} + 1")
        elapsed = time.perf_counter() - begun
        if found.value != number + 1:
            raise AssertionError(f"{number + 1} expected: {found}")
        return elapsed


# -- the rows --------------------------------------------------------------------------------------


def _start(options: Options, report: Report, sandbox: Sandbox) -> None:
    ours: list[float] = []
    floors: list[float] = []
    with contextlib.closing(BareForks()) as bare:
        for _ in range(options.count(400, 100, 3)):
            floors.append(bare.fork())
            with sandbox.session() as session:
                begun = time.perf_counter()
                session.start()
                ours.append(time.perf_counter() - begun)
    _row(report, "start a sandbox / a bare fork", ours, floors, 1e3)
    report.figure("spawn_ms_p50", summarize(ours, 1e3).p50)
    report.figure("fork_ms_p50", summarize(floors, 1e3).p50)
    report.figure("spawn_over_fork", ratio(ours, floors), 2)


def _evaluate(options: Options, report: Report, placed: _Placed, echo: FloorChild) -> None:
    ours: list[float] = []
    raw: list[float] = []
    for number in range(options.count(1500, 400, 5)):
        time.sleep(_PAUSE_SECONDS)
        raw.append(_exchange(echo))
        time.sleep(_PAUSE_SECONDS)
        ours.append(placed.once(number))
    _row(report, "evaluate, 2 ms apart / a bare round trip", ours, raw, 1e6)
    report.figure("eval_us_p50", summarize(ours, 1e6).p50, 1)
    report.figure("raw_us_p50", summarize(raw, 1e6).p50, 1)
    report.figure("eval_over_raw", ratio(ours, raw), 2)


def _evaluate_busy(options: Options, report: Report, placed: _Placed, echo: FloorChild) -> None:
    ours: list[float] = []
    raw: list[float] = []
    for _ in range(options.count(60, 20, 1)):
        raw += [_exchange(echo) for _ in range(20)]
        ours += [placed.once(number) for number in range(20)]
    _row(report, "evaluate, one after another", ours, raw, 1e6)
    report.figure("eval_busy_us_p50", summarize(ours, 1e6).p50, 1)
    report.figure("eval_busy_over_raw", ratio(ours, raw), 2)


def _call_back(
    options: Options, report: Report, placed: _Placed, echo: FloorChild, seconds: float | None, label: str, key: str
) -> None:
    limits = Limits(callback_calls=_CALLS, callback_seconds=seconds)
    ours: list[float] = []
    raw: list[float] = []
    for _ in range(options.count(80, 30, 2)):
        begun = time.perf_counter()
        for _ in range(_CALLS):
            _exchange(echo)
        raw.append((time.perf_counter() - begun) / _CALLS)
        placed.once(0)
        session = placed.session
        nothing = session.evaluate("for i = 1, 0 do probe(i) end", {"probe": _probe}, limits=limits)
        found = session.evaluate(f"for i = 1, {_CALLS} do probe(i) end", {"probe": _probe}, limits=limits)
        if found.error or found.callback_calls != _CALLS:
            raise AssertionError(f"{_CALLS} callbacks expected: {found}")
        ours.append((found.seconds - nothing.seconds) / _CALLS)
    _row(report, f"{label} / a bare round trip", ours, raw, 1e6)
    report.figure(f"{key}_p50", summarize(ours, 1e6).p50, 1)
    report.figure(f"{key.removesuffix('_us')}_over_raw", ratio(ours, raw), 2)


def _kill(options: Options, report: Report, address: str) -> None:
    limits = Limits()
    endless = msgpack.packb(
        [100.0, limits.memory_bytes, b"while true do end", None, None, 1 << 50, 9, 9, 9, 9, 9, False]
    )
    taken: list[float] = []
    for _ in range(options.count(200, 50, 2)):
        child = spawn(address, limits.memory_bytes, 100, allow_reduced=False)
        child.send(EVALUATE, endless)
        time.sleep(0.005)
        begun = time.perf_counter()
        child.kill()
        taken.append(time.perf_counter() - begun)
    sums = summarize(taken, 1e3)
    report.row("kill one in an endless loop", sums.p50, sums.p90, sums.p99, None, None, len(taken))
    report.figure("kill_ms_p50", sums.p50)


def _row(report: Report, label: str, ours: list[float], floors: list[float], scale: float) -> None:
    sums = summarize(ours, scale)
    floor = summarize(floors, scale).p50
    report.row(label, sums.p50, sums.p90, sums.p99, floor, ratio(ours, floors), len(ours))


# -- single steps ----------------------------------------------------------------------------------


def _exchange(echo: FloorChild) -> float:
    framed = HEADER.pack(len(_BYTES)) + _BYTES
    begun = time.perf_counter()
    answer = exchange(echo.sock, framed)
    elapsed = time.perf_counter() - begun
    if answer != _BYTES:
        raise AssertionError(f"the floor's echo answered {answer!r}")
    return elapsed


def _probe(number: int) -> int:
    return number


def _share_mb(session: Session) -> float | None:
    session.evaluate("return 1")
    try:
        return None if session.pid is None else read_memory(session.pid).share / 1e6
    except OSError:
        return None  # only root may look into a child
