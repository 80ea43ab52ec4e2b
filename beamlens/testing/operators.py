"""Test an operator without a network, a supervisor or a process of its own: its loop, its tools, its skill, real Lua.

def test_redis_operator() -> None:
    script = [("take_snapshot", {}), ("execute", {"code": "return redis_slowlog(1)"}), ("done", {})]
    with OperatorHarness(RedisSkill, script=script, client=FakeRedis()) as operator:
        completion = operator.run("slow pages")
    assert completion.ending == "done"
    assert operator.results("execute") == [[{"duration": 5}]]
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from beamlens import telemetry
from beamlens.agent.control import Control
from beamlens.domain import Completion, new_trace_id
from beamlens.errors import SkillError
from beamlens.llm.model import ModelReply, ModelRequest
from beamlens.llm.registry import build, validate
from beamlens.operator.findings import Findings
from beamlens.operator.investigation import Investigation
from beamlens.operator.messages import Invoke, OperatorConfig, RunOptions
from beamlens.operator.resources import Resources, subject_of
from beamlens.operator.role import Subject
from beamlens.parts import Parts
from beamlens.probe.faults import Redact, unredacted
from beamlens.probe.remote import SkillAccess
from beamlens.testing.skills import SkillHarness

__all__ = ["OperatorHarness"]


class OperatorHarness:
    """Run an operator in this process and thread.

    A context manager: the skill is started at the beginning and stopped at the end.

    Args:
        skill: a class, a function skill, or a name.
        script: what the model says: a list of steps, as `docs/testing.md` has them; None: the model is the rules.
        pace: seconds between two snapshots, for the rules.
        redact: takes plain data and returns it without secrets.
        kwargs: what the skill's class is constructed with.

    Raises:
        ConfigurationError: it is no skill, or no script.
    """

    def __init__(
        self,
        skill: object,
        /,
        *,
        script: Sequence[Any] | Mapping[str, Any] | Callable[[ModelRequest], Any] | None = None,
        pace: float = 0.05,
        redact: Redact = unredacted,
        **kwargs: Any,
    ) -> None:
        self.skill = SkillHarness(skill, redact=redact, **kwargs)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._model = _model(script)
        self._pace = pace

    def __enter__(self) -> Self:
        self.skill.__enter__()
        telemetry.attach_many(self, telemetry.event_names(), self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        telemetry.detach(self)
        self.skill.__exit__(kind, error, trace)

    def run(self, context: Any = None, **options: Any) -> Completion:
        """Have the operator investigate, and return what that came to. The calling thread.

        Args:
            context: what to look into: a text, or a mapping with `reason`; None: look around.
            options: of `RunOptions`, such as `max_iterations` and `deadline`.
        """
        reason = {} if context is None else dict(context) if isinstance(context, Mapping) else {"reason": str(context)}
        invoke = Invoke(run_id=new_trace_id(), reason=reason, options=RunOptions(**options))
        name = self.skill.access.name
        config = OperatorConfig(name=name, skill=name, tree="", pace=self._pace, journal=False, pid=os.getpid())
        resources = _Resources(config, self.skill, self._model)
        return Investigation(config, resources, Findings(invoke), Control(options.get("deadline"))).run()

    @property
    def tools(self) -> list[str]:
        """Return the names of the tools that were used, in order."""
        return [about["tool_name"] for name, about in self.events if name == "tool.start"]

    def results(self, tool: str) -> list[Any]:
        """Return what a tool gave, each time it was used."""
        return [about["result"] for name, about in self.events if name == "tool.stop" and about["tool_name"] == tool]

    def _hear(self, name: Any, measurements: Any, metadata: Any, _config: object) -> None:
        self.events.append((".".join(name[1:]), dict(metadata)))


class _Resources(Resources):
    """Find everything here."""

    def __init__(self, config: OperatorConfig, skill: SkillHarness, model: _InProcess) -> None:
        super().__init__(config, Parts(""))
        self._harness = skill
        self._asked = model

    @property
    def journal(self) -> Any:
        """Nobody keeps a journal."""
        return None

    def model(self, run_id: str, client: str | None) -> Any:
        """Return the model."""
        return self._asked

    def skill(self) -> SkillAccess:
        """Return the skill, in this process."""
        return self._harness.access

    def subject(self) -> Subject:
        """Return what the skill says of itself."""
        return subject_of(self._config, self._harness.access.facts())

    def evaluate(self, code: str, cancel: threading.Event | None = None) -> tuple[Any, str | None]:
        """Run Lua in a real sandbox."""
        try:
            return self._harness.lua(code), None
        except (AssertionError, SkillError) as error:
            return None, str(error)


class _InProcess:
    """Ask a model here, where a gateway would."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def complete(self, request: ModelRequest, cancel: threading.Event | None = None) -> ModelReply:
        return asyncio.run(self._model.complete(request))  # type: ignore[no-any-return]


def _model(script: Any) -> _InProcess:
    if callable(script):
        from beamlens.llm.providers.scripted import Scripted

        return _InProcess(Scripted(script))
    provider = "rules" if script is None else "scripted"
    registry = validate(provider=provider, options=None if script is None else {"script": script})
    return _InProcess(build(registry, {})[registry.primary])
