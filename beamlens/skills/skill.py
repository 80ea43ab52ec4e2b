"""What a skill is: the one thing a user writes to have their own subject watched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from beamlens.errors import ConfigurationError
from beamlens.skills.checks import Check

__all__ = ["RunsIn", "Skill", "check_skill"]

RunsIn = Literal["application", "operator"]

_ID = re.compile(r"[a-z][a-z0-9_]*\Z")


class Skill:
    """Watch one subject, read-only. Subclass it; give the class attributes, `snapshot` and callbacks.

    One instance is made in the process where it runs: the application's (`runs_in = "application"`, on a thread of
    the probe's) or the operator's own (`runs_in = "operator"`, for what the operating system knows; the application's
    process id is `self.pid`).

    Attributes:
        id: names the skill and prefixes its callbacks: `redis` and `redis_info`.
        title: for people.
        description: one line for the coordinator, which chooses operators by it.
        system_prompt: who the operator is, what its subject is, what to watch for.
        runs_in: where it runs.
        snapshot_seconds, callback_seconds: how long one call may take before it is given up.
        additive: paths of the snapshot's figures that may be added up over several processes, such as `memory.rss_mb`.
        machine_wide: whether the subject is the machine: then one process of several looks at it for all.
    """

    id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    system_prompt: ClassVar[str] = ""
    runs_in: ClassVar[RunsIn] = "application"
    snapshot_seconds: ClassVar[float] = 5.0
    callback_seconds: ClassVar[float] = 10.0
    additive: ClassVar[tuple[str, ...]] = ()
    machine_wide: ClassVar[bool] = False

    pid: int = 0  # of the observed process; set before `start()`
    # Snapshots of the probe's other skills, by name, each made when it is called; set before `start()`. Called on the
    # skill's own thread they may wait for another skill, so only a collector's thread should. They raise `SkillError`.
    peers: Callable[[], Mapping[str, Callable[[], Mapping[str, Any]]]] = dict

    def snapshot(self) -> Mapping[str, Any]:
        """Return how the subject stands now, as plain JSON data; quick, since it is called often."""
        raise NotImplementedError(f"{type(self).__name__} has no snapshot()")

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the read-only functions that Lua code may call, by name; names begin with the skill's id."""
        return {}

    def callback_docs(self) -> str:
        """Return the callbacks' documentation as Markdown; it goes into the prompt word for word."""
        return ""

    def checks(self) -> Sequence[Check]:
        """Return what the rules provider checks snapshots for."""
        return ()

    def start(self) -> None:
        """Start collectors; called once, before the first snapshot."""

    def stop(self) -> None:
        """Stop collectors and put everything back as it was."""


def check_skill(skill: object) -> type[Skill]:
    """Return `skill` if it is a usable class of skills.

    Raises:
        ConfigurationError: it lacks a member; the text says which and what is expected.
    """
    if not (isinstance(skill, type) and issubclass(skill, Skill)):
        raise ConfigurationError(f"{skill!r} is no skill: a subclass of beamlens.Skill is expected")
    name = skill.__qualname__
    if not isinstance(skill.id, str) or not _ID.match(skill.id):
        raise ConfigurationError(f"{name}.id is {skill.id!r}; lower-case letters, digits and _ are expected")
    for member in ("title", "description", "system_prompt"):
        value = getattr(skill, member)
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{name}.{member} is {value!r}; a text is expected")
    if skill.snapshot is Skill.snapshot:
        raise ConfigurationError(f"{name} has no snapshot(); define it, returning a dict of plain data")
    if skill.runs_in not in ("application", "operator"):
        raise ConfigurationError(f"{name}.runs_in is {skill.runs_in!r}; 'application' or 'operator' is expected")
    additive = skill.additive
    if isinstance(additive, str) or not all(isinstance(path, str) for path in additive):
        raise ConfigurationError(f"{name}.additive is {additive!r}; paths of figures are expected: ('memory.rss_mb',)")
    return skill
