"""What a run has found so far, and how that is kept over the death of its process."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from beamlens.agent.loop import LoopState
from beamlens.domain import Completion, Ending, HealthState, Notification, Snapshot
from beamlens.domain.evidence import Evidence
from beamlens.journal.writer import in_a_step, unpack_run
from beamlens.operator.messages import Invoke
from supervision import wire_value

__all__ = ["Findings", "Gain", "restored"]


@wire_value
@dataclass(frozen=True, slots=True)
class Gain:
    """Hold what a step found."""

    state: HealthState
    snapshots: tuple[Snapshot, ...]
    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """Hold what a run has found so far.

    Args:
        invoke: what was asked.
        state: the operator's word on its subject's health.
        snapshots, notifications: oldest first.
        crashes: how many times the operator's process has died in this run.
        loop: where the loop stands.
    """

    invoke: Invoke
    state: HealthState = "healthy"
    snapshots: tuple[Snapshot, ...] = ()
    notifications: tuple[Notification, ...] = ()
    crashes: int = 0
    loop: LoopState = field(default_factory=LoopState)

    @property
    def run_id(self) -> str:
        """Return the run's trace id."""
        return self.invoke.run_id

    def gain_since(self, before: Findings | None) -> Gain:
        """Return what is here and was not in `before`; all with None."""
        if before is None:
            return Gain(self.state, self.snapshots, self.notifications)
        seen = {snapshot.id for snapshot in before.snapshots} | {sent.id for sent in before.notifications}
        return Gain(
            self.state,
            tuple(snapshot for snapshot in self.snapshots if snapshot.id not in seen),
            tuple(sent for sent in self.notifications if sent.id not in seen),
        )

    def plus(self, gain: Gain) -> Findings:
        """Return the findings with what a further step found."""
        return replace(
            self,
            state=gain.state,
            snapshots=(*self.snapshots, *gain.snapshots),
            notifications=(*self.notifications, *gain.notifications),
        )

    def completion(self, operator: str, ending: Ending, reason: str | None = None) -> Completion:
        """Return the run's end, small enough to be sent."""
        evidence = Evidence()
        return Completion(
            operator=operator,
            ending=ending,
            state=self.state,
            notifications=tuple(evidence.of(sent) for sent in self.notifications),
            snapshots=Evidence().newest(self.snapshots),
            trace_id=self.invoke.run_id,
            iterations=self.loop.iteration,
            reason=reason,
            crashes=self.crashes,
        )


def restored(records: list[Any]) -> Findings:
    """Return where an unfinished run stood: the records of its journal, put together. One more crash is counted."""
    began, state, gains, crashes = unpack_run(records)
    found = Findings(began.asked)
    for gain in gains:
        found = found.plus(gain)
    if in_a_step(records):
        state = replace(state, context=state.context.with_user(_reminder(found)))
    return replace(found, loop=state, crashes=crashes + 1)


def _reminder(found: Findings) -> str:
    """Tell the model what it did in a step of which its conversation knows nothing."""
    sent = [{"id": each.id, "observation": each.observation} for each in found.notifications]
    return json.dumps({"restarted": "your process died and goes on; sent so far:", "notifications": sent})
