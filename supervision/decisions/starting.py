"""The outcomes of a start: started, ignored, failed."""

from __future__ import annotations

from dataclasses import replace

from supervision.decisions.actions import Ok, Progress, Refused, StartedChild
from supervision.decisions.events import Ignored, Started, StartFailed
from supervision.decisions.restarting import start_failed_again
from supervision.decisions.state import Adding, Booting, Child, Restarting, Reviving, RollingBack, Work
from supervision.decisions.turn import Turn
from supervision.decisions.work import advance, begin
from supervision.spec import ArgumentsNotKept, ChildSpec

__all__ = ["boot", "failed", "ignored", "started"]


def boot(turn: Turn) -> None:
    """Start the initial children, in list order."""
    turn.life = "up"
    begin(turn, Booting(), starts=tuple(turn.children))


def started(turn: Turn, work: Work, event: Started) -> None:
    """Note a child's process, tell about it, and go on."""
    child = turn.up(turn.children[event.key], event.pid)
    if not turn.dynamic:
        turn.act(Progress(child.key, child.pid, child.spec))
    purpose = work.purpose
    if isinstance(purpose, Adding | Restarting):
        turn.answer(purpose.request_id, Ok(StartedChild(event.pid, event.info)))
    if isinstance(purpose, Adding) and child.spec.is_temporary and not turn.dynamic:
        turn.change(child, spec=_without_arguments(child.spec))
    advance(turn)


def ignored(turn: Turn, work: Work, event: Ignored) -> None:
    """Note a child without a process, unless it is of a kind that is then forgotten, and go on."""
    turn.retire(turn.children[event.key])
    purpose = work.purpose
    if isinstance(purpose, Adding | Restarting):
        turn.answer(purpose.request_id, Ok("ignore" if turn.old.mode == "dynamic" else StartedChild(None)))
    advance(turn)


def failed(turn: Turn, work: Work, event: StartFailed) -> None:
    """Deal with a failed start: roll back, answer, or try again, depending on who wanted it."""
    child = turn.children[event.key]
    purpose = work.purpose
    if isinstance(purpose, Reviving):
        _restart_failed(turn, purpose, child, event.reason)
    elif isinstance(purpose, Booting):
        turn.report("start_error", event.reason, child, None)
        reason = ("failed_to_start_child", child.spec.id, event.reason)
        begin(turn, RollingBack(reason), stops=reversed(turn.children))
    elif isinstance(purpose, Adding | Restarting):
        if isinstance(purpose, Adding):
            turn.drop(child)
        turn.work = None
        turn.answer(purpose.request_id, Refused(event.reason, failed=True))


def _restart_failed(turn: Turn, purpose: Reviving, child: Child, reason: object) -> None:
    turn.work = None
    former = purpose.former if child.key == purpose.origin else None
    turn.report("start_error", reason, child, former)
    start_failed_again(turn, child, former)


def _without_arguments(spec: ChildSpec) -> ChildSpec:
    return replace(spec, start=(ArgumentsNotKept(spec.start[0]), (), {}))
