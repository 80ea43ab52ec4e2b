"""Answer a question to an operator in sentences: its state, what it reported, and the numbers that were asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beamlens.llm.rules.moments import Moment, moments
from beamlens.llm.rules.paths import number
from beamlens.llm.rules.words import clean, plural, put_value, shorten, tokens

__all__ = ["answer"]

_MOST_NUMBERS = 8
_MOST_FINDINGS = 5
_DEEPEST = 6
_MOST_VALUES = 2000  # of a snapshot, that are looked through


def answer(facts: Mapping[str, Any]) -> str:
    """Return the answer of an operator to `facts["question"]`."""
    seen = moments(facts.get("snapshots"))
    parts = [
        f"Operator {facts.get('operator', 'of no name')} answers by rules, without a model.",
        f"State: {facts.get('state', 'healthy')}.",
        *_findings(facts.get("notifications")),
        *_numbers(seen, str(facts.get("question") or "")),
    ]
    return " ".join(parts)


def _findings(given: object) -> Iterator[str]:
    told = [one for one in (given if isinstance(given, list | tuple) else ()) if isinstance(one, dict)]
    if not told:
        yield "Nothing was reported."
        return
    yield f"{plural(len(told), 'finding')} reported:"
    for one in told[-_MOST_FINDINGS:]:
        remedy = f" What to do: {one['remedy']}" if one.get("remedy") else ""
        observation = clean(str(one.get("observation", "")))
        yield shorten(f"{one.get('anomaly_type')} ({one.get('severity')}, {one.get('id')}): {observation}{remedy}", 600)


def _numbers(seen: Sequence[Moment], question: str) -> Iterator[str]:
    if not seen:
        yield "No snapshot was taken yet."
        return
    last, first = dict(_values(seen[-1].data)), dict(_values(seen[0].data))
    words = tokens(question.replace("_", " "))
    about = [path for path in last if words & tokens(path.replace("_", " ").replace(".", " "))]
    chosen = about[:_MOST_NUMBERS] or list(last)[:_MOST_NUMBERS]
    said = "; ".join(f"{path} is {put_value(last[path])}{_change(first.get(path), last[path])}" for path in chosen)
    asked = "" if about or not words else " Nothing in it has the question's words in its name."
    yield f"Snapshot {seen[-1].id}: {said or 'empty'}.{asked}"


def _change(before: object, now: object) -> str:
    first, last = number(before), number(now)
    return f" (first {put_value(before)})" if first is not None and last is not None and first != last else ""


def _values(data: object) -> Iterator[tuple[str, object]]:
    """Yield the single values of a snapshot with their paths, those at the top first."""
    level: list[tuple[str, object]] = [("", data)]
    looked = 0
    for _ in range(_DEEPEST):
        below: list[tuple[str, object]] = []
        for path, value in level:
            looked += 1
            if looked > _MOST_VALUES:
                return
            if isinstance(value, dict):
                below += [(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()]
            elif not isinstance(value, list | tuple):
                yield clean(path), value
        level = below
