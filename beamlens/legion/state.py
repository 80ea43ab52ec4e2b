"""Where an agent stands: its conversation, its variables, the turn that is on. Values, from which it can go on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from beamlens.agent.context import Context
from beamlens.legion.content import Content
from beamlens.legion.results import Cancelled, Ok, Result
from supervision import wire_value

__all__ = ["Conversation", "Decision", "TurnState"]

_REMEMBERED: Final = 8


@wire_value
@dataclass(frozen=True, slots=True)
class Decision:
    """Code that the model wants to be run, saved before it is: whoever goes on knows that it may have run."""

    action: str
    code: str
    call_id: str


@wire_value
@dataclass(frozen=True, slots=True)
class TurnState:
    """Where a turn stands between two steps.

    Args:
        call_id: of the message that it answers.
        content: the message.
        deadline: seconds for the whole turn.
        iteration: steps that went on.
        retries: failures in a row.
        replies: of the model that were kept, in this turn.
        pending: what was being evaluated; None between evaluations.
        crashes: how many times the process died in it.
    """

    call_id: str
    content: Content
    deadline: float | None = None
    iteration: int = 0
    retries: int = 0
    replies: int = 0
    pending: Decision | None = None
    crashes: int = 0

    @property
    def run_id(self) -> str:
        """Return what names the turn among the jobs of its agent."""
        return self.call_id


@wire_value
@dataclass(frozen=True, slots=True)
class Conversation:
    """Hold all that an agent is besides its class.

    Args:
        context: the conversation without the system prompt.
        bindings: Lua's global variables.
        turn: the turn that is on.
        outcomes: of the last turns, for who asks again.
        used: what the agent has used in all; see `Meter`.
    """

    context: Context = field(default_factory=Context)
    bindings: dict[str, Any] = field(default_factory=dict)
    turn: TurnState | None = None
    outcomes: dict[str, Any] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)

    def with_turn(self, **changes: Any) -> Conversation:
        """Return it with the turn changed."""
        assert self.turn is not None, "a turn is on"
        return replace(self, turn=replace(self.turn, **changes))

    def ended(self, result: Result, bindings: dict[str, Any]) -> Conversation:
        """Return it with the turn ended."""
        assert self.turn is not None, "a turn is on"
        outcomes = {**self.outcomes, self.turn.call_id: result}
        while len(outcomes) > _REMEMBERED:
            outcomes.pop(next(iter(outcomes)))
        return replace(self, turn=None, outcomes=outcomes, bindings=bindings)

    def outcome(self, call_id: str) -> Result | None:
        """Return what a turn came to lately."""
        found = self.outcomes.get(call_id)
        return found if isinstance(found, Ok | Cancelled) else None
