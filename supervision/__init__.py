"""Supervise Pykka actors that live in processes of their own, with the semantics of Erlang/OTP.

Names are imported when they are first used: a process that hosts an actor needs few of them, and what it
does not import it need not copy.
"""

import importlib as _importlib
import logging as _logging
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from supervision.actor import Ignore as Ignore
    from supervision.actor import ProcessActor as ProcessActor
    from supervision.dynamic import DynamicSupervisor as DynamicSupervisor
    from supervision.errors import ActorDown as ActorDown
    from supervision.errors import AskCycle as AskCycle
    from supervision.errors import ForkedCopyError as ForkedCopyError
    from supervision.errors import MailboxFull as MailboxFull
    from supervision.errors import MessageError as MessageError
    from supervision.errors import ProtocolError as ProtocolError
    from supervision.errors import RemoteError as RemoteError
    from supervision.errors import RequestError as RequestError
    from supervision.errors import SpecError as SpecError
    from supervision.errors import StartError as StartError
    from supervision.errors import SupervisionError as SupervisionError
    from supervision.errors import UnknownValueError as UnknownValueError
    from supervision.exits import KILLED as KILLED
    from supervision.exits import NOPROC as NOPROC
    from supervision.exits import NORMAL as NORMAL
    from supervision.exits import SHUTDOWN as SHUTDOWN
    from supervision.exits import ExitReason as ExitReason
    from supervision.exits import crash as crash
    from supervision.exits import shutdown as shutdown
    from supervision.future import ReplyFuture as ReplyFuture
    from supervision.messages import Down as Down
    from supervision.messages import Exit as Exit
    from supervision.partition import PartitionSupervisor as PartitionSupervisor
    from supervision.process.settings import configure as configure
    from supervision.process.wire import Limits as Limits
    from supervision.process.wire import wire_value as wire_value
    from supervision.ref import Ref as Ref
    from supervision.registry import Registry as Registry
    from supervision.running import run as run
    from supervision.spec import Backoff as Backoff
    from supervision.spec import ChildSpec as ChildSpec
    from supervision.spec import SupervisorFlags as SupervisorFlags
    from supervision.spec import check_childspecs as check_childspecs
    from supervision.spec import child as child
    from supervision.supervisor import IGNORE as IGNORE
    from supervision.supervisor import Supervisor as Supervisor
    from supervision.supervisor import SupervisorRef as SupervisorRef
    from supervision.watching import demonitor as demonitor
    from supervision.watching import link as link
    from supervision.watching import monitor as monitor
    from supervision.watching import send_after as send_after

_HOMES = {
    "supervision.actor": ["Ignore", "ProcessActor"],
    "supervision.dynamic": ["DynamicSupervisor"],
    "supervision.errors": [
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
    ],
    "supervision.exits": ["KILLED", "NOPROC", "NORMAL", "SHUTDOWN", "ExitReason", "crash", "shutdown"],
    "supervision.future": ["ReplyFuture"],
    "supervision.messages": ["Down", "Exit"],
    "supervision.partition": ["PartitionSupervisor"],
    "supervision.process.wire": ["Limits", "wire_value"],
    "supervision.ref": ["Ref"],
    "supervision.registry": ["Registry"],
    "supervision.running": ["run"],
    "supervision.process.settings": ["configure"],
    "supervision.spec": ["Backoff", "ChildSpec", "SupervisorFlags", "check_childspecs", "child"],
    "supervision.supervisor": ["IGNORE", "Supervisor", "SupervisorRef"],
    "supervision.watching": ["demonitor", "link", "monitor", "send_after"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'supervision' has no attribute {name!r}")
    found = getattr(_importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOME_OF])


_logging.getLogger("supervision").addHandler(_logging.NullHandler())
