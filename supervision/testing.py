"""What tests of supervised code need: this package tests itself with the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from supervision import telemetry
from supervision.leak_guard import LeakError, LeakGuard, Resource

__all__ = [
    "CapturedEvents",
    "Event",
    "FakeClock",
    "LeakError",
    "LeakGuard",
    "Resource",
    "capture_events",
    "wait_until",
]

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 10.0, interval: float = 0.005) -> T:
    """Wait until `condition()` is true and return what it returned.

    Args:
        condition: called again and again in the calling thread, at least once; what it raises is raised.
        timeout: seconds.
        interval: seconds between two calls.

    Raises:
        TimeoutError: it was never true.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            name = getattr(condition, "__qualname__", repr(condition))
            raise TimeoutError(f"{name} was not true within {timeout} s; the last answer was {value!r}")
        time.sleep(interval)


class FakeClock:
    """Stand in for the monotonic clock; time passes only by `advance`. Safe from any thread."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Return the time in seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> float:
        """Let time pass and return the new time.

        Raises:
            ValueError: the seconds are negative; this clock does not go back.
        """
        if not seconds >= 0:
            raise ValueError(f"a monotonic clock does not go back, nor by {seconds!r}")
        with self._lock:
            self._now += seconds
            return self._now


@dataclass(frozen=True, slots=True)
class Event:
    """Hold one emitted event."""

    name: telemetry.EventName
    measurements: telemetry.Measurements
    metadata: telemetry.Metadata


class CapturedEvents:
    """Collect events, from any thread; what `capture_events` gives."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._arrived = threading.Condition()

    @property
    def events(self) -> list[Event]:
        """Return a copy of what was collected so far, in order of arrival."""
        with self._arrived:
            return list(self._events)

    def names(self) -> list[telemetry.EventName]:
        """Return the names of what was collected so far, in order of arrival."""
        return [event.name for event in self.events]

    def named(self, name: telemetry.EventName) -> list[Event]:
        """Return the events of one name."""
        return [event for event in self.events if event.name == name]

    def wait_for(self, predicate: Callable[[Event], object], timeout: float = 10.0) -> Event:
        """Return the first event for which the predicate is true, also one that came before the call.

        Args:
            predicate: called once for each event, in the calling thread.
            timeout: seconds.

        Raises:
            TimeoutError: no such event came; the text has the names of those that did.
        """
        deadline = time.monotonic() + timeout
        looked_at = 0
        while True:
            fresh = self._after(looked_at, deadline - time.monotonic())
            looked_at += len(fresh)
            for event in fresh:
                if predicate(event):
                    return event
            if time.monotonic() >= deadline:
                raise TimeoutError(f"no such event within {timeout} s, only {self.names()!r}")

    def _after(self, count: int, timeout: float) -> list[Event]:
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._events) > count, timeout)
            return self._events[count:]

    def collect(
        self,
        name: telemetry.EventName,
        measurements: telemetry.Measurements,
        metadata: telemetry.Metadata,
        config: object,
    ) -> None:
        """Take an event: the handler that is attached."""
        with self._arrived:
            self._events.append(Event(name, measurements, metadata))
            self._arrived.notify_all()


@contextmanager
def capture_events(names: Iterable[telemetry.EventName]) -> Iterator[CapturedEvents]:
    """Collect all events of these names while the block runs.

    with capture_events([("shop", "order", "stop")]) as captured:
        place_order()
    assert captured.events[0].metadata["customer"] == 7
    """
    captured = CapturedEvents()
    telemetry.attach_many(captured, names, captured.collect)
    try:
        yield captured
    finally:
        telemetry.detach(captured)
