"""What counts as growth: series made by hand, and properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.skills.interpreter.trend import growth


def _series(*levels: float) -> list[tuple[float, float]]:
    return [(float(second), level) for second, level in enumerate(levels)]


def test_a_leak_is_steady_and_its_slope_is_per_minute() -> None:
    moved = growth(_series(*(3.0 * second for second in range(20))))
    assert moved is not None
    assert moved.steady
    assert moved.per_minute == pytest.approx(180.0)
    assert moved.change == 57.0


@pytest.mark.parametrize(
    "levels",
    [
        [min(100.0, 10.0 * second) for second in range(40)],
        [float(second % 10) for second in range(40)],
        [50.0] * 40,
        [100.0 - second for second in range(40)],
        [0.0] * 35 + [100.0] * 5,
        [100.0 + 5.0 * math.sin(second) for second in range(40)],
    ],
    ids=["plateau", "sawtooth", "flat", "sinking", "one step at the end", "noise"],
)
def test_what_is_no_leak_is_not_steady(levels: list[float]) -> None:
    moved = growth(_series(*levels))
    assert moved is not None
    assert not moved.steady


def test_one_spike_does_not_move_the_slope() -> None:
    levels = [float(second) for second in range(24)]
    levels[12] = 10_000.0
    moved = growth(_series(*levels))
    assert moved is not None
    assert moved.per_minute == pytest.approx(60.0, rel=0.1)


def test_too_few_points_or_too_short_a_time_are_not_judged() -> None:
    assert growth([]) is None
    assert growth(_series(1, 2, 3)) is None
    assert growth(_series(1, 2, 3, 4, 5), least_seconds=10) is None
    assert growth([(1.0, 1.0)] * 10) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=60), st.floats(0.001, 1000.0))
def test_the_judgement_does_not_depend_on_the_unit(levels: list[float], factor: float) -> None:
    plain, scaled = growth(_series(*levels)), growth(_series(*(level * factor for level in levels)))
    assert plain is not None
    assert scaled is not None
    assert scaled.per_minute == pytest.approx(plain.per_minute * factor, rel=1e-6, abs=1e-3)


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=60))
def test_what_fell_from_first_to_last_is_never_steady(levels: list[int]) -> None:
    moved = growth(_series(*map(float, levels)))
    assert moved is not None
    assert not (moved.steady and levels[-1] < min(levels[: len(levels) // 4 or 1]))
