"""The event bus: code says what happens, whoever wants to know attaches a handler.

The semantics are those of Erlang's `telemetry` library:

- An event's name is a tuple of strings, `("supervision", "child", "down")`; it has measurements (numbers)
  and metadata (what it is about).
- Handlers run in the emitting thread, in the order of attachment. A slow handler delays the emitter.
- Telemetry cannot hurt: `execute` never raises. A handler that raises anything, `SystemExit` included, is
  detached for all its events, an error is logged, and `("telemetry", "handler", "failure")` is emitted:

      measurements   monotonic_time, system_time (nanoseconds)
      metadata       event_name, handler_id, handler_config, kind, reason, stacktrace

  `kind` is `"error"` for an `Exception` and `"exit"` for any other `BaseException`, `reason` the exception
  itself and `stacktrace` a list with one text for each frame. A failure while such a failure is being told
  is only logged.

An event that nobody attached to costs one look-up in a dictionary. What an emitter gives that is no event
(measurements that are no mapping, a name that is no tuple) is logged and reaches nobody.

Events cross processes: the parent learns through `set_interest_listener` which names anybody attached to,
a child sends on these only (`set_forwarder`), and the parent hands them to its handlers with `deliver`.

The functions of this module act on one bus for the whole process and may be called from any thread.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeVar

from supervision.bus import (
    FAILURE,
    AlreadyExistsError,
    Bus,
    EventName,
    Handler,
    HandlerFunction,
    Measurements,
    Metadata,
    NotFoundError,
    describe,
)

__all__ = [
    "AlreadyExistsError",
    "EventName",
    "FAILURE",
    "Handler",
    "HandlerFunction",
    "Measurements",
    "Metadata",
    "NotFoundError",
    "Span",
    "attach",
    "attach_many",
    "deliver",
    "detach",
    "execute",
    "interested",
    "list_handlers",
    "set_forwarder",
    "set_interest_listener",
    "span",
    "span_call",
]

T = TypeVar("T")


class Span:
    """Time a block of code and tell its start and its end; what `span` returns. One use only.

    Attributes:
        metadata: what all its events carry, `telemetry_span_context` included.
    """

    __slots__ = ("_prefix", "_started", "_stop_measurements", "metadata")

    def __init__(self, event_prefix: EventName, metadata: Metadata | None = None) -> None:
        self._prefix = event_prefix
        self._started = time.monotonic_ns()
        self._stop_measurements: Measurements = {}
        self.metadata: Metadata = {"telemetry_span_context": _context(self._started), **(metadata or {})}

    def add(self, metadata: Metadata | None = None, measurements: Measurements | None = None) -> None:
        """Add metadata, and measurements for the stop, that only the body knows; later ones win."""
        if metadata:
            self.metadata = {**self.metadata, **metadata}
        if measurements:
            self._stop_measurements = {**self._stop_measurements, **measurements}

    def __enter__(self) -> Self:
        self._started = time.monotonic_ns()
        times = {"monotonic_time": self._started, "system_time": time.time_ns()}
        execute((*self._prefix, "start"), times, self.metadata)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = time.monotonic_ns()
        times = {"duration": now - self._started, "monotonic_time": now}
        if error is None:
            execute((*self._prefix, "stop"), {**self._stop_measurements, **times}, self.metadata)
        else:
            execute((*self._prefix, "exception"), times, {**self.metadata, **describe(error)})


def span(event_prefix: EventName, metadata: Metadata | None = None) -> Span:
    """Return a context manager that emits `prefix + ("start",)`, then `"stop"` or `"exception"`.

        with span(("shop", "order"), {"customer": 7}) as order:
            lines = place()
            order.add({"lines": len(lines)}, {"bytes": size(lines)})

    Start measures `monotonic_time` and `system_time`, the others `duration` and `monotonic_time`, in
    nanoseconds. All carry the metadata given, those at the end also what was added, so that a handler can
    rely on the last event alone; `exception` has `kind`, `reason` and `stacktrace` as a handler's failure.
    What the body raises goes on to the caller. `telemetry_span_context`, a string that no other span of any
    process has, is there unless it was given.
    """
    return Span(event_prefix, metadata)


def span_call(event_prefix: EventName, metadata: Metadata | None, function: Callable[[], T]) -> T:
    """Call the function in a span (see `span`) and return what it returns."""
    with span(event_prefix, metadata):
        return function()


_span_count = itertools.count()


def _context(now: int) -> str:
    # The time beside the process' number since the kernel gives numbers again.
    return f"{os.getpid():x}-{now:x}-{next(_span_count):x}"


_bus: Final = Bus()
os.register_at_fork(after_in_child=_bus.after_fork)

attach = _bus.attach
attach_many = _bus.attach_many
detach = _bus.detach
list_handlers = _bus.list_handlers
execute = _bus.execute
deliver = _bus.deliver
interested = _bus.interested
set_interest_listener = _bus.set_interest_listener
set_forwarder = _bus.set_forwarder
