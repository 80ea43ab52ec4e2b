"""What models were used for: counts by caller and by run, and the tally that the application keeps.

The gateway counts in its own process, and its counts end with it. So it tells each settled call as the event
`llm.usage`, from which the application keeps a `UsageTally` that outlives gateways, and gives a restarted gateway
its past back: limits for an hour or a run hold over a crash.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from beamlens import telemetry
from beamlens.llm.model import Usage
from supervision import wire_value

__all__ = ["HOUR", "Counts", "Hour", "Past", "UsageCount", "UsageQuery", "UsageReport", "UsageTally"]

logger = logging.getLogger("beamlens.llm")

HOUR: Final = 3600.0
_SLICE: Final = 10.0
_MOST_NAMES: Final = 1000  # runs and callers that are counted one by one; the longest unused are forgotten
_USAGE: Final = ("beamlens", "llm", "usage")
_STARTED: Final = ("beamlens", "gateway", "started")


@wire_value
@dataclass(frozen=True, slots=True)
class UsageCount:
    """Count calls of models.

    Args:
        calls: requests that went to a provider, also those that failed.
        failures: how many of them failed.
        usage: their tokens by kind. A call that failed has none, though the provider may bill it.
        money: what they cost in US dollars, as far as prices are known.
        unpriced: how many took tokens of a model whose price is not known; `money` is too low when there are any.
    """

    calls: int = 0
    failures: int = 0
    usage: Usage = field(default_factory=Usage)
    money: float = 0.0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Return all tokens, in and out."""
        return self.usage.total_tokens

    def __add__(self, other: UsageCount) -> UsageCount:
        return UsageCount(
            self.calls + other.calls,
            self.failures + other.failures,
            self.usage + other.usage,
            self.money + other.money,
            self.unpriced + other.unpriced,
        )


@wire_value
@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Ask a gateway for its `UsageReport`."""


@wire_value
@dataclass(frozen=True, slots=True)
class UsageReport:
    """Say what models were used for.

    Args:
        total: everything.
        by_caller: by who asked, such as `operator:vm`; of the last 1000 callers.
        by_run: by trace id; of the last 1000 runs.
        last_hour: the last 3600 seconds.
        in_flight: requests that are with a provider now.
    """

    total: UsageCount = field(default_factory=UsageCount)
    by_caller: dict[str, UsageCount] = field(default_factory=dict)
    by_run: dict[str, UsageCount] = field(default_factory=dict)
    last_hour: UsageCount = field(default_factory=UsageCount)
    in_flight: int = 0


@wire_value
@dataclass(frozen=True, slots=True)
class Past:
    """Tell a gateway what its predecessors counted.

    Args:
        report: their counts.
        hour: (seconds ago, count) of what falls into the last hour.
    """

    report: UsageReport
    hour: tuple[tuple[float, UsageCount], ...] = ()


class Hour:
    """Sum what was counted in the last hour, exact to ten seconds. One thread.

    Args:
        seconds: the length of the window.
    """

    def __init__(self, seconds: float = HOUR) -> None:
        self._seconds = seconds
        self._slices: dict[int, UsageCount] = {}  # by the number of the ten seconds
        self._total = UsageCount()

    def add(self, now: float, count: UsageCount) -> None:
        """Count something that happened at a monotonic time."""
        number = int(now // _SLICE)
        self._slices[number] = self._slices.get(number, UsageCount()) + count
        self._total += count

    def total(self, now: float) -> UsageCount:
        """Return the sum over the window that ends now."""
        self._drop(now)
        return self._total

    def slices(self, now: float) -> tuple[tuple[float, UsageCount], ...]:
        """Return (seconds ago, count) of each ten seconds in which something happened, oldest first."""
        self._drop(now)
        return tuple((now - number * _SLICE, count) for number, count in sorted(self._slices.items()))

    def relief(self, now: float) -> float | None:
        """Return in how many seconds the oldest count leaves the window; None when there is none."""
        self._drop(now)
        return (min(self._slices) + 1) * _SLICE + self._seconds - now if self._slices else None

    def _drop(self, now: float) -> None:
        gone = [number for number in self._slices if (number + 1) * _SLICE + self._seconds <= now]
        for number in gone:
            del self._slices[number]
        if gone:
            self._total = sum(self._slices.values(), UsageCount())  # added up anew: differences of floats would drift


class Counts:
    """Count calls in all, by caller, by run and over the last hour. One thread.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._total = UsageCount()
        self._callers: OrderedDict[str, UsageCount] = OrderedDict()
        self._runs: OrderedDict[str, UsageCount] = OrderedDict()
        self._hour = Hour()

    def add(self, caller: str, run_id: str, count: UsageCount) -> None:
        """Count."""
        self._total += count
        _add(self._callers, caller, count)
        _add(self._runs, run_id, count)
        self._hour.add(self._clock(), count)

    def run(self, run_id: str) -> UsageCount:
        """Return what one run used."""
        return self._runs.get(run_id, UsageCount())

    def last_hour(self) -> UsageCount:
        """Return what was used in the last hour."""
        return self._hour.total(self._clock())

    def relief(self) -> float | None:
        """Return in how many seconds the oldest part of the last hour is forgotten."""
        return self._hour.relief(self._clock())

    def report(self, in_flight: int = 0) -> UsageReport:
        """Return all counts."""
        return UsageReport(self._total, dict(self._callers), dict(self._runs), self.last_hour(), in_flight)

    def past(self) -> Past:
        """Return what a new gateway should know."""
        return Past(self.report(), self._hour.slices(self._clock()))

    def remember(self, past: Past) -> None:
        """Add what predecessors counted."""
        self._total += past.report.total
        for name, count in past.report.by_caller.items():
            _add(self._callers, name, count)
        for name, count in past.report.by_run.items():
            _add(self._runs, name, count)
        for ago, count in past.hour:
            self._hour.add(self._clock() - ago, count)


