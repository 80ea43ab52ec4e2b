"""What an event costs: `telemetry.execute` with nobody attached, and with some."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.stats import ratio, summarize
from supervision import telemetry

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {"execute_no_handler_ns": ("<=", 500.0)}

_EVENT: Final = ("benchmarks", "event")
_OTHER: Final = ("benchmarks", "other")
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
    for handlers, key in ((1, "execute_1_handler_ns"), (10, "execute_10_handlers_ns")):
        with _Attached(_EVENT, handlers) as attached:
            label = f"{handlers} empty handler{'s' * (handlers > 1)}"
            _row(report, label, _execute, blocks, count, key)
            expected = blocks * count * handlers
            if attached.calls != expected:
                raise AssertionError(f"{expected} calls of handlers expected, {attached.calls} counted")
    _row(report, "span, no handler", _span, blocks, count // 5, "span_no_handler_ns")
    report.verdicts(TARGETS)


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
