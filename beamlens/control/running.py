"""A run of the coordinator on a client's behalf: it is told what happens, and the run ends when it goes away."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import pykka

from beamlens import telemetry
from beamlens.control.conversation import Conversation
from beamlens.control.events import EventQueue, Heard
from beamlens.domain import new_trace_id
from beamlens.errors import RunError
from beamlens.lens import Lens
from supervision import ReplyFuture, SupervisionError

__all__ = ["perform_run"]

_LOOK: Final = 0.25  # seconds between two looks at whether the client is still there
_GRACE: Final = 1.0  # seconds that the last events of a run may come after its outcome, on their own way
_LAST: Final = ("beamlens", "coordinator", "run_stopped")
_TOLD: Final = ("operator", "coordinator", "llm", "tool", "compaction")


def perform_run(lens: Lens, call: Conversation) -> dict[str, Any]:
    """Run the coordinator; send the events of the run, those of its operators included; return the outcome.

    Arguments: `reason` (a text), `operators` (names), `deadline` (seconds), `events` (whether they are sent).
    """
    options: dict[str, Any] = {"run_id": new_trace_id()}
    if (operators := call.texts("operators")) is not None:
        for name in operators:
            lens.operator(name)  # raises for one that there is not
        options["operators"] = operators
    if (deadline := call.seconds("deadline")) is not None:
        options["deadline"] = deadline
    reason = call.text("reason")
    wanted = bool(call.request.args.get("events"))
    names = [name for name in telemetry.event_names() if name[1] in _TOLD]
    with EventQueue(names if wanted else [_LAST]) as events:
        outcome = _begin(lens, reason, options, events)
        _tell(lens, call, options["run_id"], events, outcome, wanted=wanted)
    return _result(outcome, options["run_id"])


def _begin(lens: Lens, reason: str | None, options: dict[str, Any], events: EventQueue) -> ReplyFuture:
    outcome = ReplyFuture()

    def follow() -> None:
        try:
            outcome.succeed(lens.run(reason, **options))
        except Exception as error:
            outcome.fail(error)
        events.wake()

    threading.Thread(target=follow, name="beamlens-control-run", daemon=True).start()
    return outcome


def _tell(
    lens: Lens, call: Conversation, run_id: str, events: EventQueue, outcome: ReplyFuture, *, wanted: bool
) -> None:
    runs, end = {run_id}, float("inf")
    cancelled = False
    while time.monotonic() < end:
        heard = events.next(_LOOK)
        if heard is not None and _belongs(heard, runs):
            if wanted:
                call.event(heard.to_dict())
            if heard.name == _LAST and heard.metadata.get("trace_id") == run_id:
                break
        if outcome.done:
            end = min(end, time.monotonic() + _GRACE)
        elif not cancelled and call.is_over:
            cancelled = True
            _cancel(lens, run_id)
    outcome.wait(None)


def _belongs(heard: Heard, runs: set[str]) -> bool:
    if heard.metadata.get("parent_trace_id") in runs:
        runs.add(str(heard.metadata.get("trace_id")))
    return heard.metadata.get("trace_id") in runs


def _cancel(lens: Lens, run_id: str) -> None:
    try:
        lens.cancel(run_id)
    except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
        return  # the coordinator is gone, and the run with it, or it will be bound by its deadline


def _result(outcome: ReplyFuture, run_id: str) -> dict[str, Any]:
    try:
        return outcome.get(timeout=0).to_dict()  # type: ignore[no-any-return]
    except RunError as error:
        ending = {"RunCancelled": "cancelled", "DeadlineExceeded": "deadline", "ModelFailed": "llm_failed"}
        return {
            "ending": ending.get(type(error).__name__, "crashed"),
            "reason": str(error),
            "answer": "",
            "insights": [],
            "operator_results": [],
            "notifications": [],
            "trace_id": run_id,
        }
