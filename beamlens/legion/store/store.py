"""The seam between Legion and what keeps conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from beamlens.legion.rules import Rule, Violation
from supervision import wire_value

__all__ = ["Checkpoint", "Claim", "ClaimLost", "Kept", "Lost", "Refused", "Saved", "Store"]

Status = Literal["idle", "running"]


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Save where an agent stands.

    Args:
        agent_id: the agent.
        status: `running` in a turn, `idle` between two.
        body: what is replaced by it, packed.
        first: the number of the first of `messages`; those from it on are replaced.
        messages: packed, one by one.
        taken: the call that the turn answers, which is waiting no more.
        owner: the program that saves it; None for whoever.
    """

    agent_id: str
    status: Status
    body: bytes
    first: int = 0
    messages: tuple[bytes, ...] = ()
    taken: str | None = None
    owner: str | None = None


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Make an agent this program's, for so many seconds, unless another program has it.

    Args:
        agent_id: the agent.
        agent: its class, `module:Class`.
        parent_id: who started it.
        owner: names this program.
        seconds: for which the claim holds without being renewed.
        rules: that must allow one more agent.
    """

    agent_id: str
    agent: str
    owner: str
    seconds: float
    parent_id: str | None = None
    rules: tuple[Rule, ...] = ()


@wire_value
@dataclass(frozen=True, slots=True)
class Refused:
    """Say why a claim was refused: `already_started`, `agent_mismatch` or `rate_limited`."""

    reason: str
    detail: str = ""
    violations: tuple[Violation, ...] = ()


@wire_value
@dataclass(frozen=True, slots=True)
class Lost:
    """Say that an agent is no more this program's, which did not renew its claim in time."""

    agent_id: str
    owner: str | None


class ClaimLost(Exception):
    """Another program has the agent: this one must not go on with it."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(f"agent {lost.agent_id!r} is no more this program's, but {lost.owner or 'nobody'}'s")


@wire_value
@dataclass(frozen=True, slots=True)
class Saved:
    """Hold what was saved of an agent last.

    Args:
        agent: its class.
        status, body, messages: as they were saved.
        waiting: calls that were accepted and not begun, packed.
        owner: the program that has it.
    """

    agent: str
    status: Status
    body: bytes | None
    messages: tuple[bytes, ...]
    waiting: tuple[bytes, ...] = ()
    owner: str | None = None


@wire_value
@dataclass(frozen=True, slots=True)
class Kept:
    """Name an agent that is kept."""

    agent_id: str
    agent: str
    status: Status
    parent_id: str | None
    started_at: float
    identity: dict[str, str] = field(default_factory=dict)


class Store(Protocol):
    """Keep agents. Called on one thread at a time; each call is one transaction, and durable when it returns."""

    def claim(self, claim: Claim) -> Refused | None:
        """Make an agent a program's, or say why not."""
        ...

    def renew(self, owner: str, seconds: float) -> None:
        """Let all claims of a program hold for so many seconds from now."""
        ...

    def release(self, agent_id: str, owner: str) -> None:
        """Give an agent up; what is kept of it stays."""
        ...

    def release_all(self, owner: str) -> None:
        """Give all agents of a program up."""
        ...

    def save(self, checkpoint: Checkpoint) -> Lost | None:
        """Save where an agent stands, unless it is another owner's than the checkpoint's."""
        ...

    def accept(self, agent_id: str, call_id: str, body: bytes) -> None:
        """Keep a call that waits for its turn."""
        ...

    def load(self, agent_id: str) -> Saved | None:
        """Return what was saved of an agent, None where nothing is known of it."""
        ...

    def agents(self) -> list[Kept]:
        """Return all agents, the newest first."""
        ...

    def admit(self, agent_id: str, rules: Sequence[Rule], asked: str) -> tuple[Violation, ...]:
        """Allow one more, and count it, or return what forbids it.

        Args:
            agent_id: whose it is.
            rules: that all must hold.
            asked: `turn` (which makes the agent running), `request` or `eval`.
        """
        ...

    def spend(self, agent_id: str, tokens: int, money: float) -> None:
        """Count what a request took."""
        ...

    def forget(self, agent_id: str) -> None:
        """Remove all that is kept of an agent but what it used."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
