"""What members of a group tell each other: small frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from supervision import wire_value

__all__ = ["Ask", "Hello", "Refused", "Told", "Trouble", "Welcome"]


@wire_value
@dataclass(frozen=True, slots=True)
class Hello:
    """Ask to be taken in; the first message on a connection.

    Args:
        version: of this package; members of one group have the same.
        name: the node's.
        pid: its process id.
    """

    version: str
    name: str
    pid: int


@wire_value
@dataclass(frozen=True, slots=True)
class Welcome:
    """Answer that a node is taken in.

    Args:
        name: by which it is known; another one where the one it gave is taken.
    """

    name: str


@wire_value
@dataclass(frozen=True, slots=True)
class Refused:
    """Answer that a node is not taken in, and why."""

    reason: str


@wire_value
@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the other end something; answered by a `Told` of the same number.

    Args:
        number: of this question; 0 where no answer is wanted.
        op: what is asked for.
        value: what it needs.
    """

    number: int
    op: str
    value: Any = None


@wire_value
@dataclass(frozen=True, slots=True)
class Told:
    """Answer an `Ask`; with a `Trouble` where that was not possible."""

    number: int
    value: Any = None


@wire_value
@dataclass(frozen=True, slots=True)
class Trouble:
    """Say why a question has no answer.

    Args:
        kind: the name of an error of this package, `timeout`, or `unavailable` (ask again).
        text: what is wrong, and what to do.
    """

    kind: str
    text: str
