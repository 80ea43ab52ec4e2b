"""An operator's tools performed in memory, on a series of snapshots and a clock that only waiting moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from beamlens.domain import Completion, HealthState, Notification, Snapshot
from beamlens.llm.model import Message, ModelReply, ModelRequest, ToolCall
from beamlens.llm.rules import RulesModel
from beamlens.operator.schemas import TOOLS as OPERATOR_TOOLS
from beamlens.skills.checks import Check

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN = "0" * 31 + "1"


class ToolFailed(Exception):
    """The tool's error, for the model."""


@dataclass
class OperatorSimulator:
    """Runs one operator with the rules provider.

    Args:
        checks: the skill's.
        data: seconds since the start -> what `snapshot()` returns.
        drill: Lua -> its result; it may raise `ToolFailed`.
        seconds_a_step: what each step takes beside waiting.
    """

    checks: Sequence[Check]
    data: Callable[[float], dict[str, Any]]
    drill: Callable[[str], object] = lambda code: {}
    name: str = "vm"
    mode: str = "on_demand"
    reason: str | None = None
    max_iterations: int = 25
    pace_seconds: float = 1.0
    seconds_a_step: float = 0.01
    state: HealthState = "healthy"
    clock: float = 0.0
    run_id: str = RUN
    iteration: int = 0
    ended: bool = False
    snapshots: list[Snapshot] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    replies: list[ModelReply] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def run(self) -> Completion:
        """Step until the model says that it is done, or the limit of steps."""
        while not self.ended and self.iteration < self.max_iterations:
            self.step()
        return Completion(
            self.name,
            "done" if self.ended else "max_iterations",
            self.state,
            tuple(self.notifications),
            tuple(self.snapshots),
            iterations=self.iteration,
        )

    def step(self) -> ToolCall:
        """Ask the model once and perform what it chose."""
        reply = asyncio.run(RulesModel(gather_seconds=0).complete(self.request()))
        assert reply.call is not None, reply.problem
        self.replies.append(reply)
        self.calls.append(reply.call)
        self.iteration += 1
        self.clock += self.seconds_a_step
        try:
            text, is_error = json.dumps(self._perform(reply.call)), False
        except ToolFailed as error:
            text, is_error = json.dumps({"error": str(error)}), True
        self.messages.append(Message("assistant", reply.text, reply.call))
        self.messages.append(Message("user", text, answers=reply.call.id, is_error=is_error))
        return reply.call

    def request(self) -> ModelRequest:
        opening = Message("user", json.dumps({"reason": self.reason or "look around"}))
        return ModelRequest(
            "system",
            (opening, *self.messages, Message("user", f"Current state: {self.state}")),
            OPERATOR_TOOLS,
            caller=f"operator:{self.name}",
            run_id=self.run_id,
            facts=self.facts(),
        )

    def facts(self) -> dict[str, Any]:
        return {
            "role": "operator",
            "operator": self.name,
            "skill": self.name,
            "state": self.state,
            "mode": self.mode,
            "pace_seconds": self.pace_seconds,
            "iteration": self.iteration,
            "max_iterations": self.max_iterations,
            "reason": self.reason,
            "checks": list(self.checks),
            "snapshots": [snapshot.to_dict() for snapshot in self.snapshots[-20:]],
            "notifications": [told.to_dict(snapshots=False) for told in self.notifications],
        }

    def names(self) -> list[str]:
        """Return the tools that were called, in order."""
        return [call.name for call in self.calls]

    def called(self, name: str) -> list[ToolCall]:
        return [call for call in self.calls if call.name == name]

    def _perform(self, call: ToolCall) -> object:
        perform: Callable[..., object] = getattr(self, f"_{call.name}")
        return perform(**call.arguments)

    def _think(self, thought: str) -> object:
        return {"thought": thought, "recorded": True}

    def _done(self) -> object:
        self.ended = True
        return {}

    def _wait(self, ms: int) -> object:
        self.clock += ms / 1000
        return {"waited": ms}

    def _set_state(self, state: HealthState, reason: str) -> object:
        self.state = state
        self.states.append(state)
        return {"state": state}

    def _take_snapshot(self) -> object:
        captured = START + timedelta(seconds=self.clock)
        snapshot = Snapshot(self.data(self.clock), self.name, f"{0xA000 + len(self.snapshots):016x}", captured)
        self.snapshots.append(snapshot)
        return snapshot.to_dict()

    def _execute(self, code: str) -> object:
        return self.drill(code)

    def _send_notification(self, type: str, snapshot_ids: list[str], **told: Any) -> object:
        known = {snapshot.id: snapshot for snapshot in self.snapshots}
        unknown = [number for number in snapshot_ids if number not in known]
        if unknown:
            raise ToolFailed(f"snapshots not found: {', '.join(unknown)}")
        entities = tuple(told.pop("entities", ()))
        notification = Notification(
            self.name,
            type,
            snapshots=tuple(known[number] for number in snapshot_ids),
            trace_id=self.run_id,
            node="host:1",
            entities=entities,
            id=f"{0xB000 + len(self.notifications) + 0x100 * len(self.name):016x}",
            detected_at=START + timedelta(seconds=self.clock),
            **told,
        )
        self.notifications.append(notification)
        return {"notification_sent": notification.id}
