"""The actors that the tests run: a probe that can be crashed, and operators that hold skills."""

from __future__ import annotations

import os
from typing import Any

import pykka

from beamlens.errors import SkillError
from beamlens.probe.messages import ListSkills
from beamlens.probe.probe import Probe
from beamlens.probe.remote import LocalSkill, RemoteSkill
from supervision import ProcessActor
from supervision.future import ReplyFuture

__all__ = ["FragileProbe", "LocalHolder", "Parrot", "RemoteHolder", "Silent"]


class FragileProbe(Probe):
    """Crash when told to."""

    def on_receive(self, message: Any) -> object:
        if message == "crash":
            raise RuntimeError("told to")
        return super().on_receive(message)


class Silent(pykka.ThreadingActor):
    """Never answer."""

    def on_receive(self, message: Any) -> object:
        return ReplyFuture()


class Parrot(pykka.ThreadingActor):
    """Answer what no probe answers."""

    def on_receive(self, message: Any) -> object:
        return "pretty Polly"


class _Holder(ProcessActor):
    """Call the skill, and say what came of it: [pid, "ok", result] or [pid, kind, text]."""

    skill: Any

    def on_receive(self, message: Any) -> object:
        name, *args = message
        try:
            return [os.getpid(), "ok", getattr(self.skill, name)(*args)]
        except SkillError as error:
            return [os.getpid(), error.kind, error.text]


class RemoteHolder(_Holder):
    """Hold a skill of the probe's."""

    def __init__(self, probe: Any, name: str) -> None:
        super().__init__()
        self.probe = probe
        self.skill = RemoteSkill(probe, name)

    def on_receive(self, message: Any) -> object:
        return self.probe.ask(message, timeout=20) if isinstance(message, ListSkills) else super().on_receive(message)


class LocalHolder(_Holder):
    """Hold a skill of its own."""

    def __init__(self, address: str, pid: int) -> None:
        super().__init__()
        self.skill = LocalSkill(address, pid=pid)

    def on_stop(self) -> None:
        self.skill.close()
