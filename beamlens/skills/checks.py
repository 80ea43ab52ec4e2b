"""What a skill declares about its own numbers, so that rules can judge them without a model.

A check is a general statement about programs ("threads that only ever grow are leaked"), never about one program.
It names values by their path in the snapshot (`memory.rss_mb`; `loops.*.lag_ms` for each item of a list or dict).
Counters are never judged as levels: declare a `Rate` or a `Trend` for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from supervision import wire_value

__all__ = ["Check", "Condition", "Pattern", "Rate", "Threshold", "Trend"]

Comparison = Literal[">", ">=", "<", "<=", "==", "!="]


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


@wire_value
@dataclass(frozen=True, slots=True)
class Trend:
    """Hold when a level keeps growing (`falling=True`: sinking) over snapshots.

    Args:
        path: where the level is.
        least_change: the smallest change from first to last that counts, in the value's own unit.
        least_ratio: the smallest last/first that counts (for falling: first/last).
        snapshots: how many are needed.
        seconds: the shortest time from first to last.
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


@wire_value
@dataclass(frozen=True, slots=True)
class Rate:
    """Hold when a counter grows by more than `per_second` between snapshots.

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


@wire_value
@dataclass(frozen=True, slots=True)
class Pattern:
    """Hold when a text value matches a regular expression; named groups can be used in texts."""

    path: str
    regex: str


Condition: TypeAlias = Threshold | Trend | Rate | Pattern


@wire_value
@dataclass(frozen=True, slots=True)
class Check:
    """Say what to look for, how to prove it, and how to put it.

    Args:
        name: the notification's `anomaly_type`, such as `thread_growth`.
        when: the condition.
        severity: of the notification.
        observation: the fact; a template: `{value}`, `{first}`, `{last}`, `{seconds}`, `{rate}`, `{path}`, `{key}`
            (what `*` stood for), any snapshot path such as `{memory.rss_mb}`, and with `drill` `{drill.field}`.
        context: facts about the surroundings; a template.
        hypothesis: a guess; a template. Leave it out rather than guess wildly.
        drill: Lua that looks closer once the condition holds; it returns a table, whose fields the templates may use.
        confirm: a condition on `drill`'s result that must hold too; without it nothing is reported.
        also: further conditions on the snapshots that must hold too.
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
