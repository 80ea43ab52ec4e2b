"""What Legion tells: 14 events, each with the ids of the run it belongs to, and the functions that emit and hear them.

    from beamlens.legion import telemetry

    telemetry.attach("show", ("legion", "agent", "message", "stop"), lambda name, measurements, metadata, config: ...)

Handlers attached in the application also hear the events of agents, which run in processes of their own. `start`
events, `started` and `stopped` measure `system_time` (nanoseconds since the epoch), `stop` and `exception` events
`duration` (monotonic nanoseconds).
"""

from __future__ import annotations

import contextvars
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from beamlens.legion.event_table import check, event_names, events
from supervision.telemetry import (
    AlreadyExistsError,
    EventName,
    Measurements,
    Metadata,
    NotFoundError,
    attach,
    attach_many,
    detach,
    execute,
    list_handlers,
)

__all__ = [
    "AlreadyExistsError",
    "NotFoundError",
    "Span",
    "attach",
    "attach_default_logger",
    "attach_many",
    "check",
    "detach",
    "detach_default_logger",
    "emit",
    "event_names",
    "events",
    "list_handlers",
    "parent_run_id",
    "run_id",
    "set_run",
    "span",
]

T = TypeVar("T")

run_id: Final[contextvars.ContextVar[str | None]] = contextvars.ContextVar("legion_run_id", default=None)
"""The run in whose name this thread or task works."""
parent_run_id: Final[contextvars.ContextVar[str | None]] = contextvars.ContextVar("legion_parent_run_id", default=None)
"""The run that started it."""


def set_run(run: str | None, parent: str | None) -> None:
    """Work in the name of a run from now on, in this context (thread or task)."""
    run_id.set(run)
    parent_run_id.set(parent)


def emit(event: EventName, measurements: Measurements | None = None, metadata: Metadata | None = None) -> None:
    """Emit one event, with the ids of the run that are not given. Never raises.

    Args:
        event: such as `("legion", "agent", "started")`.
        measurements: numbers.
        metadata: what it is about; a `run_id` or `parent_run_id` in it goes before the context's.
    """
    execute(event, measurements or {}, _with_ids(metadata or {}))


class Span:
    """Tell a start, and a stop or exception; a context manager of one use.

    Args:
        prefix: of the names.
        metadata: what all its events carry.
    """

    __slots__ = ("_extra", "_metadata", "_prefix", "_started")

    def __init__(self, prefix: EventName, metadata: Metadata) -> None:
        self._prefix = prefix
        self._metadata = _with_ids(metadata)
        self._extra: dict[str, Any] = {}
        self._started = 0

    def add(self, **extra: Any) -> None:
        """Add metadata for the stop; it goes before the start's."""
        self._extra.update(extra)

    def __enter__(self) -> Self:
        emit((*self._prefix, "start"), {"system_time": time.time_ns()}, self._metadata)
        self._started = time.monotonic_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        times = {"duration": time.monotonic_ns() - self._started}
        if error is None:
            emit((*self._prefix, "stop"), times, {**self._metadata, **self._extra})
            return
        said = "error" if isinstance(error, Exception) else "exit"
        about = {"kind": said, "reason": error, "stacktrace": traceback.format_tb(trace)}
        emit((*self._prefix, "exception"), times, {**self._metadata, **about})


def span(prefix: EventName, metadata: Metadata, function: Callable[[], tuple[T, Metadata]]) -> T:
    """Call a function between a start and a stop or exception, and return its result.

    Args:
        prefix: of the names: `("legion", "sandbox", "eval")`.
        metadata: what all the events carry.
        function: returns (result, further metadata of the stop).

    Raises:
        TypeError: the function returned something else than a pair; told as an exception, too.
        BaseException: what the function raised, after it was told.
    """
    with Span(prefix, metadata) as told:
        returned: Any = function()
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(f"the function of a span returned {returned!r:.100}; (result, metadata) is expected")
        result, extra = returned
        told.add(**extra)
    return result  # type: ignore[no-any-return]


def attach_default_logger(level: str | int = "info", events: Any = "all") -> None:
    """Log each event of Legion as a line; see `default_logger.attach_default_logger`."""
    from beamlens.legion import default_logger

    default_logger.attach_default_logger(level=level, events=events)


def detach_default_logger() -> None:
    """Log events no more; see `default_logger.detach_default_logger`."""
    from beamlens.legion import default_logger

    default_logger.detach_default_logger()


def _with_ids(metadata: Metadata) -> dict[str, Any]:
    found = dict(metadata)
    for key, variable in (("run_id", run_id), ("parent_run_id", parent_run_id)):
        value = variable.get()
        if value is not None and key not in found:
            found[key] = value
    return found
