"""Who died and was started again, remembered for a while, and who dies again and again."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from beamlens.skills.interpreter.places import owner_of, shown_file
from supervision.exits import ExitReason

__all__ = ["Death", "Deaths", "death_told", "reason_of", "where_it_raised"]

_MOST: Final = 500
_WINDOW: Final = 120.0
_LEAST_DEATHS: Final = 3
_SHORT_LIFE: Final = 20.0
_FRAME: Final = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Death:
    """Hold one death.

    Args:
        at: `time.monotonic()`.
        name: of who died, the same for all its lives: `shop/web/worker`, or what a worker process runs.
        kind: `child` of a supervision tree, `worker` process of multiprocessing.
        reason: `RuntimeError`, `killed`, `SIGSEGV`, `exit status 3`.
        normal: it ended in order.
        seconds: how long it lived; None if it was not seen to start.
        where: `shop/orders.py:88`, where its last exception came from, if known.
    """

    at: float
    name: str
    kind: str
    reason: str
    normal: bool
    seconds: float | None = None
    where: str | None = None


class Deaths:
    """Remember deaths. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Death] = deque(maxlen=_MOST)
        self.deaths = 0
        self.crashes = 0
        self.restarts = 0

    def add(self, death: Death) -> None:
        """Remember one."""
        with self._lock:
            self._kept.append(death)
            self.deaths += 1
            self.crashes += not death.normal

    def restarted(self) -> None:
        """Count a restart."""
        with self._lock:
            self.restarts += 1

    def recent(self, limit: int) -> list[Death]:
        """Return the latest, newest first."""
        with self._lock:
            return list(self._kept)[: -limit - 1 : -1]

    def loops(self, now: float | None = None) -> list[dict[str, Any]]:
        """Return who crashed three times or more within two minutes, after short lives; the most frequent first."""
        now = time.monotonic() if now is None else now
        by_name: dict[str, list[Death]] = {}
        with self._lock:
            kept = list(self._kept)
        for death in kept:
            if not death.normal and now - death.at <= _WINDOW:
                by_name.setdefault(death.name, []).append(death)
        rows = [row for name, deaths in by_name.items() if (row := _loop(name, deaths, now)) is not None]
        return sorted(rows, key=lambda row: -row["deaths"])


def _loop(name: str, deaths: list[Death], now: float) -> dict[str, Any] | None:
    lives = [death.seconds for death in deaths if death.seconds is not None]
    mean = sum(lives) / len(lives) if lives else None
    if len(deaths) < _LEAST_DEATHS or (mean is not None and mean > _SHORT_LIFE):
        return None
    last = deaths[-1]
    return {
        "name": name,
        "kind": last.kind,
        "deaths": len(deaths),
        "within_seconds": round(now - deaths[0].at, 1),
        "mean_life_seconds": None if mean is None else round(mean, 2),
        "last_reason": last.reason,
        "where": next((death.where for death in reversed(deaths) if death.where), None),
        "last_ago_seconds": round(now - last.at, 1),
    }


def reason_of(reason: object) -> str:
    """Return an exit reason in a word or two; of an exception its type only."""
    if not isinstance(reason, ExitReason):
        return str(reason)[:80]
    detail = reason.detail
    if reason.kind == "crash" and isinstance(detail, tuple | list) and detail:
        named = str(detail[0])[:80]
        return f"exit status {detail[1]}" if named == "exit_status" and len(detail) > 1 else named
    return str(detail)[:80] if reason.kind == "signal" else reason.kind


def where_it_raised(reason: object) -> str | None:
    """Return the innermost line of the application's own code in a reason's traceback, None if there is none."""
    text = reason.text if isinstance(reason, ExitReason) else ""
    found: str | None = None
    for frame in _FRAME.finditer(text[-20_000:]):
        if owner_of(frame["file"]) == "application":
            found = f"{shown_file(frame['file'])}:{frame['line']}"
    return found


def death_told(measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> Death:
    """Return the death that the event `("supervision", "child", "down")` tells of."""
    reason = metadata.get("reason")
    lived = measurements.get("duration")
    return Death(
        at=time.monotonic(),
        name=f"{metadata.get('supervisor')}/{metadata.get('id')}",
        kind="child",
        reason=reason_of(reason),
        normal=isinstance(reason, ExitReason) and reason.is_normal,
        seconds=lived / 1e9 if isinstance(lived, int | float) else None,
        where=where_it_raised(reason),
    )
