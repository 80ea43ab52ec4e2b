"""The state machine's one function: a state and an event in, the next state and actions out."""

from __future__ import annotations

from supervision.decisions import dynamic, requests, restarting, starting
from supervision.decisions.actions import Action, Unexpected
from supervision.decisions.events import (
    Boot,
    Event,
    Exited,
    Ignored,
    Request,
    Retry,
    Started,
    StartFailed,
    StopSupervisor,
    TimerFired,
)
from supervision.decisions.state import State
from supervision.decisions.turn import Turn
from supervision.decisions.work import advance, end, gathered, stopped

__all__ = ["step"]


def step(state: State, event: Event, now: float) -> tuple[State, tuple[Action, ...]]:
    """Return what becomes of the supervisor and what is to be done.

    Pure: no clock, no I/O, and no exception for any event. An event that OTP would leave in the mailbox
    while the supervisor starts or stops a child is kept and handled, in order, once that is done.

    Args:
        state: of `initial` or of the last step.
        event: what happened.
        now: monotonic seconds; never before an earlier step's.

    Returns:
        The next state, and the actions in the order in which they must be performed. Any thread, as long as
        the steps of one machine follow each other.
    """
    turn = Turn(state, now)
    _receive(turn, event)
    while turn.life == "up" and turn.work is None:
        waiting = turn.next_deferred()
        if waiting is None:
            break
        _handle(turn, waiting)
    return turn.freeze(), tuple(turn.actions)


def _receive(turn: Turn, event: Event) -> None:
    """Take an event that was waited for, keep one that must wait, handle any other."""
    if turn.life == "over":
        if isinstance(event, Request):
            turn.refuse(event.request_id, "noproc")
    elif isinstance(event, Started | Ignored | StartFailed):
        _start_outcome(turn, event)
    elif isinstance(event, Exited) and _stop_outcome(turn, event):
        return
    elif isinstance(event, Boot):
        _boot(turn, event)
    elif turn.work is not None or turn.life == "new":
        turn.defer(event)
    else:
        _handle(turn, event)


def _handle(turn: Turn, event: Event) -> None:
    """Handle an event while nothing else is going on."""
    match event:
        case Exited(key, pid, reason):
            child = turn.children.get(key)
            if child is not None and child.status == "up" and child.pid == pid:
                restarting.died(turn, child, reason)
        case Request():
            (dynamic if turn.dynamic else requests).serve(turn, event)
        case Retry():
            restarting.retry(turn, event)
        case TimerFired():
            restarting.timer_fired(turn, event)
        case StopSupervisor(reason):
            end(turn, reason)
        case _:
            turn.act(Unexpected(event))


def _boot(turn: Turn, event: Boot) -> None:
    if turn.life == "new":
        starting.boot(turn)
    else:
        turn.act(Unexpected(event))


def _start_outcome(turn: Turn, event: Started | Ignored | StartFailed) -> None:
    work = turn.work
    if work is None or work.phase != "start" or work.awaiting != event.key:
        turn.act(Unexpected(event))
    elif isinstance(event, Started):
        starting.started(turn, work, event)
    elif isinstance(event, Ignored):
        starting.ignored(turn, work, event)
    else:
        starting.failed(turn, work, event)


def _stop_outcome(turn: Turn, event: Exited) -> bool:
    """Take the end of a child that is being stopped; tell whether it was one."""
    work, child = turn.work, turn.children.get(event.key)
    if work is None or child is None or child.status != "up" or child.pid != event.pid:
        return False
    if work.phase == "gather":
        gathered(turn, work, child, event.reason)
        return True
    if work.phase == "stop" and work.awaiting == event.key:
        stopped(turn, child, event.reason)
        advance(turn)
        return True
    return False
