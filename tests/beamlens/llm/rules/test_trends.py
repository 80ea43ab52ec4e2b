"""Each rule about growth is needed: without it something healthy counts as a trend."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from beamlens.llm.rules import trends
from beamlens.llm.rules.trends import keeps_growing, slope


def over(*values: float) -> list[tuple[float, float]]:
    return [(float(place), value) for place, value in enumerate(values)]


NEEDED = {
    "jump": ("_JUMP", 9.0, (100, 101, 102, 140)),
    "fall": ("_FALL", 9.0, (100, 120, 140, 160, 105, 170, 180, 190, 200)),
    "fit": ("_FIT", 0.0, (100, 100, 100, 100, 104, 108, 130)),
    "recent": ("_RECENT", 0.0, tuple(100 * (1 - math.exp(-place / 2)) for place in range(12))),
}


@pytest.mark.parametrize("rule", NEEDED)
def test_without_the_rule_it_would_be_a_trend(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, off, values = NEEDED[rule]
    assert not keeps_growing(over(*values), 10, monotonic=0.5)
    monkeypatch.setattr(trends, name, off)
    assert keeps_growing(over(*values), 10, monotonic=0.5)


def test_without_the_rule_of_rest_a_cache_that_filled_up_would_be_a_trend(monkeypatch: pytest.MonkeyPatch) -> None:
    filled = over(100, 110, 120, 130, 140, 150, 160, 160, 160)
    assert not keeps_growing(filled, 10)
    monkeypatch.setattr(trends, "_came_to_rest", lambda line, flat: False)
    assert keeps_growing(filled, 10)


def test_the_part_of_steps_is_what_keeps_noise_out() -> None:
    def alarms(monotonic: float) -> int:
        noise = random.Random(7)
        lines = [over(*[noise.gauss(100, 10) for _ in range(6)]) for _ in range(500)]
        return sum(keeps_growing(line, 10, monotonic) for line in lines)

    assert alarms(0.8) <= 10
    assert alarms(0.0) > alarms(0.8)


def test_a_pause_in_the_growth_is_no_rest_where_it_paused_before() -> None:
    assert keeps_growing(over(10, 15, 15, 15, 20, 20, 20, 25, 25, 25), 5, monotonic=0.8)


def test_a_long_look_away_at_the_end_shows_the_rest() -> None:
    growing: Sequence[tuple[float, float]] = [(0, 100), (1, 110), (2, 120), (3, 130), (4, 140)]
    assert keeps_growing([*growing, (6.5, 165)], 10)
    assert not keeps_growing([*growing, (6.5, 140)], 10)


def test_a_slope_is_the_median_of_all_pairs() -> None:
    assert slope(over(0, 1, 2, 3, 1000)) == 1.0
    assert slope(over(5)) == 0
    assert slope([]) == 0
