"""What the tests of the bus emit, and handlers to attach."""

from __future__ import annotations

from supervision.telemetry import EventName, HandlerFunction, Measurements, Metadata

A: EventName = ("test", "a")
B: EventName = ("test", "b")
NO_NUMBERS: dict[str, object] = {}
LOGGER = "supervision.telemetry"


class Recorder:
    """A handler that keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[EventName, Measurements, Metadata, object]] = []

    def __call__(self, name: EventName, measurements: Measurements, metadata: Metadata, config: object) -> None:
        self.calls.append((name, measurements, metadata, config))


def raising(error: BaseException) -> HandlerFunction:
    def handler(*_: object) -> None:
        raise error

    return handler
