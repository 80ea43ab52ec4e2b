"""The engine: stop children one after the other, then start children one after the other.

Whatever a supervisor does is such a piece of work with a purpose. While an outcome is due the state holds
the work; `advance` takes it on from there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace

from supervision.decisions.actions import BootFailed, BootOk, Offender, Ok, Report, Start, Stop
from supervision.decisions.state import Booting, Child, Ending, Mode, Purpose, RollingBack, Terminating, Work
from supervision.decisions.turn import Turn
from supervision.exits import ExitReason, shutdown
from supervision.spec import ChildSpec

__all__ = ["advance", "begin", "end", "gathered", "is_wrong", "stopped"]


def begin(turn: Turn, purpose: Purpose, *, stops: Iterable[Hashable] = (), starts: Iterable[Hashable] = ()) -> None:
    """Begin a piece of work and take it as far as it goes without waiting."""
    turn.work = Work(purpose, tuple(stops), tuple(starts))
    advance(turn)


def end(turn: Turn, reason: ExitReason) -> None:
    """Stop all children and end: in reverse start order, or all at once where they are dynamic."""
    if turn.dynamic:
        _stop_all_at_once(turn, reason)
    else:
        begin(turn, Ending(reason), stops=reversed(turn.children))


def advance(turn: Turn) -> None:
    """Take the work to the next outcome that must be waited for, or to its end."""
    work = turn.work
    if work is None:
        return
    if _stop_next(turn, work) or _start_next(turn, work):
        return
    turn.work = None
    _complete(turn, work)


def stopped(turn: Turn, child: Child, reason: ExitReason) -> None:
    """Judge the end of a child that was stopped, and note that it has no process any more."""
    if is_wrong(child.spec, reason, turn.old.mode):
        turn.report("shutdown_error", reason, child, child.pid)
    turn.retire(child)


def gathered(turn: Turn, work: Work, child: Child, reason: ExitReason) -> None:
    """Note the end of one of the children that are stopped all at once."""
    work = _note(turn, work, child, reason)
    turn.work = replace(work, outstanding=work.outstanding - 1)
    if turn.work.outstanding == 0:
        _complete(turn, turn.work)


def is_wrong(spec: ChildSpec, reason: ExitReason, mode: Mode) -> bool:
    """Tell whether a child that was asked to stop ended in a way that is reported.

    OTP: `shutdown` is right (`killed` for brutal_kill); the other normal ends are, unless the child is
    permanent. Elixir's DynamicSupervisor takes (shutdown, X) from everybody, and only `killed` for
    brutal_kill.
    """
    brutal = spec.shutdown == "brutal_kill"
    if reason.kind == ("killed" if brutal else "shutdown") and reason.detail is None:
        return False
    if mode == "dynamic":
        return brutal or not (reason.kind == "shutdown" or (reason.kind == "normal" and not spec.is_permanent))
    return not reason.is_normal or spec.is_permanent


def _stop_next(turn: Turn, work: Work) -> bool:
    """Emit the next Stop that is needed; tell whether there is one to wait for."""
    for at in range(work.stopped, len(work.stops)):
        child = turn.children.get(work.stops[at])
        if child is None:
            continue
        if child.status == "restarting":
            turn.retire(child)
        elif child.status == "up":
            fallen = turn.fallen.get(child.pid)
            if fallen is None:
                turn.work = replace(work, phase="stop", awaiting=child.key, stopped=at + 1)
                turn.act(Stop(child.key, child.pid, child.spec.shutdown))
                return True
            # Its death waits among the deferred events: this stop consumes it, so that it does not count.
            stopped(turn, child, fallen)
    return False


def _start_next(turn: Turn, work: Work) -> bool:
    """Emit the next Start; tell whether there is one to wait for."""
    if work.started >= len(work.starts):
        return False
    child = turn.children[work.starts[work.started]]
    turn.work = replace(work, phase="start", awaiting=child.key, stopped=len(work.stops), started=work.started + 1)
    turn.act(Start(child.key, _complete_call(turn, child.spec)))
    return True


def _complete_call(turn: Turn, spec: ChildSpec) -> ChildSpec:
    """Return the specification with DynamicSupervisor's extra arguments before its own."""
    extra = turn.old.extra_arguments
    if not extra:
        return spec
    function, args, kwargs = spec.start
    return replace(spec, start=(function, (*extra, *args), kwargs))


def _complete(turn: Turn, work: Work) -> None:
    purpose = work.purpose
    turn.work = None
    if isinstance(purpose, Booting):
        turn.act(BootOk())
    elif isinstance(purpose, Terminating):
        turn.answer(purpose.request_id, Ok())
    elif isinstance(purpose, RollingBack):
        turn.act(BootFailed(("shutdown", purpose.reason)))
        turn.finish(shutdown(purpose.reason))
    elif isinstance(purpose, Ending):
        _report_wrong(turn, work)
        turn.finish(purpose.reason)


def _stop_all_at_once(turn: Turn, reason: ExitReason) -> None:
    work = Work(Ending(reason), phase="gather")
    for child in tuple(turn.children.values()):
        if child.status != "up":
            turn.drop(child)
        elif child.pid in turn.fallen:
            work = _note(turn, work, child, turn.fallen[child.pid])
        else:
            turn.act(Stop(child.key, child.pid, child.spec.shutdown))
    turn.work = replace(work, outstanding=len(turn.children))
    if not turn.children:
        _complete(turn, turn.work)


def _note(turn: Turn, work: Work, child: Child, reason: ExitReason) -> Work:
    """Judge one of many ends: OTP reports them together per reason, Elixir one by one."""
    if turn.old.mode == "dynamic":
        stopped(turn, child, reason)
        return work
    if is_wrong(child.spec, reason, turn.old.mode):
        work = replace(work, wrong=_counted(work.wrong, reason))
    turn.drop(child)
    return work


def _counted(wrong: tuple[tuple[ExitReason, int], ...], reason: ExitReason) -> tuple[tuple[ExitReason, int], ...]:
    for at, (known, number) in enumerate(wrong):
        if (known.kind, known.detail) == (reason.kind, reason.detail):
            return (*wrong[:at], (known, number + 1), *wrong[at + 1 :])
    return (*wrong, (reason, 1))


def _report_wrong(turn: Turn, work: Work) -> None:
    template = turn.old.template
    if template is None:
        return
    for reason, number in work.wrong:
        turn.act(Report("shutdown_error", reason, Offender(None, number, template.id, template)))
