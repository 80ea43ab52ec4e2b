"""Put a group of findings into the words of an insight, with the confidence that it deserves."""

from __future__ import annotations

from typing import Any

from beamlens.llm.rules.causes import Effect, means
from beamlens.llm.rules.correlate import Group, way
from beamlens.llm.rules.words import plural, shorten

__all__ = ["confidence", "healthy_insight", "insight", "summary"]

_LONGEST = 4000


def insight(group: Group, remarks: str = "") -> dict[str, Any]:
    """Return the arguments of `produce_insight`.

    Args:
        group: what belongs together.
        remarks: what else the reader must know, such as operators that crashed.
    """
    told: dict[str, Any] = {
        "notification_ids": list(group.ids),
        "correlation_type": group.kind,
        "summary": shorten(f"{summary(group)} {remarks}".strip(), _LONGEST),
        "matched_observations": list(dict.fromkeys(one.observation for one in group.told)),
        "hypothesis_grounded": group.kind != "temporal" and len(group.operators) >= 2,
        "confidence": confidence(group),
    }
    cause = _root_cause(group)
    if cause:
        told["root_cause_hypothesis"] = shorten(cause, _LONGEST)
    return told


def confidence(group: Group) -> str:
    """Return how sure the group is.

    `high`: two operators or more whose findings share an entity or stand in the table as cause and effect, and one of
    them looked closer and found it so. `medium`: somebody looked closer. `low`: all else.
    """
    confirmed = any(one.confirmed for one in group.told)
    if confirmed and len(group.operators) >= 2 and (group.kind == "causal" or group.shared):
        return "high"
    return "medium" if confirmed else "low"


def summary(group: Group) -> str:
    """Return what was seen, the cause first, without guesses."""
    seen = " ".join(f"{one.operator}: {_sentence(one.observation)}" for one in group.told)
    shared = f" They share: {', '.join(group.shared[:5])}." if group.shared else ""
    return f"{seen}{shared}"


def healthy_insight(finished: list[str], silent: list[str], remarks: str) -> dict[str, Any]:
    """Return the arguments of `produce_insight` where nothing was found.

    Args:
        finished: the operators whose runs ended well.
        silent: the others: nothing is known of their subjects.
        remarks: why not.
    """
    if finished:
        said = f"no anomaly found by {plural(len(finished), 'operator')}: {', '.join(finished)}."
    else:
        said = "nothing could be observed: no operator could tell."
    return {
        "notification_ids": [],
        "correlation_type": "temporal",
        "summary": f"{said} {remarks}".strip(),
        "matched_observations": [],
        "hypothesis_grounded": False,
        "confidence": "low" if silent or not finished else "medium",
    }


def _root_cause(group: Group) -> str | None:
    root = group.root
    if group.kind == "symptomatic" and group.hidden:
        return f"A common cause that was not seen itself may be {group.hidden}: {means(group.hidden)}."
    if root.key is None:
        return root.hypothesis if root.confirmed else None
    parts = [f"{root.key}: {means(root.key)}{_where(group)}."]
    if root.hypothesis:
        parts.append(_sentence(root.hypothesis))
    parts += [f"{row.cause} makes {row.effect}: {row.because}." for row in _rows(group)]
    if root.remedy:
        parts.append(f"What to do: {_sentence(root.remedy)}")
    return " ".join(parts)


def _where(group: Group) -> str:
    names = sorted(group.root.entities)
    return f" ({', '.join(names[:3])})" if names else ""


def _rows(group: Group) -> list[Effect]:
    """Return the rows of the table that lead from the cause to its effects, each once."""
    keys = {one.key for one in group.told}
    rows: dict[Effect, None] = {}
    for place, effect in enumerate(group.told):
        ways = [way(cause, effect, keys) for cause in group.told[:place]]
        for row in min((known for known in ways if known), key=len, default=()):
            rows[row] = None
    return list(rows)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
