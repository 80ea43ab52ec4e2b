"""Events on their way to a client: kept in a bounded queue, so that no handler ever waits for one."""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from beamlens import telemetry
from beamlens.control.plain import plain
from supervision.telemetry import EventName, Measurements, Metadata

__all__ = ["EventQueue", "Heard", "chosen_names"]

_LONGEST: Final = 5_000
_number = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Heard:
    """Hold an event as it was heard."""

    at: float
    name: EventName
    measurements: Measurements
    metadata: Metadata

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data; `at` is seconds since the epoch."""
        return {
            "at": self.at,
            "name": ".".join(self.name),
            "measurements": plain(self.measurements),
            "metadata": plain(self.metadata),
        }


def chosen_names(wanted: Iterable[str]) -> list[EventName]:
    """Return the names of the events that begin so: `operator`, `operator.think`, `beamlens.llm`; all for none.

    Raises:
        LookupError: no event begins so; the text says which categories there are.
    """
    names = telemetry.event_names()
    prefixes = [tuple(each.removeprefix("beamlens").strip(".").split(".")) for each in wanted]
    for prefix in prefixes:
        if prefix != ("",) and not any(name[1 : 1 + len(prefix)] == prefix for name in names):
            known = ", ".join(telemetry.categories())
            raise LookupError(f"no event is named {'.'.join(prefix)!r}; there are: {known}, and names below them")
    if not prefixes or ("",) in prefixes:
        return names
    return [name for name in names if any(name[1 : 1 + len(prefix)] == prefix for prefix in prefixes)]


class EventQueue:
    """Hear events within a `with`. What does not fit into the queue is counted in `lost`.

    Args:
        names: of the events.
    """

    def __init__(self, names: Iterable[EventName]) -> None:
        self.lost = 0
        self._names = list(names)
        self._id = ("beamlens-control", next(_number))
        self._queue: queue.Queue[Heard | None] = queue.Queue(_LONGEST)

    def __enter__(self) -> Self:
        telemetry.attach_many(self._id, self._names, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        telemetry.detach(self._id)

    def next(self, seconds: float) -> Heard | None:
        """Return the next event; None when none came in so many seconds, or somebody called `wake`."""
        try:
            return self._queue.get(timeout=seconds) if seconds > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Let `next` return now."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return  # then it returns anyway

    def _hear(self, name: EventName, measurements: Measurements, metadata: Metadata, _config: object) -> None:
        try:
            self._queue.put_nowait(Heard(time.time(), name, measurements, metadata))
        except queue.Full:
            self.lost += 1
