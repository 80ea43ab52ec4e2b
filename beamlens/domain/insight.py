"""What the coordinator concluded from notifications."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from beamlens.domain.ids import new_id, now
from supervision import wire_value

__all__ = ["CONFIDENCES", "CORRELATION_TYPES", "Confidence", "CorrelationType", "Insight"]

CorrelationType = Literal["temporal", "causal", "symptomatic"]
Confidence = Literal["high", "medium", "low"]
CORRELATION_TYPES: tuple[str, ...] = get_args(CorrelationType)
CONFIDENCES: tuple[str, ...] = get_args(Confidence)


@wire_value
@dataclass(frozen=True, slots=True)
class Insight:
    """Correlate notifications.

    Args:
        notification_ids: what it rests on; none where the system was found healthy.
        correlation_type: `temporal` (close in time), `causal` (one caused another) or `symptomatic` (a common cause).
        summary: the answer, without guesses.
        matched_observations: the observations it rests on, word for word.
        hypothesis_grounded: whether facts of two operators or more support the hypothesis.
        confidence: `high`, `medium` or `low`.
        root_cause_hypothesis: the cause, where there is one to name.
        trace_id: the coordinator's run.

    Raises:
        ValueError: an unknown correlation type or confidence.
    """

    notification_ids: tuple[str, ...]
    correlation_type: CorrelationType
    summary: str
    matched_observations: tuple[str, ...]
    hypothesis_grounded: bool
    confidence: Confidence
    root_cause_hypothesis: str | None = None
    trace_id: str = ""
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        if self.correlation_type not in CORRELATION_TYPES:
            raise ValueError(
                f"correlation_type is {self.correlation_type!r}; one of {', '.join(CORRELATION_TYPES)} is expected"
            )
        if self.confidence not in CONFIDENCES:
            raise ValueError(f"confidence is {self.confidence!r}; one of {', '.join(CONFIDENCES)} is expected")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "id": self.id,
            "notification_ids": list(self.notification_ids),
            "correlation_type": self.correlation_type,
            "summary": self.summary,
            "matched_observations": list(self.matched_observations),
            "hypothesis_grounded": self.hypothesis_grounded,
            "root_cause_hypothesis": self.root_cause_hypothesis,
            "confidence": self.confidence,
            "created_at": self.created_at.isoformat(),
            "trace_id": self.trace_id,
        }
