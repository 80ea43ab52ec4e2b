"""What an operator holds of its skill: in the application, through the probe, or here, in its own process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import pykka

from beamlens.errors import SkillError
from beamlens.probe.faults import Redact, unredacted
from beamlens.probe.messages import (
    CALLBACK_DOCS,
    CHECKS,
    DESCRIBE,
    NAMES,
    SNAPSHOT,
    Answer,
    Call,
    Failed,
    ListNodes,
    NodeInfo,
    SkillFacts,
)
from beamlens.probe.runner import START, SkillRunner
from beamlens.probe.specs import skill_spec
from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill
from supervision.errors import AskCycle, MailboxFull, MessageError

__all__ = ["Access", "LocalSkill", "RemoteSkill", "SkillAccess"]

_MARGIN: Final = 2.0
"""Seconds that the probe gets beyond a call's limit to say that it is over."""


_RESTART_SECONDS: Final = 5.0


class SkillAccess(Protocol):
    """Call a skill, wherever it runs. Any thread; each call ends, with a result or a `SkillError`."""

    @property
    def name(self) -> str:
        """The skill's name."""
        ...

    def snapshot(self) -> tuple[dict[str, Any], float]:
        """Return how the subject stands now, and how many seconds it took there."""
        ...

    def call(self, name: str, *args: Any) -> Any:
        """Return what a callback returns, as plain data."""
        ...

    def ask(self, name: str, args: Sequence[Any] = (), seconds: float | None = None) -> Answer:
        """Return the answer to any call, with what it cost; `seconds` may shorten its limit."""
        ...

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks as functions, by name: what a sandbox is given."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return the names of the callbacks there are now."""
        ...

    def docs(self) -> str:
        """Return the callbacks' documentation as Markdown."""
        ...

    def checks(self) -> tuple[Check, ...]:
        """Return what the rules check for."""
        ...

    def facts(self) -> SkillFacts:
        """Return all that an operator needs to know at its start."""
        ...

    def close(self) -> None:
        """Be done with it."""
        ...


class Access:
    """The calls of `SkillAccess` in terms of one, `ask`."""

    def ask(self, name: str, args: Sequence[Any] = (), seconds: float | None = None) -> Answer:
        """Return the answer to any call, with what it cost; `seconds` may shorten its limit."""
        raise NotImplementedError

    def snapshot(self) -> tuple[dict[str, Any], float]:
        """Return how the subject stands now, and how many seconds it took there."""
        answer = self.ask(SNAPSHOT)
        return answer.value, answer.seconds

    def call(self, name: str, *args: Any) -> Any:
        """Return what a callback returns, as plain data."""
        return self.ask(name, args).value

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks as functions, by name: what a sandbox is given."""
        return {name: partial(self.call, name) for name in self.names()}

    def names(self) -> tuple[str, ...]:
        """Return the names of the callbacks there are now."""
        return tuple(self.ask(NAMES).value)

    def docs(self) -> str:
        """Return the callbacks' documentation as Markdown."""
        return str(self.ask(CALLBACK_DOCS).value)

    def checks(self) -> tuple[Check, ...]:
        """Return what the rules check for."""
        return tuple(self.ask(CHECKS).value)

    def facts(self) -> SkillFacts:
        """Return all that an operator needs to know at its start."""
        return self.ask(DESCRIBE).value  # type: ignore[no-any-return]


