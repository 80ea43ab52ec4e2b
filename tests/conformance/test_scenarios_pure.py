"""The pure state machine does in every recorded scenario what OTP did."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.scenario import load, normalized, play
from tests.conformance.simulation import Simulation

SCENARIOS = list(load())


def test_all_sixty_scenarios_are_here() -> None:
    assert len(SCENARIOS) == 60


@pytest.mark.parametrize(("scenario", "expected"), SCENARIOS, ids=[f"{s['name']}-{s['cat']}" for s, _ in SCENARIOS])
def test_the_machine_answers_as_otp(scenario: Any, expected: Any) -> None:
    answer = play(scenario, Simulation())
    assert normalized(scenario, answer) == normalized(scenario, expected)
