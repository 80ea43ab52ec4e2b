"""What a run's journal is made of: its beginning, what each step added, its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from beamlens.agent.loop import LoopState
from beamlens.llm.model import Message
from supervision import wire_value

__all__ = ["Began", "Crashed", "Ended", "Found", "Stepped"]


@wire_value
@dataclass(frozen=True, slots=True)
class Began:
    """A run was accepted.

    Args:
        owner: who runs: `operator:vm`, `coordinator`.
        run_id: its trace id.
        asked: what was asked, as the owner needs it to go on.
        at: seconds since the epoch.
        reason: what it is about, for people.
    """

    owner: str
    run_id: str
    asked: Any
    at: float
    reason: dict[str, Any] = field(default_factory=dict)


@wire_value
@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was finished.

    Args:
        at: seconds since the epoch, when it was finished.
        loop: the loop's state without its messages.
        messages: those that the step added; with `anew` all there are.
        anew: whether the conversation was shortened; then `messages` and `found` hold all there is, and what came
            before is not needed any more to go on.
        found: what the owner added: snapshots, notifications, a state ...
        crashes: how many times the owner's process had died in the run.
        seconds: what the step took: `llm` and `tool`.
    """

    at: float
    loop: LoopState
    messages: tuple[Message, ...]
    anew: bool
    found: Any
    crashes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


@wire_value
@dataclass(frozen=True, slots=True)
class Found:
    """Something was found within a step that is not finished: kept before it is told to anybody.

    Args:
        at: seconds since the epoch.
        found: as in `Stepped`.
        crashes: as in `Stepped`.
    """

    at: float
    found: Any
    crashes: int = 0


@wire_value
@dataclass(frozen=True, slots=True)
class Crashed:
    """The owner's process died in the run, and another took over."""

    at: float
    crashes: int
    pid: int


@wire_value
@dataclass(frozen=True, slots=True)
class Ended:
    """The run ended.

    Args:
        at: seconds since the epoch.
        outcome: a `Completion`, or what the coordinator answered.
    """

    at: float
    outcome: Any
