"""The two questions of the Pipeline strategy: which operators to ask, and what their findings come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from beamlens.llm.model import ModelRequest
from beamlens.llm.rules.coordinator import question_of
from beamlens.llm.rules.correlate import correlate
from beamlens.llm.rules.insights import confidence, insight
from beamlens.llm.rules.step import Step, listed
from beamlens.llm.rules.told import told_of
from beamlens.llm.rules.words import common, plural

__all__ = ["classify", "synthesize"]

_ASKING = (
    "what",
    "why",
    "how",
    "which",
    "who",
    "when",
    "where",
    "is",
    "are",
    "does",
    "do",
    "can",
    "did",
    "has",
    "have",
)


def classify(request: ModelRequest) -> Step:
    """Choose the operators that the query names by its words; all of them where it names none."""
    facts = request.facts
    query = _query(facts)
    known = [one for one in listed(facts, "operators") or listed(facts, "skills") if isinstance(one, dict | str)]
    named = [(_name(one), common(_about(one), query)) for one in known]
    chosen = [name for name, words in sorted(named, key=lambda one: -one[1]) if words] or [name for name, _ in named]
    asking = query.rstrip().endswith("?") or query.lower().split(" ", 1)[0] in _ASKING
    arguments = {
        "intent": "question" if asking else "investigation",
        "skills": chosen,
        "operator_context": query,
    }
    return _answered(request, "classify", arguments, json.dumps(arguments))


def synthesize(request: ModelRequest) -> Step:
    """Put what was found into one answer."""
    facts = request.facts
    groups = correlate(told_of(facts.get("inbox") or facts.get("notifications")))
    lines = ["Put together by rules, without a model."]
    for group in groups:
        told = insight(group)
        lines.append(f"{told['summary']} {told.get('root_cause_hypothesis', '')} Confidence: {confidence(group)}.")
    if not groups:
        looked = [str(one.get("operator")) for one in listed(facts, "completed") if isinstance(one, dict)]
        lines.append(f"No anomaly found by {plural(len(looked), 'operator')}: {', '.join(looked) or 'nobody looked'}.")
    for one in listed(facts, "completed"):
        if isinstance(one, dict) and one.get("ending", "done") not in ("done", "max_iterations"):
            lines.append(f"Operator {one.get('operator')} ended as {one.get('ending')}.")
    text = " ".join(" ".join(lines).split())
    return _answered(request, "synthesize", {"answer": text}, text)


def _answered(request: ModelRequest, tool: str, arguments: dict[str, Any], text: str) -> Step:
    """Answer through the tool where there is one, else with a text."""
    names = [one.name for one in request.tools]
    return Step(tool if tool in names else names[0] if names else "", arguments, text)


def _query(facts: Mapping[str, Any]) -> str:
    return question_of(facts.get("question") or facts.get("context")) or "Analyze the system"


def _name(one: Mapping[str, Any] | str) -> str:
    return one if isinstance(one, str) else str(one.get("name") or one.get("skill") or "")


def _about(one: Mapping[str, Any] | str) -> str:
    told = one if isinstance(one, str) else f"{_name(one)} {one.get('title', '')} {one.get('description', '')}"
    return told.replace("_", " ")
