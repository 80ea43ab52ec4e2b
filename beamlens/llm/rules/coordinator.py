"""The policy of the coordinator: ask the operators, wait for them, put together what they found.

`RULES` is the policy: the first rule that has something to do decides the step. Each is a pure function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beamlens.llm.model import ModelRequest
from beamlens.llm.rules.conversation import Exchange, exchanges
from beamlens.llm.rules.correlate import Group, correlate, is_noise
from beamlens.llm.rules.insights import healthy_insight, insight
from beamlens.llm.rules.step import Step, listed, steps_left
from beamlens.llm.rules.told import Told, told_of
from beamlens.llm.rules.words import clean, common, plural, put_value, shorten

__all__ = ["next_step", "question_of"]

# Milliseconds. Short at first, since rules are quick; a run on demand rarely lasts longer than 45 s.
_WAITS = (500, 1000, 1500, 2000, 2000, 3000, 3000, 4000, 5000, 5000, 5000)
_LONGEST_WAIT = 10_000
_ATTEMPTS = 2  # at the same insight or invocation
_TO_FINISH = 3  # steps: get_notifications, noise, done
_ENDED_WELL = ("done", "max_iterations")


@dataclass(frozen=True, slots=True)
class CoordinatorView:
    """What is known at one step.

    Args:
        facts: of the request.
        past: the calls of the conversation and their results.
        left: steps that may follow this one.
        groups: the findings of this run, put together.
        concluded: the notifications that insights of this run rest on.
    """

    facts: Mapping[str, Any]
    past: tuple[Exchange, ...]
    left: int
    groups: Sequence[Group]
    concluded: frozenset[str]

    def names(self, field: str) -> list[str]:
        """Return a list of operators' names among the facts; entries may be names or hold them."""
        given = listed(self.facts, field)
        return [
            str(one.get("operator") or one.get("name") or "") if isinstance(one, dict) else str(one) for one in given
        ]


def next_step(request: ModelRequest) -> Step:
    """Return the next step of the coordinator's run."""
    view = _view(request)
    for rule in RULES:
        step = rule(view)
        if step is not None:
            return step
    return Step("done", {}, _closing(view))


def question_of(context: object) -> str:
    """Return in one text what the caller wants to know."""
    if isinstance(context, dict):
        return ". ".join(clean(put_value(value)) for value in context.values() if value)
    return clean(str(context or ""))


def introduce(view: CoordinatorView) -> Step | None:
    """Say first that no model thinks here."""
    if view.past or view.facts.get("iteration") not in (0, 1, None) or view.left < 8:
        return None
    question = question_of(view.facts.get("context"))
    asked = f" Asked: {question}." if question else ""
    thought = f"These are rules, no model is asked.{asked} {plural(len(view.names('operators')), 'operator')} can look."
    return Step("think", {"thought": thought}, thought)


def invoke(view: CoordinatorView) -> Step | None:
    """Ask every operator that was not asked yet, those that the question names first."""
    asked = {*view.names("invoked"), *view.names("running"), *view.names("completed"), *view.names("crashed")}
    tried = _named_in(view, "invoke_operators", "skills")
    waiting = [name for name in _by_relevance(view) if name not in asked and tried.count(name) < _ATTEMPTS]
    if not waiting or view.left <= _TO_FINISH:
        return None
    question = question_of(view.facts.get("context"))
    arguments: dict[str, Any] = {"skills": waiting}
    if question:
        arguments["context"] = question
    return Step("invoke_operators", arguments, f"Ask {', '.join(waiting)}.")


def wait(view: CoordinatorView) -> Step | None:
    """Wait while operators run, as long as there are steps for what they may find."""
    running = view.names("running")
    if not running or view.left <= _TO_FINISH + len(_unconcluded(view)):
        return None
    waited = sum(exchange.call.name == "wait" for exchange in view.past)
    ms = _WAITS[waited] if waited < len(_WAITS) else _LONGEST_WAIT
    return Step("wait", {"ms": ms}, f"Waiting for {', '.join(running)}.")


def read(view: CoordinatorView) -> Step | None:
    """Read the inbox once all operators are through."""
    if view.left <= _TO_FINISH - 1 or any(_is_read(exchange) for exchange in view.past):
        return None
    return Step("get_notifications", {"status": "unread"}, "Read what was found.")


def conclude(view: CoordinatorView) -> Step | None:
    """Produce the next insight."""
    for group in _unconcluded(view):
        told = insight(group, _remarks(view))
        failed = _failures(view, told["notification_ids"])
        if failed < _ATTEMPTS:
            return Step("produce_insight", _plainer(told) if failed else told, f"Root cause: {_named(group)}")
    return None


def put_aside(view: CoordinatorView) -> Step | None:
    """Acknowledge what nothing follows from."""
    ids = [group.root.id for group in view.groups if is_noise(group) and group.root.status == "unread"]
    done = _named_in(view, "update_notification_statuses", "notification_ids")
    ids = [number for number in ids if number not in done]
    if not ids or view.left < 1:
        return None
    reason = "for information only: no other finding belongs to it"
    arguments = {"notification_ids": ids, "status": "acknowledged", "reason": reason}
    return Step("update_notification_statuses", arguments, f"{plural(len(ids), 'notification')} {reason}.")