def _add(counts: OrderedDict[str, UsageCount], name: str, count: UsageCount) -> None:
    counts[name] = counts.get(name, UsageCount()) + count
    counts.move_to_end(name)
    while len(counts) > _MOST_NAMES:
        counts.popitem(last=False)


class _Gateway(Protocol):
    def tell(self, message: Any) -> None:
        """Send a message."""


class UsageTally:
    """Keep the counts of all gateways of an application, one after the other. Any thread.

        with UsageTally(gateway_ref) as tally:
            ...
            tally.report().total.tokens

    Args:
        gateway: a ref that follows restarts; told the past when a gateway starts again. None: only count.
        clock: monotonic seconds.
        tree: whose gateway; None for those of all trees of the application.
    """

    def __init__(
        self,
        gateway: _Gateway | None = None,
        clock: Callable[[], float] = time.monotonic,
        tree: str | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._counts = Counts(clock)
        self.gateway = gateway
        self._tree = tree

    def __enter__(self) -> UsageTally:
        """Count from now on."""
        telemetry.attach_many(self, [_USAGE, _STARTED], self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting."""
        telemetry.detach(self)

    def report(self) -> UsageReport:
        """Return what was used since the tally began; `in_flight` is not known here and 0."""
        with self._lock:
            return self._counts.report()

    def _hear(self, name: Any, measurements: Any, metadata: Any, _config: object) -> None:
        if self._tree is not None and metadata.get("tree") != self._tree:
            return
        if name == _USAGE:
            with self._lock:
                self._counts.add(metadata["caller"], metadata["trace_id"], _count_of(measurements, metadata))
        else:
            self._remind()

    def _remind(self) -> None:
        with self._lock:
            past = self._counts.past()
        if self.gateway is None or past.report.total.calls == 0:
            return
        try:
            self.gateway.tell(past)
        except Exception as error:
            # It is gone again. A handler that raises would be detached, and nothing counted any more.
            logger.info("the gateway was not told what its predecessors used: %s", error)


def _count_of(measurements: Any, metadata: Any) -> UsageCount:
    usage = Usage(
        measurements["input_tokens"],
        measurements["output_tokens"],
        measurements["cache_read_tokens"],
        measurements["cache_write_tokens"],
    )
    money = measurements.get("cost_usd")
    count = UsageCount(1, 0 if metadata["failure"] is None else 1, usage)
    return replace(count, unpriced=1) if money is None else replace(count, money=money)
