"""The probe: lives in the observed process, holds its skills, and answers operators. Its mailbox never waits."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import pykka

from beamlens.domain.ids import node_name
from beamlens.errors import ConfigurationError, SkillError
from beamlens.probe import events, watchdog
from beamlens.probe.faults import Redact, unredacted
from beamlens.probe.messages import (
    SNAPSHOT,
    AddSkill,
    Answer,
    Call,
    Failed,
    ListNodes,
    ListSkills,
    NodeInfo,
    RemoveSkill,
)
from beamlens.probe.runner import START, STOP, SkillRunner
from beamlens.probe.specs import SkillSet, SkillSpec, skill_spec
from supervision.future import ReplyFuture

__all__ = ["Probe"]

logger = logging.getLogger("beamlens.probe")

_STOP_SECONDS: Final = 2.0


class Probe(pykka.ThreadingActor):
    """Run the skills that look at this process. A child of a supervisor, on a thread of its own.

    Each skill has a thread as well, so that none can block another or the probe. A skill that raises, hangs or
    returns what cannot be sent gives its asker a `Failed` and an event, and nothing else happens.

    Messages: `Call`, `ListSkills`, `AddSkill`, `RemoveSkill` (see `messages`). Nothing that is sent here can crash
    the probe. If something else does, the open calls are failed as `gone`, the skills are stopped, and the probe
    that the supervisor starts in its place starts them anew.

    Args:
        skills: what `skill_spec` takes, or a `SkillSet`, which the application can keep: skills added to the probe
            while it runs are in it, and survive a restart. Those with `runs_in = "operator"` are passed over.
        redact: takes plain data and returns it without secrets; everything that skills say goes through it.
        stop_seconds: how long the skills together get to stop; shorter than the child's own shutdown time.

    Raises:
        ConfigurationError: a skill is none, or two have one name.
    """

    def __init__(
        self,
        skills: SkillSet | Iterable[object] = (),
        redact: Redact = unredacted,
        stop_seconds: float = _STOP_SECONDS,
    ) -> None:
        super().__init__()
        self._set = skills if isinstance(skills, SkillSet) else SkillSet(skills)
        self._redact = redact
        self._stop_seconds = stop_seconds
        self._runners: dict[str, SkillRunner] = {}
        self._handlers: dict[type, Callable[[Any], object]] = {
            Call: self._call,
            ListNodes: lambda _: [NodeInfo(node_name(), os.getpid(), elected=True)],
            ListSkills: lambda _: list(self._runners),
            AddSkill: self._add,
            RemoveSkill: self._remove,
        }

    # -- life -------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Start the collectors of all skills; does not wait for them."""
        for spec in self._set.specs():
            if spec.skill.runs_in == "application":
                self._hold(spec)
        events.started(list(self._runners))

    def on_stop(self) -> None:
        """Stop the collectors, put everything back as it was, end the threads."""
        self._end()

    def on_failure(self, *_: object) -> None:
        """Do as `on_stop`: the probe that comes next must find everything as it was."""
        self._end()

    def _end(self) -> None:
        runners = list(self._runners.values())
        self._runners.clear()
        ends = [(runner, runner.close()) for runner in runners]
        deadline = time.monotonic() + self._stop_seconds
        for runner, ended in ends:
            if not ended.wait(max(0.0, deadline - time.monotonic())):
                _tell_abandoned(runner)

    def _hold(self, spec: SkillSpec) -> ReplyFuture:
        """Begin to run a skill; return the future of its start."""
        runner = SkillRunner(spec, self._redact, os.getpid(), lambda: self._snapshots(spec.name))
        self._runners[spec.name] = runner
        return runner.submit(START)

    def _snapshots(self, but: str) -> dict[str, Callable[[], Any]]:
        """Return the snapshots of all skills but one, for that one. Any thread."""
        return {name: partial(_snapshot, runner) for name, runner in list(self._runners.items()) if name != but}

    # -- messages ---------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> object:
        """Answer a message, mostly later; never raises for what others sent."""
        handler = self._handlers.get(type(message))
        if handler is None:
            logger.warning("the probe was sent a %s, which it does not know", type(message).__qualname__)
            return Failed("refused", f"the probe knows no message of type {type(message).__qualname__}")
        return handler(message)

    def _call(self, call: Call) -> ReplyFuture | Failed:
        problem = _problem(call)
        if problem:
            return Failed("bad_arguments", problem)
        runner = self._runners.get(call.skill)
        if runner is None:
            known = ", ".join(sorted(self._runners)) or "none"
            return Failed("refused", f"the probe holds no skill {call.skill!r}; it holds: {known}")
        return _reply(runner.submit(call.name, call.args, call.seconds))

    def _add(self, message: AddSkill) -> ReplyFuture | Failed:
        try:
            spec = skill_spec(message.skill)
            if spec.skill.runs_in != "application":
                raise ConfigurationError(f"{spec.name} has runs_in = {spec.skill.runs_in!r}; the probe does not run it")
            self._set.add(spec)
        except ConfigurationError as error:
            return Failed("refused", str(error))
        return _reply(self._hold(spec))

    def _remove(self, message: RemoveSkill) -> ReplyFuture | Failed:
        runner = self._runners.pop(message.skill, None) if isinstance(message.skill, str) else None
        if runner is None:
            return Failed("refused", f"the probe holds no skill {message.skill!r}")
        self._set.remove(message.skill)
        return _ended_within(runner, self._stop_seconds)


def _snapshot(runner: SkillRunner) -> Any:
    """Return a skill's snapshot for another one; raise `SkillError`."""
    return runner.submit(SNAPSHOT).get().value


def _problem(call: Call) -> str:
    """Return what is wrong with the form of a call, nothing if it is well formed."""
    seconds = call.seconds
    if not isinstance(call.skill, str) or not isinstance(call.name, str):
        return "the names of a skill and of a call are texts"
    if not isinstance(call.args, tuple | list):
        return f"arguments are a list, not {type(call.args).__name__}"
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
        return f"seconds are a number, not {type(seconds).__name__}"
    return ""


def _reply(performed: ReplyFuture) -> ReplyFuture:
    """Return the future of what travels: an `Answer`, or in place of a `SkillError` a `Failed`."""
    reply = ReplyFuture()

    def settle(done: ReplyFuture) -> None:
        try:
            reply.succeed(done.get(timeout=0))
        except SkillError as error:
            reply.succeed(Failed(error.kind, error.text))

    performed.add_done_callback(settle)
    return reply


def _ended_within(runner: SkillRunner, seconds: float) -> ReplyFuture:
    """Close a runner; return the future of an `Answer`: whether its thread ended in time."""
    reply = ReplyFuture()
    watchdog.shared.enter()

    def settle(ended: bool) -> None:
        if reply.succeed(Answer(ended)):
            watchdog.shared.forget(reply)
            watchdog.shared.leave()
            if not ended:
                _tell_abandoned(runner)

    watchdog.shared.watch(reply, time.monotonic() + seconds, lambda: settle(False))
    runner.close().add_done_callback(lambda _: settle(True))
    return reply


def _tell_abandoned(runner: SkillRunner) -> None:
    text = f"the skill {runner.name} did not stop in time; its thread was left behind and its collectors may still run"
    logger.warning("%s", text)
    events.call_failed(runner.name, STOP, SkillError("timeout", text))
