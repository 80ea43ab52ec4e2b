"""What a skill declares about its own numbers, so that rules can judge them without a model.

A check is a general statement about programs ("threads that only ever grow are leaked"), never about one program.
It names values by their path in the snapshot (`memory.rss_mb`; `loops.*.lag_ms` for each item of a list or dict).
An item of a list is known by its `name`, `key`, `id` or `site`, whichever it has first, else by its number; so lists
may be sorted anew in each snapshot. `#` at the end of a path is the number of items (`deadlocks.#`).
Counters are never judged as levels: declare a `Rate` or a `Trend` for them.
A condition that cannot mean anything is refused with a `ValueError` where it is declared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from supervision import wire_value

__all__ = ["Check", "Condition", "Pattern", "Rate", "Threshold", "Trend"]

Comparison = Literal[">", ">=", "<", "<=", "==", "!="]

_COMPARISONS: tuple[str, ...] = get_args(Comparison)
_SEVERITIES = ("info", "warning", "critical")


def _require(holds: bool, what: str, given: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{what} is {given!r}; {expected} is expected")


def _require_path(owner: str, path: str) -> None:
    _require(isinstance(path, str) and all(path.split(".")), f"{owner}.path", path, "a path such as 'memory.rss_mb'")


@wire_value
@dataclass(frozen=True, slots=True)
class Threshold:
    """Hold when the value compares so; with `times` > 1 only in that many snapshots in a row.

    Args:
        path: where the value is.
        compare: how; a missing value never holds.
        value: with what: a number, a text, or `{"path": "..."}` of another value, optionally with a `"factor"`.
        times: snapshots in a row.
    """

    path: str
    compare: Comparison
    value: Any
    times: int = 1

    def __post_init__(self) -> None:
        _require_path("Threshold", self.path)
        known = f"one of {', '.join(_COMPARISONS)}"
        _require(self.compare in _COMPARISONS, "Threshold.compare", self.compare, known)
        _require(self.times >= 1, "Threshold.times", self.times, "1 or more")


@wire_value
@dataclass(frozen=True, slots=True)
class Trend:
    """Hold when a level keeps growing (`falling=True`: sinking) over snapshots.

    A spike, a step, a sawtooth and a growth that has come to its end are no trends.

    Args:
        path: where the level is.
        least_change: the smallest change from first to last that counts, in the value's own unit.
        least_ratio: the smallest last/first that counts (for falling: first/last).
        snapshots: how many are needed; on demand up to 7 fit into a run of 25 steps.
        seconds: the shortest time from first to last; on demand a run looks for up to 45 s.
        monotonic: the part of the steps, 0 to 1, that must go the same way.
        per: the path of a counter of work done; growth that stops per unit of work is a plateau, not a leak.
    """

    path: str
    least_change: float
    least_ratio: float = 1.0
    snapshots: int = 3
    seconds: float = 0.0
    monotonic: float = 0.8
    falling: bool = False
    per: str | None = None

    def __post_init__(self) -> None:
        _require_path("Trend", self.path)
        _require(self.snapshots >= 3, "Trend.snapshots", self.snapshots, "3 or more")
        _require(0 <= self.monotonic <= 1, "Trend.monotonic", self.monotonic, "a part from 0 to 1")
        _require(self.least_change >= 0, "Trend.least_change", self.least_change, "0 or more")


@wire_value
@dataclass(frozen=True, slots=True)
class Rate:
    """Hold when a counter grows by more than `per_second` between snapshots.

    It is judged over the last 4 pairs of snapshots and their real times; half of them must be over the bound. A
    counter that sinks was started anew: that pair is left out.

    Args:
        path: where the counter is.
        per_second: the bound.
        of: the path of another counter; then `per_second` is the bound of this one's growth as a part of the other's.
        least_count: the smallest growth that is judged at all.
    """

    path: str
    per_second: float
    of: str | None = None
    least_count: float = 1.0

    def __post_init__(self) -> None:
        _require_path("Rate", self.path)
        _require(self.per_second >= 0, "Rate.per_second", self.per_second, "0 or more")


@wire_value
@dataclass(frozen=True, slots=True)
class Pattern:
    """Hold when a text value matches a regular expression; named groups can be used in texts."""

    path: str
    regex: str

    def __post_init__(self) -> None:
        _require_path("Pattern", self.path)
        try:
            re.compile(self.regex)
        except re.error as error:
            raise ValueError(f"Pattern.regex {self.regex!r} is no regular expression: {error}") from None


Condition: TypeAlias = Threshold | Trend | Rate | Pattern


@wire_value
@dataclass(frozen=True, slots=True)
class Check:
    """Say what to look for, how to prove it, and how to put it.

    Args:
        name: the notification's `anomaly_type`, such as `thread_growth`.
        when: the condition.
        severity: of the notification.
        observation: the fact; a template: `{value}`, `{first}`, `{last}`, `{change}`, `{seconds}`, `{rate}` (change
            per second), `{per_work}` (change per unit of `Trend.per`), `{path}`, `{key}` (what `*` stood for), a named
            group of a `Pattern`, any snapshot path such as `{memory.rss_mb}` or `{loops.*.file}` (of the same item),
            and with `drill` `{drill.field}`. `{value:.1f}` rounds. What is missing is put as "unknown".
        context: facts about the surroundings; a template.
        hypothesis: a guess; a template. Leave it out rather than guess wildly. One with an unknown part is left out.
        drill: Lua that looks closer once the condition holds; it returns a table, whose fields the templates may use.
            It may read `check.key`, `check.path`, `check.value`, `check.first` and `check.last`.
        confirm: a `Threshold` or `Pattern` on `drill`'s result (paths begin there) that must hold too; without it
            nothing is reported.
        also: further conditions on the snapshots that must hold too; with as many `*` as `when`, for the same item.
        cause: the key of the cause that this would be a sign of, such as `memory_leak`; causes are correlated by it.
        entities: templates of names that other findings may share: `{drill.site}`, a route, a host, a lock.
        remedy: what to do about it; a sentence.
    """

    name: str
    when: Condition
    observation: str
    severity: Literal["info", "warning", "critical"] = "warning"
    context: str = ""
    hypothesis: str | None = None
    drill: str | None = None
    confirm: Condition | None = None
    also: tuple[Condition, ...] = ()
    cause: str | None = None
    entities: tuple[str, ...] = ()
    remedy: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.name), "Check.name", self.name, "a name such as 'thread_growth'")
        _require(bool(self.observation), f"the observation of check {self.name}", self.observation, "a sentence")
        known = f"one of {', '.join(_SEVERITIES)}"
        _require(self.severity in _SEVERITIES, f"the severity of check {self.name}", self.severity, known)
        if self.confirm is not None:
            judged = isinstance(self.confirm, Threshold | Pattern)
            _require(judged, f"the confirm of check {self.name}", self.confirm, "a Threshold or a Pattern")
            _require(
                self.drill is not None, f"the drill of check {self.name}", self.drill, "Lua, since it has a confirm"
            )
