"""Evaluate a declared condition over snapshots. Pure; a value that is missing never holds and never raises."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from beamlens.llm.rules.moments import Moment, Point, series
from beamlens.llm.rules.paths import MISSING, look, number, put, stars
from beamlens.llm.rules.trends import keeps_growing
from beamlens.skills.checks import Condition, Pattern, Rate, Threshold, Trend

__all__ = ["Match", "is_over_time", "matches", "need"]

_RATE_PAIRS = 4  # of snapshots, over which a rate is judged
_RATE_SNAPSHOTS = 3  # so that one burst is no rate
_LONGEST_TEXT = 10_000  # characters that a pattern is tried on

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Match:
    """Say where a condition holds, and the numbers that show it.

    Args:
        keys: what the stars of the path stood for.
        path: the path, with the keys put in.
        value: the latest value.
        first, last: the values at both ends of what was judged.
        seconds: between them.
        rate: the change per second; for a `Rate` with `of`, the part.
        per_work: the change per unit of a `Trend`'s work.
        snapshot_ids: the snapshots that prove it, first to last.
        groups: what a pattern's named groups matched.
        holds_for: what the path's first star stands for, how many of them the condition holds for.
    """

    keys: tuple[str, ...]
    path: str
    value: object
    first: object
    last: object
    seconds: float = 0.0
    rate: float | None = None
    per_work: float | None = None
    snapshot_ids: tuple[str, ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    holds_for: int = 1

    @property
    def key(self) -> str:
        """Return the keys in one text; empty where the path has no star."""
        return "/".join(self.keys)

    @property
    def inner_key(self) -> str:
        """Return the keys in one text but for the first."""
        return "/".join(self.keys[1:])


def is_over_time(condition: Condition) -> bool:
    """Tell whether the condition is about change: then it is judged once, when all snapshots are there."""
    return isinstance(condition, Trend | Rate)


def need(condition: Condition) -> tuple[int, float]:
    """Return how many snapshots, and over how many seconds, the condition needs to be judged."""
    match condition:
        case Threshold():
            return condition.times, 0.0
        case Trend():
            return condition.snapshots, condition.seconds
        case Rate():
            return _RATE_SNAPSHOTS, 0.0
        case Pattern():
            return 1, 0.0


def matches(condition: Condition, seen: Sequence[Moment], *, anywhere: bool = False) -> tuple[Match, ...]:
    """Return where the condition holds.

    Args:
        condition: what is declared.
        seen: snapshots, oldest first.
        anywhere: a threshold or pattern that held in an earlier one of them counts too (what passes quickly was there
            all the same); else only the latest counts.
    """
    match condition:
        case Threshold():
            return _held(condition.path, seen, condition.times, anywhere, _threshold(condition))
        case Pattern():
            return _held(condition.path, seen, 1, anywhere, _pattern(condition))
        case Trend():
            return tuple(_trends(condition, seen))
        case Rate():
            return tuple(_rates(condition, seen))


Test = Callable[[Moment, tuple[str, ...], object], dict[str, str] | None]


def _held(path: str, seen: Sequence[Moment], times: int, anywhere: bool, test: Test) -> tuple[Match, ...]:
    """Return the latest run of `times` snapshots in which `test` holds, for each item."""
    tables = [{found.keys: found.value for found in moment.find(path)} for moment in seen]
    results: dict[tuple[str, ...], Match] = {}
    ends = range(len(seen), times - 1, -1) if anywhere else [len(seen)] if len(seen) >= times else []
    for end in ends:
        for keys in tables[end - 1]:
            if keys not in results:
                found = _run(path, keys, seen[end - times : end], tables[end - times : end], test)
                if found is not None:
                    results[keys] = found
    return tuple(results.values())


def _run(
    path: str, keys: tuple[str, ...], run: Sequence[Moment], tables: Sequence[dict[tuple[str, ...], object]], test: Test
) -> Match | None:
    groups: dict[str, str] = {}
    for moment, table in zip(run, tables, strict=True):
        held = test(moment, keys, table.get(keys, MISSING))
        if held is None:
            return None
        groups = held
    first, last = tables[0][keys], tables[-1][keys]
    return Match(
        keys,
        put(path, keys),
        last,
        first,
        last,
        seconds=_seconds(run[0].at, run[-1].at),
        snapshot_ids=tuple(moment.id for moment in run),
        groups=groups,
    )


def _seconds(first: float | None, last: float | None) -> float:
    return 0.0 if first is None or last is None else max(0.0, last - first)


def _threshold(condition: Threshold) -> Test:
    def test(moment: Moment, keys: tuple[str, ...], value: object) -> dict[str, str] | None:
        return {} if _compares(value, condition.compare, _bound(condition.value, moment, keys)) else None

    return test


def _bound(given: Any, moment: Moment, keys: tuple[str, ...]) -> object:
    """Return what to compare with: a constant, or another value of the same snapshot times a factor."""
    if not (isinstance(given, dict) and isinstance(given.get("path"), str)):
        return given
    other = look(moment.data, given["path"], keys[: stars(given["path"])])
    factor, base = number(given.get("factor", 1.0)), number(other)
    if base is None:
        return other if "factor" not in given else MISSING
    return MISSING if factor is None else base * factor


def _compares(value: object, compare: str, bound: object) -> bool:
    left, right = number(value), number(bound)
    if left is not None and right is not None:
        return _COMPARE[compare](left, right)
    same_kind = type(value) is type(bound) and isinstance(value, str | bool)
    if compare in ("==", "!="):
        return same_kind and _COMPARE[compare](value, bound)
    return isinstance(value, str) and isinstance(bound, str) and _COMPARE[compare](value, bound)


def _pattern(condition: Pattern) -> Test:
    wanted = re.compile(condition.regex)

    def test(moment: Moment, keys: tuple[str, ...], value: object) -> dict[str, str] | None:
        found = wanted.search(value[:_LONGEST_TEXT]) if isinstance(value, str) else None
        return None if found is None else {name: text for name, text in found.groupdict().items() if text is not None}

    return test


def _trends(condition: Trend, seen: Sequence[Moment]) -> list[Match]:
    work = _work(series(seen, condition.per), seen) if condition.per else {}
    found = []
    for keys, line in series(seen, condition.path).items():
        done = work.get(keys[: stars(condition.per)] if condition.per else (), {})
        match = _trend(condition, keys, line, done)
        if match is not None:
            found.append(match)
    return found


def _trend(condition: Trend, keys: tuple[str, ...], line: list[Point], work: dict[str, float]) -> Match | None:
    first, last = line[0], line[-1]
    seconds = last.at - first.at
    if len(line) < condition.snapshots or seconds < condition.seconds or seconds <= 0:
        return None
    low, high = (last, first) if condition.falling else (first, last)
    if high.value < condition.least_ratio * low.value:
        return None
    sign = -1.0 if condition.falling else 1.0
    by_work = _by_work(line, work, sign)
    judged = by_work or _strictly([(point.at, sign * point.value) for point in line])
    if not keeps_growing(judged, condition.least_change, condition.monotonic):
        return None
    change = last.value - first.value
    done = by_work[-1][0] - by_work[0][0] if by_work else 0.0
    return replace(
        _from_points(condition.path, keys, line), rate=change / seconds, per_work=change / done if done else None
    )


def _from_points(path: str, keys: tuple[str, ...], line: Sequence[Point]) -> Match:
    return Match(
        keys,
        put(path, keys),
        line[-1].value,
        line[0].value,
        line[-1].value,
        seconds=line[-1].at - line[0].at,
        snapshot_ids=tuple(point.snapshot for point in line),
    )


def _strictly(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the last value of each x: snapshots without work, or of one moment, are one point."""
    return list(dict(line).items())


