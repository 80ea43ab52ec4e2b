"""The window of restarts."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from supervision.intensity import Restarts

TIMES = st.lists(st.floats(0, 20, allow_nan=False), max_size=60).map(sorted)


def added(window: Restarts, *times: float) -> Restarts:
    for at in times:
        window = window.add(at)
    return window


def test_intensity_restarts_are_fine_and_one_more_is_not() -> None:
    assert not added(Restarts(2, 5), 0, 1).exceeded
    assert added(Restarts(2, 5), 0, 1, 2).exceeded


def test_intensity_0_allows_none() -> None:
    assert added(Restarts(0, 5), 0).exceeded


def test_restarts_exactly_one_period_apart_count_together() -> None:
    assert added(Restarts(1, 5), 0, 5).exceeded
    assert not added(Restarts(1, 5), 0, 5.001).exceeded


def test_adding_leaves_the_old_window_as_it_was() -> None:
    old = added(Restarts(5, 5), 0, 1)
    left, right = old.add(2), old.add(3)
    assert (old.times, left.times, right.times) == ((0, 1), (0, 1, 2), (0, 1, 3))


def test_windows_with_the_same_times_are_equal() -> None:
    assert added(Restarts(1, 5), 0, 10) == Restarts(1, 5).add(10)
    assert hash(added(Restarts(1, 5), 0, 10)) == hash(Restarts(1, 5).add(10))
    assert Restarts(1, 5) != Restarts(2, 5)
    assert Restarts(1, 5) != "restarts"


@given(TIMES, st.integers(0, 5), st.integers(1, 6))
def test_the_window_is_what_a_plain_count_gives(times: list[float], intensity: int, period: int) -> None:
    window = Restarts(intensity, period)
    for at, now in enumerate(times):
        window = window.add(now)
        within = [then for then in times[: at + 1] if then >= now - period]
        assert list(window.times) == within
        assert len(window) == len(within)
        assert window.exceeded == (len(within) > intensity)


def test_a_window_that_gives_up_keeps_few_times() -> None:
    window = Restarts(3, 1.0)
    for at in range(10_000):
        window = window.add(at * 0.5)
    assert len(window) == 3
    assert len(window._log) < 200


def test_thousands_of_restarts_cost_little_each() -> None:
    """A million restarts are allowed in an hour: counting one must not look at the others."""
    window = Restarts(1_000_000, 3600)
    begin = time.perf_counter()
    for at in range(50_000):
        window = window.add(at * 0.001)
    assert time.perf_counter() - begin < 2.0
    assert len(window) == 50_000
