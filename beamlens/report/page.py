"""A story as one self-contained page: nothing is loaded, no script runs, everything in it is escaped."""

from __future__ import annotations

import json
from typing import Any, Final

from beamlens.report.charts import curve, timeline
from beamlens.report.evidence import InsightEvidence, Sentence, Support, evidence
from beamlens.report.markup import Markup, joined, tag
from beamlens.report.metrics import moved
from beamlens.report.printed import figure
from beamlens.report.story import RunStory, Step, Story, clock
from beamlens.report.style import STYLE

__all__ = ["page"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_COLOURS: Final = ("healthy", "observing", "warning", "critical", "coordinator")
_LONGEST: Final = 4000


def page(story: Story) -> str:
    """Return the page as HTML."""
    main = story.main
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="referrer" content="no-referrer">'),
        tag("title", f"{main.name} {main.run_id[:12]}"),
        tag("style", Markup(STYLE)),
    )
    parts = (
        _title(story),
        _insights(story),
        _timeline(story),
        _charts(story),
        _lua(story),
        _steps(story),
        _usage(story),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', parts), lang='en')}\n"


def _title(story: Story) -> Markup:
    main = story.main
    ended = main.ending or "its end is not in the transcript"
    why = f" ({main.why})" if main.why else ""
    return joined(
        tag("h1", "; ".join(str(value) for value in main.reason.values()) or f"A run of {main.name}"),
        tag(
            "p",
            f"{main.owner}, run {main.run_id}, began {clock(main.began)}, {main.last - main.began:.1f} s, {ended}{why}",
            class_="soft",
        ),
        (
            tag("p", f"The transcript of {run.run_id} is damaged {run.damage}", class_="bad")
            for run in story.runs
            if run.damage
        ),
        (tag("p", f"The transcript of {number} is missing.", class_="warn") for number in story.missing),
    )


# -- insights -------------------------------------------------------------------------------------------


def _insights(story: Story) -> Markup:
    told = evidence(story)
    if told:
        return joined(tag("h2", "What was found, and what stands behind it"), (_insight(each) for each in told))
    found = [tag("p", f"{each.operator}, {each.severity}: {each.observation}") for each in story.main.notifications]
    return joined(tag("h2", "What was found"), tag("p", story.main.answer) if story.main.answer else "", found)


def _insight(told: InsightEvidence) -> Markup:
    insight = told.insight
    grounded = ", hypothesis grounded in facts of several operators" if insight.hypothesis_grounded else ""
    about = tag("p", f"{insight.correlation_type}, confidence {insight.confidence}{grounded}", class_="soft")
    return tag("div", about, (_sentence(told, each) for each in told.sentences), class_="card")


def _sentence(told: InsightEvidence, sentence: Sentence) -> Markup:
    kind = "sentence guess" if sentence.is_guess else "sentence"
    text = f"Perhaps: {sentence.text}" if sentence.is_guess else sentence.text
    nothing = tag("p", "Nothing in the transcript stands behind it.", class_="warn")
    return joined(
        tag("p", text, class_=kind), [_support(each, told.shows_details(each)) for each in sentence.support] or nothing
    )


def _support(support: Support, in_full: bool) -> Markup:
    found = support.notification
    readings = [
        tag(
            "tr",
            tag("td", tag("code", each.path)),
            tag("td", f"{figure(each.first)} → {figure(each.cited)}", class_="num"),
        )
        for each in support.readings
    ]
    return tag(
        "div",
        tag("div", f"{found.operator}, {found.severity}: {found.observation}"),
        tag("div", f"{support.how}; snapshots {', '.join(each.id for each in found.snapshots)}", class_="soft"),
        tag("table", readings) if readings and in_full else "",
        (_code(step) for step in support.lua if in_full),
        class_="support",
    )


def _code(step: Step) -> Markup:
    result = tag("pre", f"→ {_compact(step.result)}", class_="bad" if step.is_error else None)
    return tag("div", tag("pre", str(step.arguments.get("code", ""))), result, class_="lua")


# -- pictures -------------------------------------------------------------------------------------------


def _timeline(story: Story) -> Markup:
    key = [tag("span", tag("i", style=f"background: var(--{each})"), each) for each in _COLOURS]
    marks = tag("span", "│ tool   ┃ Lua, red where it failed   ▲ finding or insight   ✕ its process died")
    return joined(tag("h2", "Timeline"), timeline(story), tag("p", key, marks, class_="key soft"))


def _charts(story: Story) -> Markup:
    drawn = []
    for run in story.runs:
        found = moved(run.snapshots)
        if found:
            marks = tuple(step.at for step in run.steps if step.notification)
            drawn.append(tag("h2", f"What moved: {run.name}"))
            drawn.append(tag("div", (curve(each, story.main.began, marks) for each in found), class_="charts"))
    return joined(drawn)


# -- everything that was done ---------------------------------------------------------------------------


def _lua(story: Story) -> Markup:
    cards = [
        tag(
            "div",
            tag("div", f"{run.name}, {step.at - story.main.began:.2f} s", class_="soft"),
            _code(step),
            class_="card",
        )
        for run in story.runs
        for step in run.steps
        if step.tool == "execute"
    ]
    return joined(tag("h2", "The Lua that ran, and what it gave"), cards) if cards else Markup("")


def _steps(story: Story) -> Markup:
    return joined(tag("h2", "Steps"), (_run_steps(run, story.main.began) for run in story.runs))


def _run_steps(run: RunStory, first: float) -> Markup:
    rows = [_row(step, first) for step in run.steps]
    head = tag("tr", (tag("th", each) for each in ("at", "tool", "with", "gave", "state")))
    deaths = [
        tag("p", f"Its process died; the run went on in process {each.pid}.", class_="bad") for each in run.deaths
    ]
    summary = tag("summary", f"{run.name}: {len(run.steps)} steps, {run.ending or 'unfinished'}")
    return tag("details", summary, deaths, tag("table", head, rows))


def _row(step: Step, first: float) -> Markup:
    return tag(
        "tr",
        tag("td", f"{step.at - first:.3f} s", class_="num"),
        tag("td", step.tool),
        tag("td", tag("code", _compact(step.arguments) if step.arguments else "")),
        tag("td", tag("code", _compact(step.result)), class_="bad" if step.is_error else None),
        tag("td", step.state),
    )


def _compact(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


def _usage(story: Story) -> Markup:
    head = tag("tr", (tag("th", each) for each in ("", "steps", "seconds", "model", "tools", "conversation")))
    rows = []
    for run in story.runs:
        used = run.usage()
        cells = [
            f"{used['steps']}",
            f"{used['seconds']:.2f}",
            f"{used['model_seconds']:.2f} s",
            f"{used['tool_seconds']:.2f} s",
            f"{used['context_tokens']:,} tokens",
        ]
        rows.append(tag("tr", tag("td", run.name), (tag("td", cell, class_="num") for cell in cells)))
    return joined(tag("h2", "Usage"), tag("table", head, rows))
