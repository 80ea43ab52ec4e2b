"""Make notifications and completions for the coordinator's tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from beamlens.domain import Completion, Notification, Snapshot
from beamlens.llm.rules.told import Told, told_of
from beamlens.llm.rules.words import CONFIRMED
from tests.beamlens.llm.rules.operator_simulator import RUN, START

_SNAPSHOT = Snapshot({"threads": 3}, "vm", "00000000000000aa", START)


def notice(operator: str, kind: str, **told: Any) -> Notification:
    """Return a notification; `confirmed`, `at` (seconds) and `number` stand beside its own fields."""
    number, at = told.pop("number", 1), told.pop("at", 0.0)
    context = CONFIRMED if told.pop("confirmed", False) else "Seen in 2 snapshots."
    return Notification(
        operator,
        kind,
        told.pop("severity", "warning"),
        context,
        told.pop("observation", f"{operator} saw {kind}"),
        (_SNAPSHOT,),
        RUN,
        node=told.pop("node", "host:1"),
        id=f"{number:016x}",
        detected_at=START + timedelta(seconds=at),
        **told,
    )


def told(*notices: Notification) -> tuple[Told, ...]:
    return told_of([one.to_dict(snapshots=False) for one in notices])


def completion(operator: str, *notices: Notification, **more: Any) -> Completion:
    return Completion(operator, more.pop("ending", "done"), "healthy", tuple(notices), **more)
