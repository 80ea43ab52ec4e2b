"""The policy of an operator: look, look closer at what holds, tell it once, say how the subject stands.

`RULES` is the policy: the first rule that has something to do decides the step. Each is a pure function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beamlens.llm.model import ModelRequest
from beamlens.llm.rules.drills import Drilled, drill_code, drilled, problem_of
from beamlens.llm.rules.findings import SEVERITY_RANK, Finding, findings
from beamlens.llm.rules.operator_view import CLEAR, OperatorView, view_of
from beamlens.llm.rules.report import notification
from beamlens.llm.rules.step import Step
from beamlens.llm.rules.words import plural

__all__ = ["next_step"]

_STATE_RANK = {"healthy": 0, "observing": 1, "warning": 2, "critical": 3}
_STATE_OF = {"info": "observing", "warning": "warning", "critical": "critical"}
_ATTEMPTS = 2  # of one drill, and of telling one finding
_FAILURES = 3  # snapshots in a row that may fail before a run on demand gives up
_TO_FINISH = 2  # steps: say the state, done
_TO_DRILL = 4  # steps: state, notification, and those to finish


def next_step(request: ModelRequest) -> Step:
    """Return the next step of an operator's run."""
    view = view_of(request)
    for rule in RULES:
        step = rule(view)
        if step is not None:
            return step
    return Step("done", text="Nothing is left to do.")


def introduce(view: OperatorView) -> Step | None:
    """Say first that no model thinks here, and what is going to be looked at."""
    if view.past or view.facts.get("iteration") not in (0, 1, None) or view.left < 6:
        return None
    names = ", ".join(check.name for check in view.checks) or "none"
    reason = view.facts.get("reason")
    asked = f" Asked because of: {reason}." if reason else ""
    thought = (
        f"These are rules, no model is asked. {view.facts.get('skill', 'The skill')} declares "
        f"{plural(len(view.checks), 'check')} ({names}); {plural(view.planned, 'snapshot')} are to be taken.{asked}"
    )
    return Step("think", {"thought": thought}, thought)


def give_up_blind(view: OperatorView) -> Step | None:
    """End a run on demand that cannot see; the subject is not called healthy, since nothing was measured."""
    failed = _failed_in_a_row(view)
    if view.continuous or failed < _FAILURES:
        return None
    thought = f"{plural(failed, 'snapshot')} in a row failed: {_last_error(view)}. Nothing can be said of the subject."
    if view.past[-1].call.name == "take_snapshot" and view.left > _TO_FINISH:
        return Step("think", {"thought": thought}, thought)
    if view.state == "healthy" and not _just_set(view, "observing") and view.left > 0:
        return _state("observing", thought)
    return Step("done", {}, thought)


def look(view: OperatorView) -> Step | None:
    """Take the first snapshot, and any after a pause."""
    if view.left == 0:
        return None
    # After a wait nothing is judged: a snapshot is what was waited for.
    last = view.past[-1].call.name if view.past else ""
    if last == "wait" and (view.continuous or view.left > _TO_FINISH):
        return Step("take_snapshot", {}, "Look again.")
    if not view.seen and last != "take_snapshot":
        return Step("take_snapshot", {}, "Look first.")
    return None


def look_closer(view: OperatorView) -> Step | None:
    """Drill into the first finding that asks for it."""
    if view.left < _TO_DRILL:
        return None
    for finding in _untold(view):
        if _wants_drill(view, finding, _drill(view, finding)):
            if view.state == "healthy":
                return _state("observing", f"{finding.check.name} holds; looking closer.")
            return Step("execute", {"code": drill_code(finding)}, f"Look closer at {finding.check.name}.")
    return None


def tell(view: OperatorView) -> Step | None:
    """Send the first finding that is ready, the state first."""
    if view.left < _TO_FINISH:
        return None
    for finding in _untold(view):
        told = _ready(view, finding)
        if told is None:
            continue
        wanted = _STATE_OF[finding.check.severity]
        if _STATE_RANK.get(view.state, 0) < _STATE_RANK[wanted] and not _just_set(view, wanted):
            return _state(wanted, str(told["observation"]))
        return Step("send_notification", told, f"{finding.check.name}: {told['observation']}")
    return None


def pause(view: OperatorView) -> Step | None:
    """Wait before the next snapshot of a run on demand."""
    if view.continuous or view.settled or view.left <= _TO_FINISH:
        return None
    return _wait(view)


def settle(view: OperatorView) -> Step | None:
    """Say how the subject stands, once all is told."""
    if not view.seen or (view.continuous and len(view.seen) < min(CLEAR, view.planned)):
        return None
    wanted, reason = _standing(view)
    if view.state == wanted or _just_set(view, wanted):
        return None
    return _state(wanted, reason)


def go_on(view: OperatorView) -> Step | None:
    """Wait for the next look of an operator that runs without an end."""
    return _wait(view) if view.continuous and view.left > 0 else None


def finish(view: OperatorView) -> Step | None:
    """End the run with what was found."""
    names = sorted({str(told.get("anomaly_type")) for told in view.sent} | {kind for kind, _ in _told(view)})
    found = f"Reported: {', '.join(names)}." if names else f"None of {plural(len(view.checks), 'check')} holds."
    return Step("done", {}, f"{found} {plural(len(view.seen), 'snapshot')} were judged by rules.")


