"""Whether an explanation is the true one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beamlens.demo.faults import Fault

__all__ = ["Verdict", "judge", "warnings"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say what was found.

    Args:
        found: whether the true cause was.
        cause: the key of the cause that was named; None where none was.
        why: a sentence.
        insight: the insight that was judged, as plain data.
    """

    found: bool
    cause: str | None
    why: str
    insight: Mapping[str, Any] | None = None


def judge(fault: Fault, outcome: Mapping[str, Any]) -> Verdict:
    """Compare a run's first insight with the truth.

    It must name the true cause as the root, not as one of several, and a place that is part of it.

    Args:
        fault: the truth.
        outcome: `Outcome.to_dict()`.
    """
    insight = next((one for one in outcome["insights"] if one["notification_ids"]), None)
    if insight is None:
        return Verdict(False, None, "nothing was found")
    cited = [one for one in outcome["notifications"] if one["id"] in insight["notification_ids"]]
    cause = _root_cause(insight, cited)
    named = next((name for name in fault.named if name.lower() in _said(insight).lower()), None)
    if cause != fault.cause:
        return Verdict(False, cause, f"the cause is {fault.cause}; {cause or 'none'} was named", insight)
    if named is None:
        why = f"the cause was named, but not where it is: one of {', '.join(fault.named)} is expected"
        return Verdict(False, cause, why, insight)
    return Verdict(True, cause, f"the true cause, at {named}", insight)


def warnings(outcome: Mapping[str, Any]) -> list[str]:
    """Return the observations that were more than information: in a healthy program there are none."""
    return [str(one["observation"]) for one in outcome["notifications"] if one["severity"] != "info"]


def _root_cause(insight: Mapping[str, Any], cited: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the cause that the hypothesis names first; where it names none, that of the first finding cited."""
    hypothesis = str(insight.get("root_cause_hypothesis") or "")
    order = {number: place for place, number in enumerate(insight["notification_ids"])}
    causes = [one["cause"] for one in sorted(cited, key=lambda one: order[one["id"]]) if one.get("cause")]
    named = sorted((place, cause) for cause in causes if (place := hypothesis.find(cause)) >= 0)
    return str(named[0][1]) if named else causes[0] if causes else None


def _said(insight: Mapping[str, Any]) -> str:
    return f"{insight.get('root_cause_hypothesis') or ''} {insight['summary']}"
