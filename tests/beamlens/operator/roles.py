"""An operator's role without processes: a skill in this process, and an ear for its events."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from beamlens.agent.loop import Outcome
from beamlens.domain import Notification
from beamlens.errors import SkillError
from beamlens.llm.model import ToolCall
from beamlens.llm.schema import violations
from beamlens.operator.events import OperatorEvents
from beamlens.operator.findings import Findings
from beamlens.operator.messages import Invoke
from beamlens.operator.role import OperatorRole, Subject
from beamlens.operator.schemas import TOOLS
from tests.beamlens.e2e.trees import Ear, hearing

RUN = "a" * 32


@dataclass
class FakeSkill:
    """Count snapshots, or fail."""

    name: str = "toy"
    taken: int = 0
    error: SkillError | None = None
    size: int = 1

    def snapshot(self) -> tuple[dict[str, Any], float]:
        if self.error is not None:
            raise self.error
        self.taken += 1
        return {"n": self.taken, "pad": "x" * self.size}, 0.001


@dataclass
class Bench:
    """A role to call tools of."""

    role: OperatorRole
    ear: Ear
    skill: FakeSkill
    sent: list[Notification] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def call(self, name: str, **arguments: Any) -> Outcome:
        schema = next(tool for tool in TOOLS if tool.name == name)
        assert not violations(arguments, schema.parameters)
        return self.role.perform(ToolCall("c", name, arguments), 0)

    def result(self, name: str, **arguments: Any) -> Any:
        outcome = self.call(name, **arguments)
        return outcome.result  # type: ignore[union-attr]

    def finding(self, *ids: str, **more: Any) -> Outcome:
        said = {"type": "t", "context": "c", "observation": "o", "severity": "warning", "snapshot_ids": list(ids)}
        return self.call("send_notification", **{**said, **more})


@contextlib.contextmanager
def bench(
    evaluate: Callable[[str], tuple[Any, str | None]] | None = None, *, continuous: bool = False, **invoke: Any
) -> Iterator[Bench]:
    subject = Subject("toy", "toy", "Toy", "A toy.", "You watch a toy.", "### toy_n()", (), ("toy_n",), "here:1")
    skill = FakeSkill()
    sent: list[Notification] = []
    kept: list[int] = []
    with hearing() as ear:
        role = OperatorRole(
            subject,
            skill,  # type: ignore[arg-type]
            evaluate or (lambda code: (code, None)),  # type: ignore[arg-type]
            Findings(Invoke(run_id=RUN, **invoke)),
            OperatorEvents("toy", RUN),
            lambda: kept.append(len(ear.events)),
            sent.append,
            pace=1.0,
            continuous=continuous,
            max_iterations=25,
        )
        yield Bench(role, ear, skill, sent, kept)