RULES: tuple[Callable[[OperatorView], Step | None], ...] = (
    introduce,
    give_up_blind,
    look,
    look_closer,
    tell,
    pause,
    settle,
    go_on,
    finish,
)


def _untold(view: OperatorView) -> list[Finding]:
    return [finding for finding in view.found if not _is_told(view, finding)]


def _is_told(view: OperatorView, finding: Finding) -> bool:
    """Tell whether this finding was reported, in this episode or, as far as is known before a drill, for this item."""
    told_of = [*_told(view), *((str(sent.get("anomaly_type")), _names(sent)) for sent in view.sent)]
    same = [names for kind, names in told_of if kind == finding.check.name and _is_item(finding, names)]
    if not same:
        return False
    if not _names_come_of_drill(finding) or view.episode(finding) == 0:
        return True
    told = _ready(view, finding)
    return told is not None and _names(told) in same


def _is_item(finding: Finding, names: Sequence[str]) -> bool:
    """Tell whether a notification with these names is about the finding's item."""
    match = finding.match
    return not match.keys or match.key in names or match.path in names


def _names(told: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in told.get("entities") or ()]


def _names_come_of_drill(finding: Finding) -> bool:
    return any("{drill" in template for template in finding.check.entities)


def _told(view: OperatorView) -> list[tuple[str, list[str]]]:
    """Return what was sent in this conversation, and what could not be sent however often it was tried."""
    calls = [exchange for exchange in view.past if exchange.call.name == "send_notification"]
    sent = [
        (str(exchange.call.arguments.get("type")), _names(exchange.call.arguments))
        for exchange in calls
        if exchange.succeeded
    ]
    failed = [
        (str(exchange.call.arguments.get("type")), _names(exchange.call.arguments))
        for exchange in calls
        if not exchange.succeeded
    ]
    return sent + [told for told in failed if failed.count(told) >= _ATTEMPTS]


def _drill(view: OperatorView, finding: Finding) -> Drilled:
    return drilled(finding, view.past, view.episode(finding)) if finding.check.drill else Drilled()


def _wants_drill(view: OperatorView, finding: Finding, drill: Drilled) -> bool:
    if not finding.check.drill or drill.attempts >= _ATTEMPTS:
        return False
    if drill.attempts == 0 or drill.data is None:
        return True
    # Refuted: once more where a later snapshot shows it again.
    return not drill.confirmed and view.place_of(finding.match.snapshot_ids[-1]) > drill.place


def _ready(view: OperatorView, finding: Finding) -> dict[str, Any] | None:
    """Return the notification of a finding that nothing more is to be learnt of; None where it is not to be told."""
    drill = _drill(view, finding)
    if finding.check.confirm is not None and not drill.confirmed:
        return None
    if _wants_drill(view, finding, drill) and view.left >= _TO_DRILL:
        return None
    note = "There were no steps left to look closer." if finding.check.drill and not drill.attempts else ""
    return notification(finding, drill, view.everything, note)


def _standing(view: OperatorView) -> tuple[str, str]:
    """Return the state that what was told calls for; without an end, what held in the last 3 snapshots counts."""
    told = [finding for finding in _recent(view) if _is_told(view, finding)]
    severities = [finding.check.severity for finding in told]
    names = sorted({finding.check.name for finding in told})
    if not view.continuous:
        severities += [sent["severity"] for sent in view.sent if sent.get("severity") in _STATE_OF]
        names = sorted({*names, *(str(sent.get("anomaly_type")) for sent in view.sent)})
    if not severities:
        return "healthy", f"None of {plural(len(view.checks), 'check')} holds in {plural(len(view.seen), 'snapshot')}."
    return _STATE_OF[max(severities, key=SEVERITY_RANK.__getitem__)], f"Found: {', '.join(names)}."


def _recent(view: OperatorView) -> Sequence[Finding]:
    """Return what held in any of the last 3 snapshots; what was told and comes and goes is not over."""
    if not view.continuous:
        return view.found
    names = {kind for kind, _ in _told(view)} | {str(sent.get("anomaly_type")) for sent in view.sent}
    told = [check for check in view.checks if check.name in names]
    found: dict[tuple[str, str], Finding] = {}
    for end in range(max(1, len(view.seen) - CLEAR + 1), len(view.seen) + 1):
        for finding in findings(told, view.seen[:end], settled=True, anywhere=False):
            found[finding.identity] = finding
    return list(found.values())


def _state(state: str, reason: str) -> Step:
    return Step("set_state", {"state": state, "reason": reason}, f"{state}: {reason}")


def _just_set(view: OperatorView, state: str) -> bool:
    """Tell whether the last call set this state: where that did nothing, doing it again would not either."""
    last = view.past[-1].call if view.past else None
    return last is not None and last.name == "set_state" and last.arguments.get("state") == state


def _wait(view: OperatorView) -> Step:
    failed = _failed_in_a_row(view)
    seconds = view.pause * (1 + min(failed, 9))
    return Step("wait", {"ms": max(1, round(seconds * 1000))}, f"Next look in {seconds:.1f} s.")


def _failed_in_a_row(view: OperatorView) -> int:
    failed = 0
    for exchange in reversed(view.past):
        if exchange.call.name == "take_snapshot":
            if exchange.succeeded:
                return failed
            failed += 1
    return failed


def _last_error(view: OperatorView) -> str:
    for exchange in reversed(view.past):
        if exchange.call.name == "take_snapshot":
            return problem_of(exchange)
    return ""
