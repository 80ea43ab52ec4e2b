"""The supervisor as a pure state machine: `initial` makes a state, `step` takes it from event to event.

events.py      what a supervisor is told
actions.py     what it decides
state.py       what it remembers between two events
step.py        (state, event, now) -> (state, actions)
work.py        stop some children, then start some: the engine of everything
starting.py    the outcomes of starts
restarting.py  deaths, intensity, backoff, automatic shutdown
strategies.py  who is restarted together
requests.py    start_child and the others, for children with ids
dynamic.py     the same for instances
partition.py   PartitionSupervisor's arithmetic
"""

from supervision.decisions.actions import (
    Action,
    Answer,
    BootFailed,
    BootOk,
    CancelTimer,
    ChildRow,
    Context,
    Counts,
    Finished,
    Forget,
    Offender,
    Ok,
    Progress,
    Refused,
    Report,
    SendSelf,
    SetTimer,
    Start,
    StartedChild,
    Stop,
    Unexpected,
)
from supervision.decisions.at_once import AtOnce, restart_at_once
from supervision.decisions.events import (
    NO_INFO,
    Boot,
    Call,
    CountChildren,
    DeleteChild,
    Event,
    Exited,
    GetChildSpec,
    Ignored,
    Request,
    RestartChild,
    Retry,
    StartChild,
    Started,
    StartFailed,
    StopSupervisor,
    TerminateChild,
    TimerFired,
    WhichChildren,
)
from supervision.decisions.state import Child, Mode, State, initial
from supervision.decisions.step import step

__all__ = [
    "Action",
    "Answer",
    "AtOnce",
    "Boot",
    "BootFailed",
    "BootOk",
    "Call",
    "CancelTimer",
    "Child",
    "ChildRow",
    "Context",
    "CountChildren",
    "Counts",
    "DeleteChild",
    "Event",
    "Exited",
    "Finished",
    "Forget",
    "GetChildSpec",
    "Ignored",
    "Mode",
    "NO_INFO",
    "Offender",
    "Ok",
    "Progress",
    "Refused",
    "Report",
    "Request",
    "RestartChild",
    "Retry",
    "SendSelf",
    "SetTimer",
    "Start",
    "StartChild",
    "StartFailed",
    "Started",
    "StartedChild",
    "State",
    "Stop",
    "StopSupervisor",
    "TerminateChild",
    "TimerFired",
    "Unexpected",
    "WhichChildren",
    "initial",
    "restart_at_once",
    "step",
]
