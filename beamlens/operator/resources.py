"""What an operator works with: its skill, the model, the sandbox; found by name, and found again after a restart."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import pykka

from beamlens.errors import ModelError, SkillError
from beamlens.llm.client import ModelClient
from beamlens.llm.model import ModelFailure
from beamlens.operator.messages import OperatorConfig
from beamlens.operator.role import Subject
from beamlens.parts import Parts
from beamlens.probe.local_nodes import LocalNodes
from beamlens.probe.messages import SkillFacts
from beamlens.probe.node_calls import NodeCalls
from beamlens.probe.remote import LocalSkill, RemoteSkill, SkillAccess
from beamlens.sandbox import Sandbox
from beamlens.skills.catalog import resolve
from supervision import Ref, SupervisionError

__all__ = ["Resources", "subject_of"]


class Resources:
    """Hold what an operator works with. Any thread.

    Args:
        config: the operator's.
        parts: finds the other parts of the tree.
    """

    def __init__(self, config: OperatorConfig, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        self._skill: SkillAccess | None = None
        self._subject: Subject | None = None
        self._sandbox: Sandbox | None = None
        self._lock = threading.RLock()
        self.owner: Ref | None = None  # the operator; what it asked a model is given up when it dies

    @property
    def journal(self) -> Any:
        """A ref to who keeps journals; None where nobody does."""
        return self._parts.find("journal") if self._config.journal else None

    def model(self, run_id: str, client: str | None) -> ModelClient:
        """Return what asks the model for one run.

        Raises:
            ModelError: the tree has no gateway.
        """
        gateway = self._parts.find("gateway")
        if gateway is None:
            raise ModelError(ModelFailure("gateway_down", "there is no gateway to a model in this tree", False))
        return ModelClient(gateway, f"operator:{self._config.name}", run_id, client=client, owner=self.owner)

    def skill(self) -> SkillAccess:
        """Return the skill.

        Raises:
            SkillError: there is no probe.
        """
        with self._lock:
            if self._skill is None:
                self._skill = self._find_skill()
            return self._skill

    def _find_skill(self) -> SkillAccess:
        config = self._config
        if config.local_skill is None:
            return self._remote()
        local: LocalSkill | LocalNodes
        if config.grouped:
            given = resolve(config.local_skill)
            local = LocalNodes(self._local, lambda: self._remote().nodes(), given.additive)
        else:
            local = self._local(config.pid)
        local.start()
        return local

    def _remote(self) -> RemoteSkill:
        probe = self._parts.find("probe")
        if probe is None:
            raise SkillError("gone", "there is no probe in this tree")
        return RemoteSkill(probe, self._config.skill)

    def _local(self, pid: int) -> LocalSkill:
        config = self._config
        return LocalSkill((config.local_skill, config.skill_options), redact=_redactor(config), pid=pid)

    def subject(self) -> Subject:
        """Return what the skill says of itself; asked once.

        Raises:
            SkillError: it did not answer.
        """
        with self._lock:
            if self._subject is None:
                self._subject = subject_of(self._config, self.skill().facts())
            return self._subject

    def close(self) -> None:
        """Stop a skill that runs here."""
        with self._lock:
            if self._skill is not None:
                self._skill.close()

    # -- Lua --------------------------------------------------------------------------------------

    def evaluate(self, code: str, cancel: threading.Event | None = None) -> tuple[Any, str | None]:
        """Run Lua against the skill's callbacks; return (result, None) or (None, the error in words)."""
        sandbox = self._find_sandbox(anew=False)
        if sandbox is None:
            return None, "the sandbox could not be started; go on without execute"
        result = sandbox.evaluate(code, self._callbacks(), cancel=cancel)
        if result.error is not None and result.error.kind == "unavailable":
            sandbox = self._find_sandbox(anew=True) or sandbox
            result = sandbox.evaluate(code, self._callbacks(), cancel=cancel)
        if result.error is not None:
            return None, f"{result.error.kind}: {result.error.text}"
        return result.value, None

    def _callbacks(self) -> Mapping[str, Any]:
        skill, names = self.skill(), self.subject().names
        if isinstance(skill, RemoteSkill | LocalNodes) and self._config.grouped:
            return NodeCalls(skill, names).callbacks()
        return {name: partial(skill.call, name) for name in names}

    def _find_sandbox(self, *, anew: bool) -> Sandbox | None:
        with self._lock:
            if self._sandbox is None or anew:
                keeper = self._parts.find("sandbox")
                try:
                    address = None if keeper is None else keeper.ask("address", timeout=30)
                except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
                    address = None
                if address is not None:
                    self._sandbox = Sandbox(address, allow_reduced=self._config.allow_reduced_sandbox)
            return self._sandbox


def subject_of(config: OperatorConfig, facts: SkillFacts) -> Subject:
    """Return what an operator watches, out of what its skill says of itself."""
    return Subject(
        name=config.name,
        skill=facts.id,
        title=facts.title,
        description=facts.description,
        prompt=facts.system_prompt,
        docs=facts.docs,
        checks=facts.checks,
        names=facts.names,
        node=config.node,
    )


def _redactor(config: OperatorConfig) -> Any:
    from beamlens.redact import Redactor

    return Redactor(**config.redaction).redact
