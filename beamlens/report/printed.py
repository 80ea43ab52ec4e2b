"""A story as lines of text, each with a style for a terminal that has colours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from beamlens.report.evidence import InsightEvidence, Sentence, Support, evidence
from beamlens.report.story import RunStory, Step, Story, clock
from beamlens.report.text import harmless, one_line

__all__ = ["as_lines", "figure"]

_STATES: Final = {"healthy": "green", "observing": "cyan", "warning": "yellow", "critical": "bold red"}

Line = tuple[str, str]


def figure(value: float) -> str:
    """Return a number as people write it."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def as_lines(story: Story) -> Iterator[Line]:
    """Yield (text, style) of each line."""
    main = story.main
    yield f"{main.owner}  {main.run_id}", "bold"
    yield f"began {clock(main.began)}, {_ended(main)}", ""
    for key, value in main.reason.items():
        yield f"{key}: {one_line(value)}", ""
    for run in story.runs:
        if run.damage:
            yield f"the transcript of {run.run_id} is damaged {run.damage}", "red"
    for number in story.missing:
        yield f"the transcript of {number} is missing", "yellow"
    yield from _timeline(story)
    yield from _findings(story)
    yield from _insights(story)
    yield from _usage(story)


def _ended(run: RunStory) -> str:
    if run.ending is None:
        return "its end is not in the transcript"
    why = f" ({one_line(run.why)})" if run.why else ""
    return f"ended {run.ending}{why} after {run.last - run.began:.1f} s"


def _timeline(story: Story) -> Iterator[Line]:
    yield "", ""
    yield "timeline", "bold"
    moments: list[tuple[float, int, Line]] = []
    for order, run in enumerate(story.runs):
        state = "healthy"
        for step in run.steps:
            style = "red" if step.is_error else ""
            moments.append((step.at, order, (f"{run.name:<12} {_step_text(step)}", style)))
            if step.state and step.state != state:
                state = step.state
                moments.append((step.at, order, (f"{run.name:<12} is {state}", _STATES.get(state, ""))))
        for death in run.deaths:
            text = f"{run.name:<12} its process died; the run went on in process {death.pid} (death {death.crashes})"
            moments.append((death.at, order, (text, "bold red")))
        if run.ended is not None:
            moments.append((run.ended, order, (f"{run.name:<12} {_ended(run)}", "dim")))
    for at, _, (text, style) in sorted(moments, key=lambda each: each[:2]):
        yield f"{at - story.main.began:8.3f} s  {text}", style


def _step_text(step: Step) -> str:
    result = one_line(_compact(step.result), 90)
    arguments = one_line(_compact(step.arguments), 110) if step.arguments else ""
    return f"{step.tool} {arguments} -> {result}" if arguments else f"{step.tool} -> {result}"


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _findings(story: Story) -> Iterator[Line]:
    if not story.main.notifications:
        return
    yield "", ""
    yield "findings", "bold"
    for found in story.main.notifications:
        yield f"{found.operator}, {found.severity}: {one_line(found.observation, 400)}  [{found.id}]", ""
        if found.hypothesis:
            yield f"    perhaps: {one_line(found.hypothesis, 400)}", "dim"


def _insights(story: Story) -> Iterator[Line]:
    for told in evidence(story):
        insight = told.insight
        grounded = ", hypothesis grounded" if insight.hypothesis_grounded else ""
        yield "", ""
        yield f"insight  {insight.correlation_type}, confidence {insight.confidence}{grounded}", "bold"
        for sentence in told.sentences:
            yield from _sentence(told, sentence)
    if not story.main.insights and story.main.answer:
        yield "", ""
        yield harmless(story.main.answer), ""


def _sentence(told: InsightEvidence, sentence: Sentence) -> Iterator[Line]:
    yield (
        f"  {'perhaps: ' if sentence.is_guess else ''}{one_line(sentence.text, 600)}",
        "bold" if not sentence.is_guess else "",
    )
    if not sentence.support:
        yield "      nothing in the transcript stands behind it", "yellow"
    for support in sentence.support:
        yield from _supporting(support, told.shows_details(support))


def _supporting(support: Support, in_full: bool) -> Iterator[Line]:
    found = support.notification
    yield f"      {found.operator} ({support.how}): {one_line(found.observation, 300)}", ""
    if not in_full:
        return
    for reading in support.readings:
        yield f"        {one_line(reading.path)}: {figure(reading.first)} -> {figure(reading.cited)}", "dim"
    for step in support.lua:
        code = one_line(step.arguments.get("code", ""), 160)
        yield f"        lua: {code}  gave  {one_line(_compact(step.result), 160)}", "dim"


def _usage(story: Story) -> Iterator[Line]:
    yield "", ""
    yield "usage", "bold"
    for run in story.runs:
        used = run.usage()
        tokens = f", conversation of {used['context_tokens']:,} tokens" if used["context_tokens"] else ""
        yield (
            (
                f"{run.name:<12} {used['steps']} steps in {used['seconds']:.2f} s: "
                f"model {used['model_seconds']:.2f} s, tools {used['tool_seconds']:.2f} s{tokens}"
            ),
            "",
        )
