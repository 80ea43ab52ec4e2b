"""A handler that keeps what it heard and holds it against the table."""

from __future__ import annotations

from typing import Any

from beamlens import telemetry
from beamlens.telemetry import EventName, Measurements, Metadata

RUN: dict[str, object] = {"trace_id": "a" * 32, "iteration": 3}


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[EventName, dict[str, Any], dict[str, Any]]] = []
        self.violations: list[str] = []
        telemetry.attach_many("recorder", telemetry.event_names(), self._hear)

    def _hear(self, name: EventName, measurements: Measurements, metadata: Metadata, config: object) -> None:
        self.events.append((name, dict(measurements), dict(metadata)))
        self.violations += telemetry.check(name, measurements, metadata)

    @property
    def names(self) -> list[str]:
        return [".".join(name) for name, _, _ in self.events]
