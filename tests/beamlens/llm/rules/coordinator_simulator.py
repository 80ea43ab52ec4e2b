"""The coordinator's tools performed in memory, over simulated operators."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beamlens.coordinator.schemas import TOOLS as COORDINATOR_TOOLS
from beamlens.domain import Completion, Insight, Notification
from beamlens.llm.model import Message, ModelReply, ModelRequest, ToolCall
from beamlens.llm.rules import RulesModel
from tests.beamlens.llm.rules.operator_simulator import RUN, ToolFailed


@dataclass
class CoordinatorSimulator:
    """Runs the coordinator with the rules provider.

    Args:
        operators: name -> what its run comes to: a completion, or the reason of its crash.
        waits: how many of the coordinator's waits the operators run for.
    """

    operators: Mapping[str, Callable[[], Completion | str]]
    descriptions: Mapping[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    waits: int = 2
    max_iterations: int = 25
    takes_empty_insights: bool = True
    iteration: int = 0
    ended: bool = False
    invoked: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    completed: list[Completion] = field(default_factory=list)
    crashed: list[dict[str, str]] = field(default_factory=list)
    inbox: dict[str, Notification] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    insights: list[Insight] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    replies: list[ModelReply] = field(default_factory=list)

    def run(self) -> Sequence[Insight]:
        while not self.ended and self.iteration < self.max_iterations:
            self.step()
        return self.insights

    def step(self) -> None:
        reply = asyncio.run(RulesModel(gather_seconds=0).complete(self.request()))
        assert reply.call is not None, reply.problem
        self.replies.append(reply)
        self.calls.append(reply.call)
        self.iteration += 1
        try:
            perform: Callable[..., object] = getattr(self, f"_{reply.call.name}")
            text, is_error = json.dumps(perform(**reply.call.arguments)), False
        except ToolFailed as error:
            text, is_error = json.dumps({"error": str(error)}), True
        self.messages.append(Message("assistant", reply.text, reply.call))
        self.messages.append(Message("user", text, answers=reply.call.id, is_error=is_error))

    def request(self) -> ModelRequest:
        facts = {
            "role": "coordinator",
            "context": self.context,
            "iteration": self.iteration,
            "max_iterations": self.max_iterations,
            "operators": [
                {"name": name, "title": name, "description": self.descriptions.get(name, "")} for name in self.operators
            ],
            "invoked": list(self.invoked),
            "running": list(self.running),
            "completed": [completion.to_dict() for completion in self.completed],
            "crashed": list(self.crashed),
            "inbox": [
                {"status": self.statuses[number], **told.to_dict(snapshots=False)}
                for number, told in self.inbox.items()
            ],
            "insights": [insight.to_dict() for insight in self.insights],
        }
        prompt = Message("user", "Process notifications")
        return ModelRequest("system", (*self.messages, prompt), COORDINATOR_TOOLS, run_id=RUN, facts=facts)

    def names(self) -> list[str]:
        return [call.name for call in self.calls]

    def called(self, name: str) -> list[ToolCall]:
        return [call for call in self.calls if call.name == name]

    def put(self, notification: Notification) -> None:
        self.inbox[notification.id] = notification
        self.statuses.setdefault(notification.id, "unread")

    def _think(self, thought: str) -> object:
        return {"recorded": True}

    def _invoke_operators(self, skills: list[str], context: str | None = None) -> object:
        started = [name for name in skills if name in self.operators and name not in self.invoked]
        self.invoked += started
        self.running += started
        return {"started": started}

    def _wait(self, ms: int) -> object:
        self.waits -= 1
        if self.waits <= 0:
            for name in self.running:
                self._end(name)
            self.running.clear()
        return {"waited": ms}

    def _end(self, name: str) -> None:
        result = self.operators[name]()
        if isinstance(result, str):
            self.crashed.append({"operator": name, "reason": result})
            return
        self.completed.append(result)
        for told in result.notifications:
            self.put(told)

    def _get_notifications(self, status: str = "all") -> object:
        return [
            told.to_dict(snapshots=False)
            for number, told in self.inbox.items()
            if status in ("all", self.statuses[number])
        ]

    def _update_notification_statuses(self, notification_ids: list[str], status: str, reason: str = "") -> object:
        self.statuses.update(dict.fromkeys(notification_ids, status))
        return {"updated": notification_ids}

    def _produce_insight(self, **told: Any) -> object:
        ids, observations = told["notification_ids"], told["matched_observations"]
        if not ids and not self.takes_empty_insights:
            raise ToolFailed("notification_ids required")
        known = {told.observation for told in self.inbox.values()}
        if set(ids) - set(self.inbox) or set(observations) - known:
            raise ToolFailed("unknown notification or observation")
        sources = {self.inbox[number].operator for number in ids}
        if told["hypothesis_grounded"] and len(sources) < 2:
            raise ToolFailed("grounded by one operator alone")
        told["notification_ids"], told["matched_observations"] = tuple(ids), tuple(observations)
        self.insights.append(Insight(**told))
        self.statuses.update(dict.fromkeys(ids, "resolved"))
        return {"insight_produced": self.insights[-1].id}

    def _done(self) -> object:
        if self.running:
            raise ToolFailed("operators are running")
        self.ended = True
        return {}
