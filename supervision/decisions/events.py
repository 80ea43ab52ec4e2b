"""What a supervisor is told: the events of the state machine, and the calls that requests carry."""

from __future__ import annotations

from collections.abc import Container, Hashable
from dataclasses import dataclass
from typing import Final

from supervision.exits import ExitReason

__all__ = [
    "NO_INFO",
    "Boot",
    "Call",
    "CountChildren",
    "DeleteChild",
    "Event",
    "Exited",
    "GetChildSpec",
    "Ignored",
    "Request",
    "RestartChild",
    "Retry",
    "StartChild",
    "StartFailed",
    "Started",
    "StopSupervisor",
    "TerminateChild",
    "TimerFired",
    "WhichChildren",
]


class _NoInfo:
    """Be the value that says: the start gave no extra information (None would be information)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_INFO"


NO_INFO: Final = _NoInfo()


@dataclass(frozen=True, slots=True)
class StartChild:
    """Ask to add a child.

    Args:
        spec: what `validate_child` takes; for simple_one_for_one a tuple or list of arguments which are
            appended to the template's.
    """

    spec: object


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Ask to stop a child.

    Args:
        target: the child's id, or its pid where `by_pid`.
        by_pid: whether `target` is a pid; dynamic supervisors want one, the others an id.
        alive: whether a pid that is no child here is a living process; OTP's answer depends on it.
    """

    target: Hashable
    by_pid: bool = False
    alive: bool = False


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Ask to start a child again that has no process."""

    target: Hashable


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Ask to forget a child that has no process."""

    target: Hashable


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """Ask for the list of children, last started first."""


@dataclass(frozen=True, slots=True)
class CountChildren:
    """Ask for the numbers of children.

    Args:
        alive: contains the pids whose processes live at the moment it is asked; None takes every pid as alive.
    """

    alive: Container[Hashable] | None = None


@dataclass(frozen=True, slots=True)
class GetChildSpec:
    """Ask for the effective specification of a child.

    Args:
        target, by_pid, alive: as for `TerminateChild`.
    """

    target: Hashable
    by_pid: bool = False
    alive: bool = False


Call = StartChild | TerminateChild | RestartChild | DeleteChild | WhichChildren | CountChildren | GetChildSpec


@dataclass(frozen=True, slots=True)
class Boot:
    """Start the initial children. The first event; whatever comes before it waits for it."""


@dataclass(frozen=True, slots=True)
class Started:
    """Tell that a `Start` succeeded.

    Args:
        key: the child's entry.
        pid: names this incarnation; never used again for another one.
        info: what the start function gave besides the process.
    """

    key: Hashable
    pid: Hashable
    info: object = NO_INFO


@dataclass(frozen=True, slots=True)
class Ignored:
    """Tell that a `Start` was declined: success without a process."""

    key: Hashable


@dataclass(frozen=True, slots=True)
class StartFailed:
    """Tell that a `Start` failed; `reason` is any value."""

    key: Hashable
    reason: object


@dataclass(frozen=True, slots=True)
class Exited:
    """Tell that a process ended: exactly once for every `Started`, whether it was stopped or not."""

    key: Hashable
    pid: Hashable
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Request:
    """Carry a call of somebody who waits for exactly one `Answer` with this id."""

    request_id: Hashable
    call: Call


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again to start a child whose restart failed; comes from a `SendSelf`."""

    key: Hashable
    token: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    """Tell that the time of a `SetTimer` is over."""

    token: int


@dataclass(frozen=True, slots=True)
class StopSupervisor:
    """Stop all children and end with this reason; told by the parent."""

    reason: ExitReason


Event = Boot | Started | Ignored | StartFailed | Exited | Request | Retry | TimerFired | StopSupervisor