class RemoteSkill(Access):
    """Call a skill that the probe runs, in the application's process.

    Every call only reads, so one that met the end of the probe is asked again, of the probe that the supervisor
    starts in its place; it then takes up to 5 s longer. Any thread, of any process; several may call at a time.

    Args:
        probe: a ref to the probe that follows its restarts.
        name: under which the probe holds the skill.
        snapshot_seconds, callback_seconds: how long a call may take; the skill's own limits if those are shorter.
        node: which process of a group is asked; None: as the probe sees fit.
    """

    def __init__(
        self,
        probe: Any,
        name: str,
        *,
        snapshot_seconds: float = 5.0,
        callback_seconds: float = 10.0,
        node: str | None = None,
    ) -> None:
        self.name = name
        self._probe = probe
        self._snapshot_seconds = snapshot_seconds
        self._callback_seconds = callback_seconds
        self._node = node

    def at(self, node: str) -> RemoteSkill:
        """Return the same skill in another process of the group, by the node's name."""
        limits = {"snapshot_seconds": self._snapshot_seconds, "callback_seconds": self._callback_seconds}
        return RemoteSkill(self._probe, self.name, node=node, **limits)

    def nodes(self) -> list[NodeInfo]:
        """Return the processes that the probe can look into, its own first.

        Raises:
            SkillError: the probe does not answer.
        """
        answer = self._answer(ListNodes(), _MARGIN, "nodes")
        if isinstance(answer, Failed):
            raise SkillError(answer.kind, answer.text)
        return list(answer)

    def ask(self, name: str, args: Sequence[Any] = (), seconds: float | None = None) -> Answer:
        """Return the answer to any call, with what it cost; `seconds` may shorten its limit."""
        limit = self._snapshot_seconds if name == SNAPSHOT else self._callback_seconds
        allowed = limit if seconds is None else min(seconds, limit)
        call = Call(self.name, name, tuple(args), allowed, self._node)
        answer = self._answer(call, allowed, name)
        if isinstance(answer, Failed) and answer.kind == "gone":
            answer = self._answer_of_next(call, allowed, answer)
        if isinstance(answer, Answer):
            return answer
        if isinstance(answer, Failed):
            raise SkillError(answer.kind, answer.text)
        raise SkillError("gone", f"what answered is no probe: it said {answer!r:.80}")

    def close(self) -> None:
        """Be done with it; the probe keeps the skill."""

    def _answer_of_next(self, call: Call, allowed: float, answer: object) -> object:
        """Ask again while the probe is being restarted, which takes as long as its skills need to stop."""
        deadline, delay = time.monotonic() + _RESTART_SECONDS, 0.005
        while isinstance(answer, Failed) and answer.kind == "gone":
            if time.monotonic() >= deadline or not self._probe.is_alive():
                break
            time.sleep(delay)
            delay = min(2 * delay, 0.1)
            answer = self._answer(call, allowed, call.name)
        return answer

    def _answer(self, message: Call | ListNodes, seconds: float, name: str) -> Any:
        try:
            return self._probe.ask(message, timeout=max(seconds, 0.0) + _MARGIN)
        except pykka.ActorDeadError as error:
            return Failed("gone", f"the probe is gone: {error}")
        except pykka.Timeout:
            return Failed("timeout", f"the probe did not answer {name}() within {seconds:g} s")
        except MailboxFull:
            return Failed("busy", "the probe has too many unread messages; try again later")
        except MessageError as error:
            return Failed("bad_arguments", f"the arguments of {name}() cannot be sent: {error}")
        except AskCycle as error:
            return Failed("refused", str(error))


class LocalSkill(Access):
    """Call a skill that runs in this process, as one with `runs_in = "operator"` does.

    Args:
        skill: what `skill_spec` takes; across processes `catalog.address_of` gives a text for it.
        redact: takes plain data and returns it without secrets.
        pid: of the observed process.

    Raises:
        ConfigurationError: it is no skill.
    """

    def __init__(self, skill: object, *, redact: Redact = unredacted, pid: int | None = None) -> None:
        self._runner = SkillRunner(skill_spec(skill), redact, os.getpid() if pid is None else pid)
        self.name = self._runner.name

    @property
    def skill(self) -> Skill | None:
        """The instance; None while it is not started. For tests: its own thread uses it."""
        return self._runner.skill

    def start(self) -> None:
        """Start its collectors now; without this the first call does.

        Raises:
            SkillError: they could not be started.
        """
        self.ask(START)

    def ask(self, name: str, args: Sequence[Any] = (), seconds: float | None = None) -> Answer:
        """Return the answer to any call, with what it cost; `seconds` may shorten its limit."""
        try:
            answer = self._runner.submit(name, args, seconds).get(timeout=self._runner.limit(name) + _MARGIN)
        except pykka.Timeout:
            raise SkillError("timeout", f"{name}() did not end in time") from None
        return answer  # type: ignore[no-any-return]

    def close(self, seconds: float = _MARGIN) -> None:
        """Stop its collectors and its thread, waiting at most so many seconds."""
        self._runner.close().wait(seconds)

    def __enter__(self) -> LocalSkill:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