def _work(
    counters: dict[tuple[str, ...], list[Point]], seen: Sequence[Moment]
) -> dict[tuple[str, ...], dict[str, float]]:
    """Return, for each counter, the work done up to each snapshot; what was before a counter's new start counts."""
    table: dict[tuple[str, ...], dict[str, float]] = {}
    for keys, line in counters.items():
        done, sums = 0.0, {line[0].snapshot: 0.0}
        for before, after in pairwise(line):
            done += max(0.0, after.value - before.value)
            sums[after.snapshot] = done
        table[keys] = sums
    return table


def _by_work(line: Sequence[Point], work: dict[str, float], sign: float) -> list[tuple[float, float]]:
    """Return the line over work done; empty where too little is known of the work to judge by it."""
    over = _strictly([(work[point.snapshot], sign * point.value) for point in line if point.snapshot in work])
    return over if len(over) >= 3 else []


def _rates(condition: Rate, seen: Sequence[Moment]) -> list[Match]:
    others = series(seen, condition.of) if condition.of else {}
    found = []
    for keys, line in series(seen, condition.path).items():
        other = others.get(keys[: stars(condition.of)], []) if condition.of else None
        match = _rate(condition, keys, line[-_RATE_PAIRS - 1 :], other)
        if match is not None:
            found.append(match)
    return found


def _rate(condition: Rate, keys: tuple[str, ...], line: Sequence[Point], other: Sequence[Point] | None) -> Match | None:
    values = None if other is None else {point.snapshot: point.value for point in other}
    steps = [(_growth(before, after), _base(before, after, values)) for before, after in pairwise(line)]
    known = [(grown, base) for grown, base in steps if grown is not None and base is not None]
    grown, base = sum(grown for grown, _ in known), sum(base for _, base in known)
    if base <= 0 or grown < condition.least_count or grown <= condition.per_second * base:
        return None
    over = sum(step > condition.per_second * under for step, under in known)
    return None if 2 * over < len(known) else replace(_from_points(condition.path, keys, line), rate=grown / base)


def _growth(before: Point, after: Point) -> float | None:
    """Return how far a counter went; None where it was started anew in between."""
    return after.value - before.value if after.value >= before.value else None


def _base(before: Point, after: Point, of: dict[str, float] | None) -> float | None:
    """Return what growth is measured against: seconds, or the other counter's growth."""
    if of is None:
        return after.at - before.at if after.at > before.at else None
    first, last = of.get(before.snapshot), of.get(after.snapshot)
    return last - first if first is not None and last is not None and last > first else None
