"""What operators ask of the probe, and what it answers: small frozen values that cross processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from beamlens.skills.checks import Check
from supervision import wire_value

if TYPE_CHECKING:
    from beamlens.probe.specs import SkillSpec

__all__ = [
    "CALLBACK_DOCS",
    "CHECKS",
    "DESCRIBE",
    "NAMES",
    "SNAPSHOT",
    "AddSkill",
    "Answer",
    "Call",
    "Failed",
    "ListNodes",
    "ListSkills",
    "NodeInfo",
    "RemoveSkill",
    "SkillFacts",
]

SNAPSHOT: Final = "snapshot"
CALLBACK_DOCS: Final = "callback_docs"
CHECKS: Final = "checks"
DESCRIBE: Final = "describe"
NAMES: Final = "names"


@wire_value
@dataclass(frozen=True, slots=True)
class Call:
    """Ask for one call of a skill; answered by an `Answer` or a `Failed`, within `seconds`.

    Args:
        skill: the name under which the probe holds it.
        name: `snapshot`, `callback_docs`, `checks`, `describe`, `names`, or that of a callback.
        args: of a callback; plain data.
        seconds: how long it may take, the wait for its turn included; None or more means the skill's own limit.
        node: which process of a group is meant, by its name; None: the tree's own, but a snapshot is of all of them;
            empty: the one that is asked, as it is.
    """

    skill: str
    name: str
    args: tuple[Any, ...] = ()
    seconds: float | None = None
    node: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class ListSkills:
    """Ask for the names of the skills that the probe holds; answered by a list of texts."""


@wire_value
@dataclass(frozen=True, slots=True)
class ListNodes:
    """Ask for the processes that the probe can look into; answered by a list of `NodeInfo`, the own one first."""


@wire_value
@dataclass(frozen=True, slots=True)
class NodeInfo:
    """Describe one process of a program.

    Args:
        name: by which findings name it.
        pid: its process id.
        elected: whether the operators' tree runs in it.
        silent_seconds: since when it has not answered though it was asked; 0 where it answers.
    """

    name: str
    pid: int
    elected: bool = False
    silent_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AddSkill:
    """Ask to hold one more skill, also after a restart; in the application only.

    Answered once its `start()` is over, by an `Answer` of its name or a `Failed`; one whose start failed is held
    too, and started again by the next call.

    Args:
        skill: what it is and how it is made.
    """

    skill: SkillSpec


@wire_value
@dataclass(frozen=True, slots=True)
class RemoveSkill:
    """Ask to stop a skill and to hold it no more; answered by an `Answer` (whether it ended in time) or a `Failed`.

    Args:
        skill: its name.
    """

    skill: str


@wire_value
@dataclass(frozen=True, slots=True)
class Answer:
    """Carry the result of a call and what it cost the process where it ran.

    Args:
        value: plain data; for `checks` a tuple of `Check`, for `describe` a `SkillFacts`.
        seconds: from its start to its end.
        cpu_seconds: of these, those that its thread spent on a processor.
    """

    value: Any
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@wire_value
@dataclass(frozen=True, slots=True)
class Failed:
    """Carry the reason why a call has no result; the fields of a `SkillError`, which does not travel itself.

    Args:
        kind: as `SkillError.kind`.
        text: as `SkillError.text`.
    """

    kind: str
    text: str


@wire_value
@dataclass(frozen=True, slots=True)
class SkillFacts:
    """Say what an operator needs to know of its skill at its start.

    Args:
        id, title, description, system_prompt: as the skill declares them.
        docs: the callbacks' documentation, that of the base callbacks included; Markdown.
        names: of the callbacks, sorted.
        checks: what the rules check for.
        snapshot_seconds, callback_seconds: the limits of one call.
    """

    id: str
    title: str
    description: str
    system_prompt: str
    docs: str
    names: tuple[str, ...]
    checks: tuple[Check, ...]
    snapshot_seconds: float
    callback_seconds: float