def say_healthy(view: CoordinatorView) -> Step | None:
    """Answer also where nothing was found."""
    if any(not is_noise(group) for group in view.groups) or view.facts.get("insights") or view.left < 1:
        return None
    if _failures(view, []) >= 1 or view.names("running"):
        return None
    sure = _sure(view)
    silent = [name for name in view.names("operators") if name not in sure]
    told = healthy_insight(sure, silent, _remarks(view))
    return Step("produce_insight", told, told["summary"])


def wait_for_the_last(view: CoordinatorView) -> Step | None:
    """Spend the last steps on operators that still run: a run is not done before them."""
    if not view.names("running") or view.left < 1:
        return None
    return Step("wait", {"ms": _LONGEST_WAIT}, "Waiting for the last operators.")


RULES: tuple[Callable[[CoordinatorView], Step | None], ...] = (
    introduce,
    invoke,
    wait,
    read,
    conclude,
    put_aside,
    say_healthy,
    wait_for_the_last,
)


def _view(request: ModelRequest) -> CoordinatorView:
    facts = request.facts
    insights = [one for one in listed(facts, "insights") if isinstance(one, dict)]
    concluded = frozenset(str(number) for one in insights for number in one.get("notification_ids") or ())
    inbox = [told for told in told_of(facts.get("inbox")) if _is_open(told) or told.id in concluded]
    return CoordinatorView(facts, exchanges(request.messages), steps_left(facts), correlate(inbox), concluded)


def _named_in(view: CoordinatorView, tool: str, field: str) -> list[str]:
    """Return the names that past calls of a tool had in a field."""
    calls = [exchange.call.arguments for exchange in view.past if exchange.call.name == tool]
    return [str(name) for arguments in calls for name in arguments.get(field) or ()]


def _is_open(told: Told) -> bool:
    return told.status != "resolved"


def _is_read(exchange: Exchange) -> bool:
    return exchange.call.name == "get_notifications"


def _unconcluded(view: CoordinatorView) -> list[Group]:
    return [group for group in view.groups if not is_noise(group) and not set(group.ids) <= view.concluded]


def _by_relevance(view: CoordinatorView) -> list[str]:
    """Return the operators' names, those first that have to do with the question."""
    question = question_of(view.facts.get("context"))
    known = [one for one in listed(view.facts, "operators") if isinstance(one, dict) and one.get("name")]

    def about(one: Mapping[str, Any]) -> int:
        return -common(f"{one['name']} {one.get('title', '')} {one.get('description', '')}".replace("_", " "), question)

    return [str(one["name"]) for one in sorted(known, key=about)]


def _failures(view: CoordinatorView, ids: Sequence[str]) -> int:
    """Return how often an insight of these notifications was refused."""
    return sum(
        exchange.call.name == "produce_insight"
        and list(exchange.call.arguments.get("notification_ids") or ()) == list(ids)
        for exchange in view.past
    )


def _plainer(told: dict[str, Any]) -> dict[str, Any]:
    """Return an insight that was refused with no more than its facts."""
    plain = {name: value for name, value in told.items() if name != "root_cause_hypothesis"}
    return {**plain, "hypothesis_grounded": False, "confidence": "low"}


def _named(group: Group) -> str:
    return f"{group.root.key or group.root.kind}, seen by {', '.join(group.operators)}."


def _ended(view: CoordinatorView) -> list[Mapping[str, Any]]:
    return [one for one in listed(view.facts, "completed") if isinstance(one, dict)]


def _finished(view: CoordinatorView) -> list[str]:
    return [str(one.get("operator")) for one in _ended(view) if one.get("ending", "done") in _ENDED_WELL]


def _doubtful(view: CoordinatorView) -> list[str]:
    """Return the operators that finished and told nothing, but do not call their subject healthy either."""
    return [
        str(one.get("operator"))
        for one in _ended(view)
        if one.get("ending", "done") in _ENDED_WELL
        and not one.get("notifications")
        and one.get("state", "healthy") != "healthy"
    ]


def _sure(view: CoordinatorView) -> list[str]:
    """Return the operators whose silence means that nothing is wrong."""
    doubtful = _doubtful(view)
    return [name for name in _finished(view) if name not in doubtful]


def _remarks(view: CoordinatorView) -> str:
    """Return what the reader must know of operators that could not do their work, or not in one piece."""
    said, finished = [], _finished(view)
    for one in listed(view.facts, "crashed"):
        name, reason = (one.get("operator"), one.get("reason")) if isinstance(one, dict) else (one, "unknown")
        went_on = " and its run went on" if name in finished else ""
        said.append(f"Operator {name} crashed ({shorten(clean(str(reason)), 200)}){went_on}.")
    for one in listed(view.facts, "completed"):
        if isinstance(one, dict) and one.get("ending", "done") not in _ENDED_WELL:
            why = f" ({shorten(clean(str(one['reason'])), 200)})" if one.get("reason") else ""
            said.append(f"Operator {one.get('operator')} ended as {one.get('ending')}{why}.")
    said += [f"Operator {name} could not tell how its subject is." for name in _doubtful(view)]
    if view.names("running"):
        said.append(f"Still running: {', '.join(view.names('running'))}.")
    return " ".join(said)


def _closing(view: CoordinatorView) -> str:
    groups = [group for group in view.groups if not is_noise(group)]
    found = "; ".join(_named(group) for group in groups) or "No anomaly was found."
    return f"{found} {_remarks(view)}".strip()
