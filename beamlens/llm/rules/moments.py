"""Snapshots as the rules see them: an id, a time in seconds, the data, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from beamlens.llm.rules.paths import Found, find, number

__all__ = ["Moment", "Point", "moments", "seconds_of", "series"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot; `at` is in seconds since the epoch, None where it could not be read."""

    id: str
    at: float | None
    data: object
    _known: dict[str, tuple[Found, ...]] = field(default_factory=dict, repr=False, compare=False)

    def find(self, path: str) -> tuple[Found, ...]:
        """Return every value that `path` leads to; looked for once, since many checks ask for the same."""
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = find(self.data, path)
        return found


@dataclass(frozen=True, slots=True)
class Point:
    """A number at a time (seconds), and the snapshot that proves it."""

    at: float
    value: float
    snapshot: str


def moments(snapshots: object) -> tuple[Moment, ...]:
    """Read `Snapshot.to_dict()` values; what has no id is left out, and order is by time where times are known."""
    found = [
        Moment(str(given["id"]), seconds_of(given.get("captured_at")), given.get("data"))
        for given in (snapshots if isinstance(snapshots, list | tuple) else ())
        if isinstance(given, dict) and given.get("id")
    ]
    if all(moment.at is not None for moment in found):
        found.sort(key=lambda moment: moment.at or 0.0)
    return tuple(found)


def seconds_of(text: object) -> float | None:
    """Return an ISO time as seconds since the epoch (UTC where it names no zone); None where it is none."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def series(seen: Sequence[Moment], path: str) -> dict[tuple[str, ...], list[Point]]:
    """Return the numbers at `path` over time, for each item that its stars stand for and the latest snapshot shows."""
    lines: dict[tuple[str, ...], list[Point]] = {}
    for moment in seen:
        if moment.at is None:
            continue
        for found in moment.find(path):
            value = number(found.value)
            if value is not None:
                lines.setdefault(found.keys, []).append(Point(moment.at, value, moment.id))
    # What the latest snapshot does not show is over.
    return {keys: line for keys, line in lines.items() if line[-1].snapshot == seen[-1].id}
