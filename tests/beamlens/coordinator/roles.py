"""The coordinator's role without processes: a team that does what the test says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from beamlens.agent.loop import Continue, Outcome
from beamlens.coordinator.events import CoordinatorEvents
from beamlens.coordinator.messages import Investigate, Member
from beamlens.coordinator.progress import Progress
from beamlens.coordinator.role import CoordinatorRole
from beamlens.coordinator.schemas import TOOLS
from beamlens.domain import Completion, Notification, Snapshot
from beamlens.llm.model import ToolCall
from beamlens.llm.schema import violations
from tests.beamlens.e2e.trees import Ear, hearing

RUN = "b" * 32
MEMBERS = (Member("alpha", "Alpha", "The first."), Member("beta", "Beta", "The second."))


def note(operator: str, observation: str, number: str = "") -> Notification:
    made = Notification(operator, "t", "warning", "c", observation, (Snapshot({"n": 1}),), "c" * 32)
    return made if not number else Notification(**{**_fields(made), "id": number})


def _fields(made: Notification) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}


@dataclass
class FakeTeam:
    """Send nobody out, remember who was to go."""

    sent: list[tuple[str, str, dict[str, Any], bool]] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    answer: dict[str, Any] = field(default_factory=lambda: {"response": "fine"})
    woken: int = 0

    def find(self, operator: str) -> Any:
        return None if operator in self.missing else f"ref of {operator}"

    def send(self, operator: str, ref: Any, reason: dict[str, Any], run_id: str, *, begun: bool = False) -> None:
        self.sent.append((operator, run_id, reason, begun))

    def ask(self, operator: str, question: str, timeout: float) -> dict[str, Any]:
        return {"skill": operator, **self.answer}

    def statuses(self, operators: list[str]) -> list[dict[str, Any]]:
        return [{"skill": name, "alive": True} for name in operators]

    def wake(self) -> None:
        self.woken += 1


@dataclass
class Bench:
    role: CoordinatorRole
    team: FakeTeam
    ear: Ear
    kept: list[Progress]

    @property
    def progress(self) -> Progress:
        return self.role.progress

    def call(self, name: str, **arguments: Any) -> Outcome:
        schema = next(tool for tool in TOOLS if tool.name == name)
        assert not violations(arguments, schema.parameters)
        return self.role.perform(ToolCall("c", name, arguments), 0)

    def result(self, name: str, **arguments: Any) -> Any:
        outcome = self.call(name, **arguments)
        assert isinstance(outcome, Continue)
        return outcome.result

    def insight(self, *ids: str, **more: Any) -> Continue:
        arguments = {
            "notification_ids": list(ids),
            "correlation_type": "causal",
            "summary": "s",
            "matched_observations": [],
            "hypothesis_grounded": False,
            "confidence": "high",
            **more,
        }
        outcome = self.call("produce_insight", **arguments)
        assert isinstance(outcome, Continue)
        return outcome

    def run_id(self, operator: str) -> str:
        return dict(self.progress.running)[operator]

    def finish(self, operator: str, ending: Any = "done", *found: Notification, **more: Any) -> Completion:
        completion = Completion(operator, ending, notifications=found, trace_id=self.run_id(operator), **more)
        self.role.finished(completion)
        return completion


@contextlib.contextmanager
def bench(*inbox: Notification, members: tuple[Member, ...] = MEMBERS) -> Iterator[Bench]:
    team = FakeTeam()
    kept: list[Progress] = []
    progress = Progress(Investigate(run_id=RUN, context={"reason": "alert"})).with_notifications(*inbox)
    with hearing() as ear:
        role = CoordinatorRole(
            progress,
            members,
            CoordinatorEvents(lambda: (True, len(kept)), RUN),
            lambda _: team,  # type: ignore[arg-type, return-value]
            lambda: kept.append(role.progress),
            25,
        )
        yield Bench(role, team, ear, kept)
