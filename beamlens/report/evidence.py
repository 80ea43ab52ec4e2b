"""What stands behind each sentence of an insight: findings, the numbers they rest on, the Lua that ran before them.

A sentence is held against the notifications that the insight cites: one that it quotes, or with which it shares a
number, a name or several words, stands behind it. Where none does, all that the insight cites are shown, and the
report says so. Guesses at causes are sentences, too, and are marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from beamlens.domain import Insight, Notification
from beamlens.report.metrics import Series, moved, series
from beamlens.report.story import RunStory, Step, Story

__all__ = ["InsightEvidence", "Reading", "Sentence", "Support", "evidence", "sentences"]

_END: Final = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?(?:[A-Z0-9]|[a-z]+_))")
_NUMBER: Final = re.compile(r"\d[\d,]*\.?\d*")
_WORD: Final = re.compile(r"[A-Za-z_][\w./:-]{4,}")
_NAME: Final = re.compile(r"[./:_]")
_COMMON: Final = frozenset(
    {
        "about",
        "after",
        "again",
        "before",
        "between",
        "could",
        "nothing",
        "other",
        "there",
        "these",
        "which",
        "while",
        "would",
    }
)
_SCALES: Final = (1.0, 2.0**10, 2.0**20, 2.0**30, 1e3, 1e6, 1e9, 0.01, 0.001)
_VALUES: Final = 6
_CODES: Final = 5
_LEAST: Final = 3.0  # smaller numbers are everywhere


@dataclass(frozen=True, slots=True)
class Reading:
    """Tell what a number was: in the first snapshot of the run, and in the one that is cited."""

    path: str
    first: float
    cited: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {"path": self.path, "first": self.first, "cited": self.cited}


@dataclass(frozen=True, slots=True)
class Support:
    """Hold a finding that stands behind a sentence.

    Args:
        notification: the finding.
        how: why it is thought to.
        is_direct: whether it does so by what it says, and not only since the insight cites it.
        readings: the numbers it rests on.
        lua: the steps in which Lua was run before it.
    """

    notification: Notification
    how: str
    is_direct: bool
    readings: tuple[Reading, ...]
    lua: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "notification_id": self.notification.id,
            "operator": self.notification.operator,
            "observation": self.notification.observation,
            "snapshot_ids": [each.id for each in self.notification.snapshots],
            "how": self.how,
            "is_direct": self.is_direct,
            "readings": [each.to_dict() for each in self.readings],
            "lua": [
                {"code": str(step.arguments.get("code", "")), "result": step.result, "is_error": step.is_error}
                for step in self.lua
            ],
        }


@dataclass(frozen=True, slots=True)
class Sentence:
    """Hold a sentence of an insight, and what stands behind it."""

    text: str
    is_guess: bool
    support: tuple[Support, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {"text": self.text, "is_guess": self.is_guess, "support": [each.to_dict() for each in self.support]}


@dataclass(frozen=True, slots=True)
class InsightEvidence:
    """Hold an insight, sentence by sentence."""

    insight: Insight
    sentences: tuple[Sentence, ...]

    def shows_details(self, support: Support) -> bool:
        """Tell whether numbers and Lua are shown here, and not beside another sentence that says more of them."""
        number = support.notification.id
        same = [each for told in self.sentences for each in told.support if each.notification.id == number]
        return support is next((each for each in same if each.is_direct), same[0])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {"insight_id": self.insight.id, "sentences": [each.to_dict() for each in self.sentences]}


def evidence(story: Story) -> list[InsightEvidence]:
    """Return what stands behind each insight of a run."""
    return [_of(insight, story) for insight in story.main.insights]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a number or a file name with a point in it is not torn."""
    return [each.strip() for line in text.splitlines() for each in _END.split(line) if each.strip()]


