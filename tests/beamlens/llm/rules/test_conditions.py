"""Conditions over snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.llm.rules.conditions import Match, matches
from beamlens.llm.rules.moments import Moment, moments
from beamlens.skills.checks import Check, Condition, Pattern, Rate, Threshold, Trend
from tests.beamlens.llm.rules.operator_simulator import START


def seen(*data: object, every: float = 1.0) -> tuple[Moment, ...]:
    return tuple(Moment(f"s{place}", place * every, one) for place, one in enumerate(data))


def line(*values: float, every: float = 1.0, field: str = "v") -> tuple[Moment, ...]:
    return seen(*[{field: value} for value in values], every=every)


def holds(condition: Condition, over: Sequence[Moment], **options: Any) -> bool:
    return bool(matches(condition, over, **options))


def only(condition: Condition, over: Sequence[Moment], **options: Any) -> Match:
    [match] = matches(condition, over, **options)
    return match


# -- thresholds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "compare", "bound", "expected"),
    [
        (5, ">", 4, True),
        (5, ">", 5, False),
        (5, ">=", 5, True),
        (3.5, "<", 4, True),
        (4, "<=", 4.0, True),
        (4, "==", 4.0, True),
        (4, "!=", 4, False),
        ("leak", "==", "leak", True),
        ("leak", "!=", "native", True),
        ("b", ">", "a", True),
        (True, "==", True, True),
        (True, "==", 1, False),
        (True, ">", 0, False),
        (None, "==", None, False),
        (None, "!=", 3, False),
        ("5", ">", 4, False),
        (float("nan"), "!=", 1, False),
        (float("inf"), ">", 1, False),
        (10**400, ">", 1, False),
        ([1], ">", 0, False),
    ],
)
def test_values_are_compared_with_their_own_kind(value: object, compare: Any, bound: object, expected: bool) -> None:
    assert holds(Threshold("v", compare, bound), seen({"v": value})) is expected


def test_a_missing_value_never_holds() -> None:
    for compare in (">", ">=", "<", "<=", "==", "!="):
        assert not holds(Threshold("a.b.c", compare, 0), seen({"a": {"x": 1}}))


def test_a_threshold_can_ask_for_several_snapshots_in_a_row() -> None:
    lasting = Threshold("v", ">", 10, times=3)
    assert not holds(lasting, line(11, 12))
    assert not holds(lasting, line(11, 5, 12, 13))
    match = only(lasting, line(1, 11, 12, 13))
    assert (match.first, match.last, match.seconds, match.snapshot_ids) == (11, 13, 2.0, ("s1", "s2", "s3"))


def test_what_is_over_counts_only_where_asked() -> None:
    block = Threshold("v", ">", 100)
    assert not holds(block, line(1, 500, 1))
    assert only(block, line(1, 500, 1), anywhere=True).snapshot_ids == ("s1",)
    assert only(block, line(500, 1, 600, 1), anywhere=True).value == 600


def test_a_threshold_can_compare_with_another_value() -> None:
    full = Threshold("used", ">=", {"path": "limit", "factor": 0.9})
    assert holds(full, seen({"used": 95, "limit": 100}))
    assert not holds(full, seen({"used": 85, "limit": 100}))
    assert not holds(full, seen({"used": 85}))
    assert not holds(full, seen({"used": 85, "limit": None}))
    waiting = Threshold("pools.*.waiting", ">", {"path": "pools.*.size"})
    [match] = matches(waiting, seen({"pools": {"a": {"waiting": 3, "size": 5}, "b": {"waiting": 9, "size": 5}}}))
    assert (match.key, match.path) == ("b", "pools.b.waiting")


def test_items_of_lists_are_known_by_name_and_not_by_place() -> None:
    moment_one = {"tables": [{"name": "a", "n": 1}, {"name": "b", "n": 50}]}
    moment_two = {"tables": [{"name": "b", "n": 60}, {"name": "a", "n": 2}]}
    [match] = matches(Threshold("tables.*.n", ">", 40, times=2), seen(moment_one, moment_two))
    assert (match.key, match.first, match.last) == ("b", 50, 60)


def test_items_of_one_name_stay_apart() -> None:
    found = matches(Threshold("t.*.n", ">", 0), seen({"t": [{"name": "w", "n": 1}, {"name": "w", "n": 2}, {"n": 3}]}))
    assert [match.key for match in found] == ["w", "w (1)", "2"]


def test_a_number_of_items_is_a_value() -> None:
    assert holds(Threshold("deadlocks.#", ">", 0), seen({"deadlocks": [["a", "b"]]}))
    assert not holds(Threshold("deadlocks.#", ">", 0), seen({"deadlocks": []}))


def test_two_stars() -> None:
    [match] = matches(Threshold("a.*.b.*", ">", 1), seen({"a": {"x": {"b": [1, 2]}}}))
    assert (match.keys, match.key, match.path) == (("x", "1"), "x/1", "a.x.b.1")


# -- trends -----------------------------------------------------------------------------------------

GROWS = Trend("v", least_change=10, snapshots=5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((100, 110, 120, 130, 140), True),
        ((100, 111, 119, 131, 140, 149), True),
        ((100, 108, 106, 118, 125, 123, 135, 141), True),  # noise on a slope
        ((10, 10, 15, 15, 20, 20, 25, 25), True),  # growth in bursts
        ((100, 102, 104, 106, 108), False),  # too little
        ((100, 110, 120, 130), False),  # too few
        ((100, 100, 100, 100, 140), False),  # a jump
        ((100, 140, 140, 140, 140), False),  # a step
        ((100, 130, 150, 160, 165, 166, 166, 166), False),  # a plateau
        ((100, 120, 140, 160, 160, 160), False),  # growth that stopped
        ((100, 140, 100, 140, 100, 140), False),  # jitter
        ((140, 130, 120, 110, 100), False),  # falling
        ((10, 20, 30, 40, 10, 20, 30, 40, 10, 20, 30, 40), False),  # teeth
        ((10, 20, 30, 5, 15, 25, 35, 10, 20, 30, 40, 15, 25, 35, 45, 25), True),  # teeth on a slope
        ((334, 0, 102, 1, 103, 2, 1000, 1000, 1000, 1000, 1000, 1000), False),  # teeth, then a plateau
        ((10, 90, 1, 90, 12, 90, 13, 90, 14, 90), False),  # teeth that hardly rise
        ((500, 510, 20, 30, 40, 50), False),  # a restart
        ((100, 100, 100, 100, 100), False),
    ],
)
def test_a_trend_is_growth_that_goes_on(values: tuple[float, ...], expected: bool) -> None:
    assert holds(GROWS, line(*values)) is expected


def test_a_trend_says_what_it_rests_on() -> None:
    match = only(GROWS, line(100, 110, 120, 130, 140, every=2.0))
    assert (match.first, match.last, match.seconds, match.rate) == (100, 140, 8.0, 5.0)
    assert match.snapshot_ids == ("s0", "s1", "s2", "s3", "s4")


def test_a_trend_can_ask_for_time_and_ratio() -> None:
    values = (100, 110, 120, 130, 140)
    assert not holds(Trend("v", 10, snapshots=5, seconds=10), line(*values))
    assert holds(Trend("v", 10, snapshots=5, seconds=10), line(*values, every=3))
    assert not holds(Trend("v", 10, least_ratio=1.5, snapshots=5), line(*values))
    assert holds(Trend("v", 10, least_ratio=1.3, snapshots=5), line(*values))


def test_a_trend_can_be_falling() -> None:
    sinking = Trend("v", 10, least_ratio=1.2, snapshots=4, falling=True)
    match = only(sinking, line(100, 80, 60, 40))
    assert (match.first, match.last, match.rate) == (100, 40, -20.0)
    assert not holds(sinking, line(40, 60, 80, 100))


def test_growth_is_judged_per_unit_of_work_where_work_is_known() -> None:
    per_request = Trend("v", 10, snapshots=5, per="done")

    def over(values: Sequence[float], work: Sequence[float]) -> tuple[Moment, ...]:
        return seen(*[{"v": value, "done": done} for value, done in zip(values, work, strict=True)])

    # Load that ends: over time a plateau, per request a leak.
    assert holds(per_request, over((100, 120, 140, 160, 160, 160), (0, 20, 40, 60, 60, 60)))
    assert not holds(GROWS, line(100, 120, 140, 160, 160, 160))
    # Load that doubles and doubles: over time growth, per request a cache that has filled up.
    assert not holds(per_request, over((100, 140, 150, 160, 170, 180), (0, 20, 60, 140, 300, 620)))
    assert holds(GROWS, line(100, 140, 150, 160, 170, 180))
    match = only(per_request, over((100, 120, 140, 160, 180), (1000, 1010, 1020, 1030, 1040)))
    assert match.per_work == 2.0


def test_work_that_was_counted_anew_or_is_not_known_is_no_obstacle() -> None:
    per_request = Trend("v", 10, snapshots=5, per="done")
    anew = seen(*[{"v": 100 + 10 * n, "done": 500 + 10 * n if n < 3 else 10 * n} for n in range(6)])
    assert holds(per_request, anew)
    assert holds(per_request, line(100, 110, 120, 130, 140))
    assert holds(per_request, seen(*[{"v": 100 + 10 * n, "done": 7} for n in range(5)]))


def test_an_item_that_is_gone_has_no_trend() -> None:
    there = [{"t": {"a": 10.0 * n}} for n in range(6)]
    assert holds(Trend("t.*", 10), seen(*there))
    assert not holds(Trend("t.*", 10), seen(*there, {"t": {}}))


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
lines = st.lists(numbers, min_size=3, max_size=20)


@given(lines, st.integers(-20, 20))
def test_the_unit_of_a_value_changes_nothing(values: list[float], power: int) -> None:
    factor = 2.0**power  # exact in floats
    plain = Trend("v", 10.0, snapshots=3)
    scaled = Trend("v", 10.0 * factor, snapshots=3)
    assert holds(plain, line(*values)) is holds(scaled, line(*[value * factor for value in values]))


@given(lines, st.integers(-8, 8))
def test_the_pace_changes_nothing(values: list[float], power: int) -> None:
    assert holds(GROWS, line(*values)) is holds(GROWS, line(*values, every=2.0**power))


@given(lines)
def test_a_line_grows_or_sinks_or_neither(values: list[float]) -> None:
    falling = Trend("v", 10, snapshots=5, falling=True)
    assert holds(GROWS, line(*values)) is holds(falling, line(*[-value for value in values]))
    assert not (holds(GROWS, line(*values)) and holds(falling, line(*values)))


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=8), st.integers(8, 12))
def test_whatever_came_before_a_long_plateau_is_no_leak(start: list[float], rest: int) -> None:
    assert not holds(Trend("v", 1, snapshots=3), line(*start, *[1000.0] * rest))


@given(st.floats(0, 1e6), st.floats(1, 1e3), st.integers(5, 20))
def test_steady_growth_is_always_found(start: float, step: float, count: int) -> None:
    assert holds(Trend("v", step, snapshots=5), line(*[start + step * n for n in range(count)]))


# -- rates ------------------------------------------------------------------------------------------


def test_a_rate_is_per_second_of_real_time() -> None:
    storm = Rate("v", per_second=10)
    assert holds(storm, line(0, 20, 40, 60))
    assert not holds(storm, line(0, 20, 40, 60, every=4))
    assert only(storm, line(1000, 1020, 1040)).rate == 20.0


@given(st.integers(0, 10**12), st.lists(st.integers(0, 9), min_size=1, max_size=15))
def test_a_counter_is_never_judged_as_a_level(start: int, steps: list[int]) -> None:
    values = [start]
    for step in steps:
        values.append(values[-1] + step)
    assert not holds(Rate("v", per_second=9), line(*values))


def test_a_counter_that_was_started_anew_is_judged_from_there() -> None:
    storm = Rate("v", per_second=10)
    assert not holds(storm, line(100_000, 5, 8))
    assert holds(storm, line(100_000, 5, 50, 95))
    assert not holds(storm, line(100_000, 99_999))


def test_one_burst_is_no_rate() -> None:
    storm = Rate("v", per_second=10)
    assert not holds(storm, line(0, 0, 0, 1000, 1000))
    assert holds(storm, line(0, 40, 40, 90, 120))


def test_a_rate_can_be_a_part_of_another_counter_s() -> None:
    errors = Rate("errors", per_second=0.05, of="requests", least_count=3)

    def over(*pairs: tuple[int, int]) -> tuple[Moment, ...]:
        return seen(*[{"errors": one, "requests": other} for one, other in pairs])

    assert only(errors, over((0, 0), (10, 100), (20, 200))).rate == pytest.approx(0.1)
    assert not holds(errors, over((0, 0), (1, 100), (2, 200)))
    assert not holds(errors, over((0, 0), (1, 5), (2, 10)))  # fewer than are judged at all
    assert not holds(errors, over((0, 100), (9, 100), (18, 100)))  # a part of nothing
    assert not holds(errors, seen({"errors": 0}, {"errors": 9}))


# -- patterns ---------------------------------------------------------------------------------------


def test_a_pattern_gives_its_groups() -> None:
    match = only(Pattern("at", r"(?P<file>\w+\.py):(?P<line>\d+)(?P<more>x)?"), seen({"at": "in db.py:31"}))
    assert match.groups == {"file": "db.py", "line": "31"}
    assert not holds(Pattern("at", "db"), seen({"at": 31}))
    assert not holds(Pattern("at", "db"), seen({}))


# -- whatever comes ---------------------------------------------------------------------------------

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "name", "*", "#"]), inner),
    max_leaves=12,
)
paths = st.lists(st.sampled_from(["a", "b", "*", "#", "0", "name"]), min_size=1, max_size=4).map(".".join)
conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Threshold, paths, st.sampled_from([">", "==", "!="]), plain, st.integers(1, 3)),
    st.builds(Threshold, paths, st.just(">"), st.builds(lambda path: {"path": path, "factor": 2}, paths)),
    st.builds(Trend, paths, st.floats(0, 10), per=st.none() | paths, falling=st.booleans()),
    st.builds(Rate, paths, st.floats(0, 10), st.none() | paths),
    st.builds(Pattern, paths, st.sampled_from(["a", "(?P<x>.)", "^$"])),
)


@given(conditions, st.lists(plain, max_size=6), st.booleans())
def test_no_data_makes_a_condition_raise(condition: Condition, data: list[object], anywhere: bool) -> None:
    for match in matches(condition, seen(*data), anywhere=anywhere):
        assert match.snapshot_ids


@given(st.lists(st.dictionaries(st.sampled_from(["id", "captured_at", "data"]), plain) | plain, max_size=5))
def test_no_snapshot_is_too_strange(snapshots: list[object]) -> None:
    matches(Trend("a", 1), moments(snapshots))
    matches(Threshold("a", ">", 1, times=2), moments(snapshots))


def test_snapshots_are_put_in_the_order_of_time() -> None:
    def snapshot(number: int, at: float) -> dict[str, object]:
        return {"id": f"s{number}", "captured_at": (START + timedelta(seconds=at)).isoformat(), "data": {}}

    assert [moment.id for moment in moments([snapshot(1, 5), snapshot(2, 1)])] == ["s2", "s1"]
    assert [moment.id for moment in moments([snapshot(1, 5), {"id": "s2", "captured_at": "?"}])] == ["s1", "s2"]
    assert moments([{"id": "x", "captured_at": "2026-01-01T00:00:00"}])[0].at == 1767225600.0


# -- declarations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Threshold("", ">", 1), "Threshold.path"),
        (lambda: Threshold("a..b", ">", 1), "Threshold.path"),
        (lambda: Threshold("a", "=>", 1), "Threshold.compare"),  # type: ignore[arg-type]
        (lambda: Threshold("a", ">", 1, times=0), "Threshold.times"),
        (lambda: Trend("a", 1, snapshots=2), "Trend.snapshots"),
        (lambda: Trend("a", 1, monotonic=80), "Trend.monotonic"),
        (lambda: Trend("a", -1), "Trend.least_change"),
        (lambda: Rate("a", -1), "Rate.per_second"),
        (lambda: Pattern("a", "("), "no regular expression"),
        (lambda: Check("", Pattern("a", "b"), "c"), "Check.name"),
        (lambda: Check("x", Pattern("a", "b"), ""), "observation of check x"),
        (lambda: Check("x", Pattern("a", "b"), "c", severity="bad"), "severity of check x"),  # type: ignore[arg-type]
        (lambda: Check("x", Pattern("a", "b"), "c", confirm=Pattern("a", "b")), "drill of check x"),
        (lambda: Check("x", Pattern("a", "b"), "c", drill="y", confirm=Rate("a", 1)), "confirm of check x"),
    ],
)
def test_a_condition_that_means_nothing_is_refused_where_it_is_declared(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
