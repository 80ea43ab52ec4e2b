"""Groups of fields that many events share."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Field, fields

__all__ = ["BOTH_TIMES", "CALL", "DURATION", "EXCEPTION", "RUN", "SYSTEM_TIME"]

SYSTEM_TIME: Final[tuple[Field, ...]] = fields("system_time: int")
DURATION: Final[tuple[Field, ...]] = fields("duration: int")
BOTH_TIMES: Final = SYSTEM_TIME + DURATION

# A run and the step of it; the step is missing where nothing asked for it yet.
RUN: Final = fields("trace_id: str", "iteration?: int")
# A step of a run, and who takes it: `operator:vm`, `coordinator`.
CALL: Final = fields("trace_id: str", "iteration: int", "caller?: str")
EXCEPTION: Final = fields("kind: str", "reason: object", "stacktrace: list[str]")
