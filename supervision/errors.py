"""The exceptions of `supervision`. The type says whose fault it was.

SupervisionError
├── SpecError            you described a child or a supervisor wrongly
├── RequestError         a supervisor refused what you asked of it
├── StartError           an actor or a tree did not come up
├── MessageError         your message cannot travel
├── AskCycle             your ask could only have waited for itself
├── MailboxFull          the receiver is too slow; the message was not sent
├── RemoteError          code in another process raised
├── ProtocolError        a peer sent bytes that are no message
│   └── UnknownValueError    a value whose module is not imported here
└── ForkedCopyError      this process is a forked copy; the actors belong to the original

pykka.ActorDeadError
└── ActorDown            the actor is gone; `reason` says how it ended
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykka import ActorDeadError

if TYPE_CHECKING:
    from supervision.exits import ExitReason

__all__ = [
    "ActorDown",
    "AskCycle",
    "ForkedCopyError",
    "MailboxFull",
    "MessageError",
    "ProtocolError",
    "RemoteError",
    "RequestError",
    "SpecError",
    "StartError",
    "SupervisionError",
    "UnknownValueError",
]


class SupervisionError(Exception):
    """Be the base of every error that `supervision` itself raises."""


class SpecError(SupervisionError, ValueError):
    """Tell that a child specification or supervisor flag is invalid.

    `reason` is OTP's term for it, for example `("invalid_restart_type", "sometimes")`.
    """

    def __init__(self, reason: object, text: str = "") -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        return self.text or f"invalid specification: {self.reason!r}"


class RequestError(SupervisionError):
    """Tell that a supervisor refused a request.

    `reason` is OTP's term: `"not_found"`, `"running"`, `"restarting"`, `"already_present"`,
    `("already_started", ref)`, `"max_children"`, `"simple_one_for_one"`, `"noproc"`.
    """

    def __init__(self, reason: object, text: str = "") -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        return self.text or f"the supervisor refused: {self.reason!r}"


class StartError(SupervisionError):
    """Tell that an actor, or a tree of them, did not start.

    `reason` is OTP's term, `text` what the other process said, with its traceback where there is one.
    """

    def __init__(self, reason: object, text: str = "") -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        return self.text or f"start failed: {self.reason!r}"


class MessageError(SupervisionError, TypeError):
    """Tell that a message cannot be sent; `path` leads to the value that is in the way."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class AskCycle(SupervisionError):
    """Tell that an ask was refused since the actors would have waited for each other for ever."""


class MailboxFull(SupervisionError):
    """Tell that a message was not sent since the receiver has too much unread already."""


class RemoteError(SupervisionError):
    """Carry an exception of another process whose type cannot be rebuilt here."""

    def __init__(self, type_name: str, message: str, traceback_text: str = "") -> None:
        super().__init__(type_name, message, traceback_text)
        self.type_name = type_name
        self.message = message
        self.traceback_text = traceback_text

    def __str__(self) -> str:
        head = f"{self.type_name}: {self.message}" if self.message else self.type_name
        return f"{head}\n\n{self.traceback_text}" if self.traceback_text else head


class ProtocolError(SupervisionError):
    """Tell that a peer sent bytes that are not a message within the limits."""


class UnknownValueError(ProtocolError):
    """Tell that a whole message holds an enum or a registered dataclass whose module is not imported here."""


class ForkedCopyError(SupervisionError):
    """Tell that this process is a forked copy of the one that owns the actors."""


class ActorDown(ActorDeadError):
    """Tell that the actor is gone; `reason` says how it ended.

    A subclass of Pykka's `ActorDeadError`, so that code written for Pykka catches it.
    """

    def __init__(self, text: str = "the actor is gone", reason: ExitReason | None = None) -> None:
        super().__init__(text, reason)
        self.text = text
        self.reason = reason

    def __str__(self) -> str:
        return self.text
