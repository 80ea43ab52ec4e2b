"""A ring of the moments in which the application, or a part of it, stood still."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from beamlens.skills.interpreter.places import Place

__all__ = ["KINDS", "Kind", "Stall", "Stalls"]

Kind = Literal["gc_pause", "gil_hold", "loop_stall", "page_faults", "suspended"]
KINDS: Final[tuple[Kind, ...]] = ("gc_pause", "gil_hold", "loop_stall", "page_faults", "suspended")

_KEPT: Final = 500
_WINDOW: Final = 300.0
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Stall:
    """Hold one such moment.

    Args:
        kind: what it was.
        when: `time.monotonic()` at its end.
        ms: how long it took; of page faults, the second in which they came.
        place: the application's line that did it, where that is known.
        doing: what that line calls, or what else there is to say.
        count: page faults, or objects that were collected.
    """

    kind: Kind
    when: float
    ms: float
    place: Place | None = None
    doing: str | None = None
    count: int | None = None


class Stalls:
    """Keep the last 500. Written by one thread; read from any."""

    def __init__(self) -> None:
        self._kept: deque[Stall] = deque(maxlen=_KEPT)

    def add(self, stall: Stall) -> None:
        """Keep one more."""
        self._kept.append(stall)

    def last(self, kind: str | None, limit: int) -> list[dict[str, Any]]:
        """Return the stalls of the last 5 minutes, newest first.

        Args:
            kind: only these; None for all.
            limit: how many at most.
        """
        now, wall = time.monotonic(), time.time()
        kept = [each for each in reversed(list(self._kept)) if each.when >= now - _WINDOW]
        return [_row(each, now, wall) for each in kept if kind is None or each.kind == kind][:limit]

    def summary(self, kind: Kind, threshold_ms: float | None) -> dict[str, Any]:
        """Return how many there were within 5 minutes and one, how long, and where mostly.

        Args:
            kind: which.
            threshold_ms: from how long on they are noted; for the reader.
        """
        now = time.monotonic()
        kept = [each for each in list(self._kept) if each.kind == kind and each.when >= now - _WINDOW]
        recent = [each for each in kept if each.when >= now - _MINUTE]
        return {
            "threshold_ms": threshold_ms,
            "count_5m": len(kept),
            "count_1m": len(recent),
            "longest_ms": round(max((each.ms for each in kept), default=0.0), 1),
            "longest_1m_ms": round(max((each.ms for each in recent), default=0.0), 1),
            "total_1m_ms": round(sum(each.ms for each in recent), 1),
            "usual_place": _usual_place(recent),
        }


def _row(stall: Stall, now: float, wall: float) -> dict[str, Any]:
    ago = now - stall.when
    return {
        "kind": stall.kind,
        "datetime": datetime.fromtimestamp(wall - ago, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ago_seconds": round(ago, 1),
        "ms": round(stall.ms, 1),
        "at": stall.place.at if stall.place is not None else None,
        "func": stall.place.function if stall.place is not None else None,
        "doing": stall.doing,
        "count": stall.count,
    }


def _usual_place(stalls: list[Stall]) -> dict[str, Any] | None:
    """Return the line that most of the time is owed to."""
    spent: Counter[Place] = Counter()
    for stall in stalls:
        if stall.place is not None:
            spent[stall.place] += round(stall.ms)
    total = sum(stall.ms for stall in stalls)
    if not spent or total <= 0:
        return None
    place, ms = spent.most_common(1)[0]
    doing = next((each.doing for each in reversed(stalls) if each.place == place), None)
    return {
        "at": place.at,
        "func": place.function,
        "doing": doing or "what cannot be told",
        "part": round(min(1.0, ms / total), 3),
    }
