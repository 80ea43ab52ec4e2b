"""The requests to supervisors of instances: OTP's simple_one_for_one and Elixir's DynamicSupervisor.

Instances are known by their pids; one that is restarting still answers to its former pid.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

from supervision.decisions.actions import Counts, Ok
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
from supervision.decisions.requests import rows, tally, validated
from supervision.decisions.state import Adding, Child, Terminating
from supervision.decisions.turn import Turn
from supervision.decisions.work import begin
from supervision.errors import SpecError
from supervision.spec import ChildSpec

__all__ = ["serve"]


def serve(turn: Turn, request: Request) -> None:
    """Serve one request; the answer may come in a later step."""
    match request.call:
        case StartChild(given):
            _start(turn, request.request_id, given)
        case TerminateChild() as call:
            _terminate(turn, request.request_id, call)
        case RestartChild() | DeleteChild():
            turn.refuse(request.request_id, _unsupported(turn))
        case WhichChildren():
            turn.answer(request.request_id, Ok(rows(turn)))
        case CountChildren():
            turn.answer(request.request_id, Ok(_count(turn)))
        case GetChildSpec() as call:
            _get_spec(turn, request.request_id, call)
        case _:
            turn.refuse(request.request_id, ("undefined_call", request.call))


def _start(turn: Turn, request_id: Hashable, given: object) -> None:
    try:
        spec = _instance(turn, given)
    except SpecError as error:
        turn.refuse(request_id, error.reason)
        return
    limit = turn.old.max_children
    if limit is not None and len(turn.children) >= limit:
        turn.refuse(request_id, "max_children")
        return
    child = Child(turn.number(), spec)
    turn.put(child)
    begin(turn, Adding(request_id), starts=(child.key,))


def _instance(turn: Turn, given: object) -> ChildSpec:
    template = turn.old.template
    if template is None:
        return _own_spec(given)
    if not isinstance(given, tuple | list):
        raise SpecError(("invalid_args", given), f"simple_one_for_one takes a list of arguments, not {given!r}")
    function, args, kwargs = template.start
    return replace(template, start=(function, (*args, *given), kwargs))


def _own_spec(given: object) -> ChildSpec:
    """Check the specification of a DynamicSupervisor's child; no child of it can be significant."""
    if isinstance(given, Mapping) and given.get("significant") is True:
        spec = replace(validated({**given, "significant": False}, None), restart="temporary", significant=True)
    else:
        spec = validated(given, None)
    if spec.significant:
        raise SpecError(("invalid_significant", True), "a DynamicSupervisor has no significant children")
    return spec


def _terminate(turn: Turn, request_id: Hashable, call: TerminateChild) -> None:
    simple = turn.old.mode == "simple"
    child = _find(turn, call.target) if call.by_pid else None
    if child is not None:
        begin(turn, Terminating(request_id), stops=(child.key,))
    elif simple and not call.by_pid:
        turn.refuse(request_id, "simple_one_for_one")
    elif simple and not call.alive:
        turn.answer(request_id, Ok())
    else:
        turn.refuse(request_id, "not_found")


def _find(turn: Turn, pid: Hashable) -> Child | None:
    key = turn.pids.get(pid)
    return None if key is None else turn.children.get(key)


def _unsupported(turn: Turn) -> str:
    return "simple_one_for_one" if turn.old.mode == "simple" else "not_supported"


def _count(turn: Turn) -> Counts:
    active = sum(child.status == "up" for child in turn.children.values())
    return tally(turn, 1 if turn.old.mode == "simple" else len(turn.children), active)


def _get_spec(turn: Turn, request_id: Hashable, call: GetChildSpec) -> None:
    child = _find(turn, call.target) if call.by_pid else None
    template = turn.old.template
    known = child is not None or (call.by_pid and not call.alive) or (template and call.target == template.id)
    if template is not None and known:
        turn.answer(request_id, Ok(template))
    elif child is not None:
        turn.answer(request_id, Ok(child.spec))
    else:
        turn.refuse(request_id, "not_found")
