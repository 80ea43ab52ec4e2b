"""A notification as the coordinator's rules read it, out of `Notification.to_dict()`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from beamlens.llm.rules.causes import key_of
from beamlens.llm.rules.findings import SEVERITY_RANK
from beamlens.llm.rules.moments import seconds_of
from beamlens.llm.rules.words import CONFIRMED

__all__ = ["Told", "told_of"]

_SHORTEST_ENTITY = 3  # characters: numbers and single letters name nothing


@dataclass(frozen=True, slots=True)
class Told:
    """One finding of an operator.

    Args:
        key: in the table of causes; None where the table does not know it.
        at: seconds since the epoch; 0 where unknown.
        entities: names that may be shared; without those that every finding of a process shares.
        confirmed: whether the operator looked closer and found it so.
        severity: 1 to 3.
    """

    id: str
    operator: str
    kind: str
    severity: int
    observation: str
    hypothesis: str | None
    entities: frozenset[str]
    key: str | None
    node: str
    at: float
    confirmed: bool
    remedy: str | None
    status: str


def told_of(notifications: object) -> tuple[Told, ...]:
    """Read notifications; what has no id is left out, and each id counts once."""
    found: dict[str, Told] = {}
    for given in notifications if isinstance(notifications, list | tuple) else ():
        if isinstance(given, dict) and given.get("id"):
            found[str(given["id"])] = _told(given)
    return tuple(found.values())


def _told(given: Mapping[str, Any]) -> Told:
    kind, node = str(given.get("anomaly_type") or ""), str(given.get("node") or "")
    cause = given.get("cause")
    return Told(
        str(given["id"]),
        str(given.get("operator") or ""),
        kind,
        SEVERITY_RANK.get(str(given.get("severity")), 1),
        str(given.get("observation") or ""),
        given.get("hypothesis") or None,
        frozenset(_names(given.get("entities") or (), node)),
        key_of(cause if isinstance(cause, str) else None, kind),
        node,
        seconds_of(given.get("detected_at")) or 0.0,
        CONFIRMED in str(given.get("context") or ""),
        given.get("remedy") or None,
        str(given.get("status") or "unread"),
    )


def _names(entities: Iterable[object], node: str) -> Iterable[str]:
    host = node.rpartition(":")[0]
    for entity in entities:
        name = str(entity).strip()
        if len(name) >= _SHORTEST_ENTITY and not name.isdigit() and name not in (node, host):
            yield name
