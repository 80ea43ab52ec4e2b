"""The events of the statistical detector, which BeamLens emits without declaring them."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Event, Field, Severity, event, fields
from beamlens.telemetry.shared_fields import SYSTEM_TIME

__all__ = ["ANOMALY_EVENTS"]


def _anomaly(
    name: str, meaning: str, *metadata: str, measures: tuple[Field, ...] = (), severity: Severity = "info"
) -> Event:
    return event(
        f"anomaly.{name}",
        "undeclared",
        meaning,
        fields(*metadata),
        measurements=SYSTEM_TIME + measures,
        severity=severity,
    )


ANOMALY_EVENTS: Final[tuple[Event, ...]] = (
    _anomaly(
        "detector.learning_complete",
        "The time of learning is over; baselines will be computed.",
        measures=fields("elapsed_ms: float"),
    ),
    _anomaly(
        "detector.anomaly_detected",
        "A metric is far from its baseline.",
        *("skill: str", "metric: str"),
        measures=fields("value: float"),
        severity="warning",
    ),
    _anomaly(
        "detector.escalation",
        "Anomalies kept coming; the coordinator is to look. `anomalies` has `skill`, `metric` and `value` of each.",
        "anomalies: list[dict]",
        measures=fields("anomaly_count: int"),
        severity="warning",
    ),
    _anomaly(
        "detector.trigger_rate_limited",
        "There were too many escalations in the last hour for another.",
        "max_triggers_per_hour: int",
        measures=fields("triggers_in_last_hour: int"),
        severity="warning",
    ),
    _anomaly("detector.auto_trigger_started", "The coordinator is invoked.", "anomaly_summary: str"),
    _anomaly(
        "detector.auto_trigger_failed", "The coordinator could not be invoked.", "reason: object", severity="error"
    ),
    _anomaly(
        "detector.cooldown_started", "After an escalation: quiet for a while.", measures=fields("cooldown_ms: float")
    ),
    _anomaly("detector.cooldown_complete", "Watching again.", measures=fields("elapsed_ms: float")),
    _anomaly(
        "detector.metric_collection_failed",
        "A skill's snapshot failed.",
        *("skill: str", "error: object"),
        severity="warning",
    ),
    _anomaly(
        "detector.baseline_calculation_failed",
        "A skill's baselines could not be computed.",
        *("skill: str", "error: object"),
        severity="warning",
    ),
    _anomaly(
        "baseline_store.dets_open_failed",
        "The file of baselines could not be opened; they are kept in memory.",
        *("file: str", "reason: object"),
        severity="error",
    ),
    _anomaly(
        "baseline_store.dets_insert_failed",
        "A baseline could not be written.",
        *("key: str", "reason: object"),
        severity="error",
    ),
    _anomaly(
        "baseline_store.dets_delete_failed",
        "A baseline could not be deleted.",
        *("key: str", "reason: object"),
        severity="error",
    ),
)
