"""Supervise Pykka actors that live in processes of their own, with the semantics of Erlang/OTP."""

import logging as _logging

from supervision.actor import Ignore, ProcessActor
from supervision.errors import (
    ActorDown,
    AskCycle,
    ForkedCopyError,
    MailboxFull,
    MessageError,
    ProtocolError,
    RemoteError,
    RequestError,
    SpecError,
    StartError,
    SupervisionError,
)
from supervision.exits import KILLED, NOPROC, NORMAL, SHUTDOWN, ExitReason, crash, shutdown
from supervision.messages import Down, Exit
from supervision.process.wire import wire_value
from supervision.ref import Ref
from supervision.settings import configure
from supervision.spec import Backoff, ChildSpec, SupervisorFlags, check_childspecs, child
from supervision.supervisor import IGNORE, Supervisor, SupervisorRef

__all__ = [
    "IGNORE",
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "ActorDown",
    "AskCycle",
    "Backoff",
    "ChildSpec",
    "Down",
    "Exit",
    "ExitReason",
    "ForkedCopyError",
    "Ignore",
    "MailboxFull",
    "MessageError",
    "ProcessActor",
    "ProtocolError",
    "Ref",
    "RemoteError",
    "RequestError",
    "SpecError",
    "StartError",
    "SupervisionError",
    "Supervisor",
    "SupervisorFlags",
    "SupervisorRef",
    "check_childspecs",
    "child",
    "configure",
    "crash",
    "shutdown",
    "wire_value",
]

_logging.getLogger("supervision").addHandler(_logging.NullHandler())
