"""What an event costs: `telemetry.execute` with nobody attached, with some, and from another process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from beamlens import telemetry as beamlens_telemetry
from benchmarks.floors import HEADER, FloorServer, exchange
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.runtime import runtime
from benchmarks.stats import ratio, summarize
from supervision import ProcessActor, telemetry

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {"execute_no_handler_ns": ("<=", 500.0)}

_EVENT: Final = ("benchmarks", "event")
_OTHER: Final = ("benchmarks", "other")
_CROSSING: Final = ("benchmarks", "crossing")
_THINK: Final = ("beamlens", "operator", "think")
_PATIENCE: Final = 30.0  # seconds until a lost event is an error
_MEASUREMENTS: Final = {"duration": 1}
_METADATA: Final = {"id": 1}

Step = Callable[[], object]


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Telemetry: one event (ns)")
    report.note("floor: a call of an empty Python function with the same arguments")
    report.header("execute", "p50", "p90", "p99", "floor p50", "/ floor", "", "calls")
    blocks, count = options.count(60, 25, 2), options.count(20_000, 10_000, 100)
    _row(report, "no handler", _execute, blocks, count, "execute_no_handler_ns")
    with _Attached(_OTHER, 100):
        _row(report, "100 handlers, all of another event", _execute, blocks, count, "execute_other_handlers_ns")
    for handlers, key in ((1, "execute_one_handler_ns"), (10, "execute_10_handlers_ns")):
        with _Attached(_EVENT, handlers) as attached:
            label = f"{handlers} empty handler{'s' * (handlers > 1)}"
            _row(report, label, _execute, blocks, count, key)
            expected = blocks * count * handlers
            if attached.calls != expected:
                raise AssertionError(f"{expected} calls of handlers expected, {attached.calls} counted")
    _row(report, "span, no handler", _span, blocks, count // 5, "span_no_handler_ns")
    _row(report, "beamlens' emit, no handler", _emit, blocks, count // 5, "emit_no_handler_ns")
    _crossing(options, report)
    report.verdicts(TARGETS)


class Emitter(ProcessActor):
    """Emit as many events as it is told to, each with the time at which it was emitted."""

    def on_receive(self, message: int) -> None:
        """Emit; the clock is the same one in all processes of a machine."""
        for _ in range(message):
            telemetry.execute(_CROSSING, {"at": time.monotonic_ns()}, _METADATA)


class _Arrivals:
    """Handle the events of an `Emitter`, and let the measuring thread wait for them."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self._arrived = threading.Event()
        self._expected = 0

    def expect(self, count: int) -> None:
        """Begin anew, to wait for so many."""
        self.took = []
        self._expected = count
        self._arrived.clear()

    def wait(self) -> list[float]:
        """Return the seconds that each took, from its emission to the call of this handler."""
        if not self._arrived.wait(_PATIENCE):
            raise AssertionError(f"{len(self.took)} of {self._expected} events arrived in {_PATIENCE} s")
        return self.took

    def hear(self, _name: object, measurements: Mapping[str, Any], _metadata: object, _config: object) -> None:
        """Keep how long the event took."""
        self.took.append((time.monotonic_ns() - measurements["at"]) / 1e9)
        if len(self.took) == self._expected:
            self._arrived.set()


def _crossing(options: Options, report: Report) -> None:
    report.header("across processes (us)", "p50", "p90", "p99", "floor p50", "/ floor", "", "events")
    report.note(
        "from execute in an actor until the handler in the application runs; one at a time, both sides idle before"
    )
    report.note("floor: half a round trip of a bare socketpair")
    arrivals = _Arrivals()
    telemetry.attach("benchmark-crossing", _CROSSING, arrivals.hear)
    try:
        with FloorServer() as floors, runtime():
            ref = Emitter.start()
            floor = floors.fork("echo")
            try:
                _one_by_one(report, arrivals, ref, floor.sock, options.count(3_000, 1_000, 5))
                _burst(report, arrivals, ref, options.count(20, 5, 1), options.count(5_000, 2_000, 50))
            finally:
                floor.close()
                ref.stop()
    finally:
        telemetry.detach("benchmark-crossing")


def _one_by_one(report: Report, arrivals: _Arrivals, ref: Any, floor: Any, count: int) -> None:
    ours, floors = [], []
    frame = HEADER.pack(64) + bytes(64)
    for number in range(-count // 10, count):
        begun = time.perf_counter()
        exchange(floor, frame)
        half = (time.perf_counter() - begun) / 2
        arrivals.expect(1)
        ref.tell(1)
        [took] = arrivals.wait()
        if number >= 0:  # the first ones warm up
            floors.append(half)
            ours.append(took)
    sums = summarize(ours, 1e6)
    floor_us = summarize(floors, 1e6).p50
    report.row("one event", sums.p50, sums.p90, sums.p99, floor_us, ratio(ours, floors), None, count)
    report.figure("cross_process_event_us", sums.p50, 1)
    report.figure("cross_process_event_us_p99", sums.p99, 1)
    report.figure("cross_process_floor_us", floor_us, 1)


def _burst(report: Report, arrivals: _Arrivals, ref: Any, blocks: int, count: int) -> None:
    seconds = []
    for _ in range(blocks):
        arrivals.expect(count)
        begun = time.perf_counter()
        ref.tell(count)
        arrivals.wait()
        seconds.append((time.perf_counter() - begun) / count)
    sums = summarize(seconds, 1e6)
    report.row(f"each of {count:,} in a row", sums.p50, sums.p90, sums.p99, None, None, None, blocks * count)
    report.figure("cross_process_events_per_s", 1e6 / sums.p50, 0)


class _Attached:
    """Attach handlers that count, for a `with` block."""

    def __init__(self, event: tuple[str, ...], count: int) -> None:
        self.calls = 0
        self._event = event
        self._ids = [f"benchmark-{number}" for number in range(count)]

    def __enter__(self) -> _Attached:
        for handler_id in self._ids:
            telemetry.attach(handler_id, self._event, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for handler_id in self._ids:
            telemetry.detach(handler_id)

    def _hear(
        self,
        _name: tuple[str, ...],
        _measurements: Mapping[str, Any],
        _metadata: Mapping[str, Any],
        _config: Any,
    ) -> None:
        self.calls += 1


def _execute() -> None:
    telemetry.execute(_EVENT, _MEASUREMENTS, _METADATA)


def _span() -> None:
    with telemetry.span(_EVENT, _METADATA):
        pass


def _emit() -> None:
    beamlens_telemetry.emit(_THINK, None, _METADATA)


def _floor() -> None:
    _nothing(_EVENT, _MEASUREMENTS, _METADATA)


def _nothing(_name: object, _measurements: object, _metadata: object) -> None:
    """Do nothing."""


def _row(report: Report, label: str, step: Step, blocks: int, count: int, key: str) -> None:
    ours, floors = [], []
    for _ in range(blocks):
        empty = _time(_empty, count)
        ours.append(max(0.0, _time(step, count) - empty))
        floors.append(max(1e-12, _time(_floor, count) - empty))
    sums = summarize(ours, 1e9)
    calls = blocks * count
    report.row(label, sums.p50, sums.p90, sums.p99, summarize(floors, 1e9).p50, ratio(ours, floors), None, calls)
    report.figure(key, sums.p50, 1)


def _empty() -> None:
    """Be the call around what is measured, which is taken off."""


def _time(step: Step, count: int) -> float:
    """Return the seconds of one of so many steps."""
    begun = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - begun) / count
