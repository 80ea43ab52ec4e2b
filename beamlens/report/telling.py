"""The records of a run put together to its story. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from beamlens.coordinator.messages import Outcome
from beamlens.coordinator.progress import Progress
from beamlens.domain import Completion, Insight, Notification, Snapshot
from beamlens.journal.records import Began, Crashed, Ended, Found, Stepped
from beamlens.llm.model import Message
from beamlens.operator.findings import Gain
from beamlens.report.story import Death, RunStory, Step

__all__ = ["tell"]

V = TypeVar("V", bound=Snapshot | Notification | Insight)


def tell(records: list[Any], damage: str = "") -> RunStory:
    """Return the story of a run.

    Args:
        records: as they were written; the first is its `Began`.
        damage: what could not be read.
    """
    began: Began = records[0]
    story = RunStory(began.owner, began.run_id, dict(began.reason), began.at, damage=damage)
    for record in records[1:]:
        if isinstance(record, Stepped):
            story = _with_step(story, record)
        elif isinstance(record, Found):
            story = _with_found(story, record.found)
        elif isinstance(record, Crashed):
            story = replace(story, deaths=(*story.deaths, Death(record.at, record.crashes, record.pid)))
        elif isinstance(record, Ended):
            story = _with_end(story, record)
    return story


def _with_step(story: RunStory, record: Stepped) -> RunStory:
    grown = _with_found(story, record.found)
    messages = _of_this_step(record)
    if not messages:
        return grown  # a strategy without the loop notes where it stands
    state = record.found.state if isinstance(record.found, Gain) else ""
    step = _step(record, messages)
    sent = step.result.get("notification_sent") if isinstance(step.result, dict) else None
    shown = sent if step.tool == "send_notification" and isinstance(sent, str) else None
    return replace(grown, steps=(*story.steps, replace(step, state=state, notification=shown)))


def _of_this_step(record: Stepped) -> tuple[Message, ...]:
    if not record.anew:
        return record.messages
    # All messages are here: the step's own are the last choice and what followed it.
    last = max((at for at, each in enumerate(record.messages) if each.role == "assistant"), default=-1)
    return record.messages[last:] if last >= 0 else record.messages[-1:]


def _step(record: Stepped, messages: tuple[Message, ...]) -> Step:
    chosen = next((each for each in reversed(messages) if each.role == "assistant"), None)
    call = chosen.call if chosen is not None else None
    result = next((each for each in reversed(messages) if call is not None and each.answers == call.id), None)
    if call is None:  # an answer that could not be used; the last word is what the model was told of it
        result = messages[-1] if messages[-1].role == "user" else None
    told = tuple(each.text for each in messages if each.role == "user" and each is not result)
    return Step(
        iteration=record.loop.iteration - 1,
        at=record.at,
        told=told,
        said=chosen.text if chosen is not None else "",
        call=call,
        result=_data(result.text) if result is not None else None,
        is_error=call is None or (result is not None and result.is_error),
        seconds=dict(record.seconds),
        messages=messages,
        shortened=record.anew,
        context_tokens=record.loop.context.measured_tokens,
    )


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _with_found(story: RunStory, found: Any) -> RunStory:
    if isinstance(found, Gain):
        return replace(
            story,
            snapshots=_joined(story.snapshots, found.snapshots),
            notifications=_joined(story.notifications, found.notifications),
        )
    if isinstance(found, Progress):
        pairs = [*story.operator_runs, *found.running]
        pairs += [(each.operator, each.trace_id) for each in found.completed]
        return replace(
            story,
            notifications=_joined(story.notifications, [entry.notification for entry in found.inbox]),
            insights=_joined(story.insights, found.insights),
            operator_runs=tuple(dict.fromkeys(pairs)),
            crashed=found.crashed,
        )
    return story


def _with_end(story: RunStory, record: Ended) -> RunStory:
    outcome = record.outcome
    if isinstance(outcome, Completion):
        story = _with_found(story, Gain(outcome.state, outcome.snapshots, outcome.notifications))
    elif isinstance(outcome, Outcome):
        pairs = [*story.operator_runs, *((each.operator, each.trace_id) for each in outcome.operator_results)]
        story = replace(
            story,
            notifications=_joined(story.notifications, outcome.notifications),
            insights=_joined(story.insights, outcome.insights),
            operator_runs=tuple(dict.fromkeys(pairs)),
            answer=outcome.answer,
        )
    else:
        return replace(story, ended=record.at)
    return replace(story, ended=record.at, ending=outcome.ending, why=outcome.reason)


def _joined(known: tuple[V, ...], found: Iterable[V]) -> tuple[V, ...]:
    seen = {each.id for each in known}
    return (*known, *(each for each in found if each.id not in seen))
