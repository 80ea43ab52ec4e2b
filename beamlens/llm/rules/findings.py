"""Judge all checks of a skill over snapshots: what holds, most important first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from beamlens.llm.rules.conditions import Match, is_over_time, matches, need
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.paths import number, stars
from beamlens.llm.rules.words import common
from beamlens.skills.checks import Check, Condition

__all__ = ["SEVERITY_RANK", "Finding", "findings", "in_order", "needs", "still_holds"]

SEVERITY_RANK = {"info": 1, "warning": 2, "critical": 3}
_MOST_ITEMS = 3  # findings of one check: the worst; the others are the same story


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that holds, and where."""

    check: Check
    match: Match

    @property
    def identity(self) -> tuple[str, str]:
        """Return what it is the same finding by: the check and the item."""
        return self.check.name, self.match.key


def in_order(checks: Iterable[Check], reason: str) -> list[Check]:
    """Return the checks that have to do with the reason first, then the severe ones, then as declared."""

    def rank(check: Check) -> tuple[int, int]:
        about = f"{check.name} {check.cause or ''} {check.observation} {check.when.path}".replace("_", " ")
        return -common(about, reason), -SEVERITY_RANK[check.severity]

    return sorted(checks, key=rank)


def needs(checks: Iterable[Check]) -> tuple[int, float]:
    """Return how many snapshots over how many seconds all the checks need."""
    wanted = [need(condition) for check in checks for condition in _conditions(check)]
    return max((count for count, _ in wanted), default=1), max((seconds for _, seconds in wanted), default=0.0)


def findings(checks: Iterable[Check], seen: Sequence[Moment], *, settled: bool, anywhere: bool) -> list[Finding]:
    """Return what holds.

    Args:
        checks: in the order in which they are to be reported.
        seen: snapshots, oldest first.
        settled: whether all snapshots are there; change over time is not judged before.
        anywhere: see `conditions.matches`.
    """
    found: list[Finding] = []
    for check in checks:
        if settled or not any(is_over_time(condition) for condition in _conditions(check)):
            found += _worst(check, _holding(check, seen, anywhere))
    return found


def still_holds(finding: Finding, seen: Sequence[Moment]) -> bool:
    """Tell whether the finding's check holds for its item in the latest of `seen`."""
    return any(match.keys == finding.match.keys for match in _holding(finding.check, seen, anywhere=False))


def _conditions(check: Check) -> tuple[Condition, ...]:
    return check.when, *check.also


def _holding(check: Check, seen: Sequence[Moment], anywhere: bool) -> list[Match]:
    found = list(matches(check.when, seen, anywhere=anywhere))
    for condition in check.also:
        if found:
            further = matches(condition, seen, anywhere=anywhere)
            found = [joined for match in found if (joined := _joined(check, match, condition, further)) is not None]
    return found


def _joined(check: Check, match: Match, condition: Condition, further: Sequence[Match]) -> Match | None:
    """Return the match with the named groups of what else holds for the same item; None where nothing does."""
    shared = min(stars(condition.path), stars(check.when.path))
    for other in further:
        if other.keys[:shared] == match.keys[:shared]:
            return replace(match, groups={**other.groups, **match.groups})
    return None


def _worst(check: Check, found: list[Match]) -> list[Finding]:
    def size(match: Match) -> float:
        first, last = number(match.first), number(match.last)
        if first is None or last is None:
            return 0.0
        return -abs(last - first) if is_over_time(check.when) else -abs(last)

    holds_for = len({match.keys[:1] for match in found})
    return [Finding(check, replace(match, holds_for=holds_for)) for match in sorted(found, key=size)[:_MOST_ITEMS]]
