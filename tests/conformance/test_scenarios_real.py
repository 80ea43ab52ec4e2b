"""Real supervisors of real processes do in every recorded scenario what OTP did."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.real import Real
from tests.conformance.scenario import load, normalized, play

SCENARIOS = list(load())
NAMES = [f"{scenario['name']}-{scenario['cat']}" for scenario, _ in SCENARIOS]


def starts_of(part: Any) -> set[str]:
    """Return the outcomes of all starts in a scenario."""
    if isinstance(part, dict):
        return set(part.get("starts", ())).union(*map(starts_of, part.values()))
    return set().union(*map(starts_of, part)) if isinstance(part, list) else set()


PLAIN = [entry for entry in SCENARIOS if starts_of(entry[0]) <= {"ok"}]
PLAIN_NAMES = [f"{scenario['name']}-{scenario['cat']}" for scenario, _ in PLAIN]


def check(scenario: Any, expected: Any, backend: Real) -> None:
    try:
        answer = play(scenario, backend)
    finally:
        backend.close()
    assert normalized(scenario, answer) == normalized(scenario, expected)


def test_there_are_scenarios_for_both_kinds_of_children() -> None:
    assert (len(SCENARIOS), len(PLAIN)) == (60, 39)


@pytest.mark.parametrize(("scenario", "expected"), SCENARIOS, ids=NAMES)
def test_children_started_by_functions(scenario: Any, expected: Any) -> None:
    check(scenario, expected, Real())


@pytest.mark.parametrize(("scenario", "expected"), PLAIN, ids=PLAIN_NAMES)
def test_children_named_by_their_class(scenario: Any, expected: Any) -> None:
    check(scenario, expected, Real(by_class=True))