def _of(insight: Insight, story: Story) -> InsightEvidence:
    cited = [found for number in insight.notification_ids if (found := story.notification(number)) is not None]
    given = [(text, False) for text in sentences(insight.summary)]
    given += [(text, True) for text in sentences(insight.root_cause_hypothesis or "")]
    told = tuple(Sentence(text, is_guess, _support(text, is_guess, cited, story)) for text, is_guess in given)
    return InsightEvidence(insight, told)


def _support(text: str, is_guess: bool, cited: list[Notification], story: Story) -> tuple[Support, ...]:
    found = [(each, how) for each in cited if (how := _how(text, is_guess, each))]
    is_direct = bool(found)
    if not found:
        found = [(each, "cited by the insight as a whole") for each in cited]
    return tuple(
        Support(each, how, is_direct, _readings(each, story), _lua(each, story.run_of(each))) for each, how in found
    )


def _how(text: str, is_guess: bool, found: Notification) -> str:
    bare = text.strip(" .!?")
    if found.observation.strip(" .!?") in text or bare in found.observation:
        return "quotes it"
    other = " ".join([found.observation, found.context, *found.entities])
    if is_guess:
        other = " ".join([other, found.hypothesis or "", (found.cause or "").replace("_", " ")])
    shared = _tokens(text) & _tokens(other)
    telling = sorted(each for each in shared if each[0].isdigit() or _NAME.search(each))
    plain = sorted(shared.difference(telling))
    if telling or len(plain) > 1:
        return f"shares {', '.join([*telling, *plain][:5])}"
    return ""


def _tokens(text: str) -> set[str]:
    found = {each.replace(",", "").rstrip(".") for each in _NUMBER.findall(text)}
    big = {each for each in found if float(each or 0) >= _LEAST}
    words = {each.rstrip(".:-/").lower() for each in _WORD.findall(text)}
    return big | {each for each in words if each not in _COMMON and len(each) > 4}


def _readings(found: Notification, story: Story) -> tuple[Reading, ...]:
    run = story.run_of(found)
    snapshots = run.snapshots if run is not None and run.snapshots else found.snapshots
    cited = found.snapshots[-1].captured_at.timestamp()
    text = f"{found.observation} {found.context}"
    said = [float(each.replace(",", "").rstrip(".")) for each in _NUMBER.findall(text)]
    readings = [(each, _reading(each, cited)) for each in series(snapshots)]
    meant = [(_fitness(each, reading, said, text), reading) for each, reading in readings if reading is not None]
    best = sorted((each for each in meant if each[0] > 0), key=lambda each: -each[0])
    if best:
        return tuple(reading for _, reading in best[:_VALUES])
    paths = {each.path for each in moved(snapshots, 3)}
    return tuple(reading for _, reading in meant if reading.path in paths)


def _reading(found: Series, cited: float) -> Reading | None:
    before = [value for at, value in found.points if at <= cited]
    return Reading(found.path, before[0], before[-1]) if before else None


def _fitness(found: Series, reading: Reading, said: list[float], text: str) -> int:
    """Return how well a number fits what was said: by its value, then by the words of its path; 0: not at all."""
    words = [each for each in re.split(r"[.\[\]]", found.path) if len(each) > 2]
    named = sum(re.search(rf"\b{re.escape(each)}\b", text) is not None for each in words)
    big = [number for number in said if number >= _LEAST]
    values = (reading.first, reading.cited)
    if any(value == number for value in values for number in big):
        return 4 + named
    if any(_is_said(value, number) for value in values for number in big):
        return 1 + named
    return 1 if words and re.search(rf"\b{re.escape(words[-1])}\b", text) else 0


def _is_said(value: float, number: float) -> bool:
    # Texts round, and say MB, GB, ms or % where snapshots have bytes, seconds and parts.
    return any(abs(abs(value) / scale - number) <= 0.005 * number for scale in _SCALES)


def _lua(found: Notification, run: RunStory | None) -> tuple[Step, ...]:
    if run is None:
        return ()
    sent = next((at for at, step in enumerate(run.steps) if step.notification == found.id), len(run.steps))
    return tuple(step for step in run.steps[:sent] if step.tool == "execute")[-_CODES:]
