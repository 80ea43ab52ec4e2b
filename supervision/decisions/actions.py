"""What a supervisor decides: the actions that its performer carries out, in order."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from supervision.decisions.events import NO_INFO, Retry
from supervision.exits import ExitReason
from supervision.spec import ChildSpec, Shutdown

__all__ = [
    "Action",
    "Answer",
    "BootFailed",
    "BootOk",
    "CancelTimer",
    "ChildRow",
    "Context",
    "Counts",
    "Finished",
    "Forget",
    "Offender",
    "Ok",
    "Progress",
    "Refused",
    "Report",
    "SendSelf",
    "SetTimer",
    "Start",
    "StartedChild",
    "Stop",
    "Unexpected",
]

Context = Literal["child_terminated", "start_error", "shutdown_error", "shutdown"]


class StartedChild(NamedTuple):
    """Answer a start: the pid, None when the start was ignored, and the extra information."""

    pid: Hashable | None
    info: object = NO_INFO


class ChildRow(NamedTuple):
    """Be one line of the answer to which_children; `child` is a pid, `"undefined"` or `"restarting"`."""

    id: Hashable
    child: Hashable
    type: str
    modules: object


class Counts(NamedTuple):
    """Answer count_children: entries, running ones, and entries by declared type."""

    specs: int
    active: int
    supervisors: int
    workers: int


@dataclass(frozen=True, slots=True)
class Ok:
    """Grant a request.

    `value` is a `StartedChild` for start_child and restart_child (`"ignore"` where a DynamicSupervisor's
    child declined), None for terminate_child and delete_child, a list of `ChildRow`, `Counts`, a `ChildSpec`.
    """

    value: object = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Refuse a request.

    Args:
        reason: OTP's term, bare.
        failed: whether a start was tried and `reason` is what it failed with.
    """

    reason: object
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Offender:
    """Name the child, or the number of children, that a report is about.

    Args:
        pid: the process, the former one if it is gone, None if there was none.
        nb_children: how many children, where a report is about several.
        id: the child's id.
        spec: its specification.
        key: its entry; None where a report is about several.
    """

    pid: Hashable | None
    nb_children: int | None
    id: Hashable
    spec: ChildSpec
    key: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start this child; one of Started, Ignored, StartFailed must follow.

    `spec.start` is the complete call: arguments of instances and extra arguments are in it already.
    """

    key: Hashable
    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask this process to stop, wait `shutdown` seconds at most, kill it; Exited must follow.

    `brutal_kill` kills at once, `infinity` waits for ever. A process that is gone already needs nothing
    but its Exited, if that has not been fed yet. Several of these in one step wait side by side.
    """

    key: Hashable
    pid: Hashable
    shutdown: Shutdown


@dataclass(frozen=True, slots=True)
class Report:
    """Report an error. `reason` is an `ExitReason` where a process ended, else any value."""

    context: Context
    reason: object
    offender: Offender


@dataclass(frozen=True, slots=True)
class Progress:
    """Report that a child was started."""

    key: Hashable
    pid: Hashable
    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request with this id."""

    request_id: Hashable
    outcome: Ok | Refused


@dataclass(frozen=True, slots=True)
class SendSelf:
    """Put this event at the end of the machine's own mailbox, behind whatever waits there."""

    event: Retry


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed TimerFired(token) after this many seconds."""

    token: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer; a TimerFired that comes nevertheless is harmless."""

    token: int


@dataclass(frozen=True, slots=True)
class BootOk:
    """Tell that all initial children have been started."""


@dataclass(frozen=True, slots=True)
class BootFailed:
    """Tell that the start failed and was rolled back; `reason` is OTP's term. Finished follows."""

    reason: object


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop what is held for this entry: it is gone."""

    key: Hashable


@dataclass(frozen=True, slots=True)
class Unexpected:
    """Log an event that fits nothing that was asked for; it has been ignored."""

    event: object


@dataclass(frozen=True, slots=True)
class Finished:
    """End the supervisor with this reason. The last action; later requests are refused with `noproc`."""

    reason: ExitReason


Action = (
    Start
    | Stop
    | Report
    | Progress
    | Answer
    | SendSelf
    | SetTimer
    | CancelTimer
    | BootOk
    | BootFailed
    | Forget
    | Unexpected
    | Finished
)
