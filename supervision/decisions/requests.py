"""The requests to a supervisor whose children have ids."""

from __future__ import annotations

from collections.abc import Container, Hashable

from supervision.decisions.actions import ChildRow, Counts, Ok
from supervision.decisions.events import (
    CountChildren,
    DeleteChild,
    GetChildSpec,
    Request,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from supervision.decisions.state import Adding, Child, Restarting, Terminating, check_budget
from supervision.decisions.turn import Turn
from supervision.decisions.work import begin
from supervision.errors import SpecError
from supervision.spec import AutoShutdown, ChildSpec, validate_child

__all__ = ["rows", "serve", "tally", "validated"]


def serve(turn: Turn, request: Request) -> None:
    """Serve one request; the answer may come in a later step."""
    match request.call:
        case StartChild() as call:
            _start(turn, request.request_id, call)
        case TerminateChild() as call:
            _terminate(turn, request.request_id, call)
        case RestartChild() as call:
            _restart(turn, request.request_id, call)
        case DeleteChild() as call:
            _delete(turn, request.request_id, call)
        case WhichChildren():
            turn.answer(request.request_id, Ok(rows(turn)))
        case CountChildren(alive):
            turn.answer(request.request_id, Ok(_count(turn, alive)))
        case GetChildSpec() as call:
            child = None if call.by_pid else turn.children.get(call.target)
            _tell(turn, request.request_id, child.spec if child else None)
        case _:
            turn.refuse(request.request_id, ("undefined_call", request.call))


def validated(given: object, auto_shutdown: AutoShutdown | None) -> ChildSpec:
    """Return the effective specification; whatever goes wrong with what was given is a SpecError.

    Raises:
        SpecError: it is invalid.
    """
    try:
        return validate_child(given, auto_shutdown)
    except SpecError:
        raise
    except Exception as error:
        # A mapping of the caller's own making, or a value's repr, may raise anything.
        raise SpecError(("invalid_child_spec", given), f"reading the specification raised {error!r}") from error


def rows(turn: Turn) -> list[ChildRow]:
    """Return the lines of which_children: last started first; instances have no id."""
    return [
        ChildRow(
            "undefined" if turn.old.mode != "ordinary" else child.spec.id,
            child.pid if child.status == "up" else child.status,
            child.spec.type,
            child.spec.modules,
        )
        for child in reversed(turn.children.values())
    ]


def tally(turn: Turn, specs: int, active: int) -> Counts:
    """Return the counts with supervisors and workers by declared type."""
    supervisors = sum(child.spec.type == "supervisor" for child in turn.children.values())
    return Counts(specs, active, supervisors, len(turn.children) - supervisors)


def _start(turn: Turn, request_id: Hashable, call: StartChild) -> None:
    try:
        spec = validated(call.spec, turn.old.flags.auto_shutdown)
        check_budget(spec)
    except SpecError as error:
        turn.refuse(request_id, error.reason)
        return
    known = turn.children.get(spec.id)
    if known is None:
        turn.put(Child(spec.id, spec))
        begin(turn, Adding(request_id), starts=(spec.id,))
    elif known.status == "up":
        turn.refuse(request_id, ("already_started", known.pid))
    else:
        turn.refuse(request_id, "already_present")


def _terminate(turn: Turn, request_id: Hashable, call: TerminateChild) -> None:
    if call.by_pid or call.target not in turn.children:
        turn.refuse(request_id, "not_found")
        return
    begin(turn, Terminating(request_id), stops=(call.target,))


def _restart(turn: Turn, request_id: Hashable, call: RestartChild) -> None:
    child = turn.children.get(call.target)
    if child is not None and child.status == "undefined":
        begin(turn, Restarting(request_id), starts=(child.key,))
    else:
        turn.refuse(request_id, _standing(child))


def _delete(turn: Turn, request_id: Hashable, call: DeleteChild) -> None:
    child = turn.children.get(call.target)
    if child is not None and child.status == "undefined":
        turn.drop(child)
        turn.answer(request_id, Ok())
    else:
        turn.refuse(request_id, _standing(child))


def _standing(child: Child | None) -> str:
    """Return why a child can be neither deleted nor started by request."""
    if child is None:
        return "not_found"
    return "running" if child.status == "up" else "restarting"


def _count(turn: Turn, alive: Container[Hashable] | None) -> Counts:
    active = sum(child.status == "up" and (alive is None or child.pid in alive) for child in turn.children.values())
    return tally(turn, len(turn.children), active)


def _tell(turn: Turn, request_id: Hashable, spec: ChildSpec | None) -> None:
    if spec is None:
        turn.refuse(request_id, "not_found")
    else:
        turn.answer(request_id, Ok(spec))
