"""Tell what happens: single events, and the pairs around a call."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self, TypeVar

from beamlens.telemetry.catalogue import events
from supervision import telemetry as bus
from supervision.telemetry import EventName, Measurements, Metadata

__all__ = [
    "CallSpan",
    "emit",
    "emit_tool_exception",
    "emit_tool_start",
    "emit_tool_stop",
    "llm_span",
    "tool_span",
]

T = TypeVar("T")

_LLM: Final = ("beamlens", "llm")
_TOOL: Final = ("beamlens", "tool")
_TIMED: Final = frozenset(
    event.name for event in events() if any(field.name == "system_time" for field in event.measurements)
)
_NOTHING: Final[Measurements] = {}


def emit(name: EventName, measurements: Measurements | None = None, metadata: Metadata | None = None) -> None:
    """Emit an event: handlers run in this thread, now. Never raises.

    Args:
        name: such as `("beamlens", "operator", "think")`.
        measurements: `system_time`, nanoseconds since the epoch, is filled in where the table has it.
        metadata: what it is about.
    """
    given = _NOTHING if measurements is None else measurements
    bus.execute(name, _with_time(name, given), metadata)


def _with_time(name: EventName, given: Measurements) -> Measurements:
    try:
        if name in _TIMED and "system_time" not in given:
            return {"system_time": time.time_ns(), **given}
    except Exception:  # anything may come here, and what is no event is for the bus to log
        return given
    return given


def _since(start_time: int) -> dict[str, object]:
    return {"duration": time.monotonic_ns() - start_time}


def _described(error: BaseException | object, kind: str, stacktrace: Iterable[str]) -> dict[str, object]:
    return {"kind": kind, "reason": error, "stacktrace": list(stacktrace)}


class CallSpan:
    """Tell a call's start, and its stop or exception; what `llm_span` returns. One use only, in any thread or task.

    Attributes:
        metadata: what all its events carry.
    """

    __slots__ = ("_added", "_prefix", "_started", "metadata")

    def __init__(self, prefix: EventName, metadata: Metadata) -> None:
        self._prefix = prefix
        self._started = time.monotonic_ns()
        self._added: Metadata = {}
        self.metadata = metadata

    def add(self, **metadata: object) -> None:
        """Add metadata for the stop, which only the body knows; later ones win."""
        self._added = {**self._added, **metadata}

    def __enter__(self) -> Self:
        emit((*self._prefix, "start"), None, self.metadata)
        self._started = time.monotonic_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            emit((*self._prefix, "stop"), _since(self._started), {**self.metadata, **self._added})
            return
        said = "error" if isinstance(error, Exception) else "exit"
        about = _described(error, said, traceback.format_tb(trace))
        emit((*self._prefix, "exception"), _since(self._started), {**self.metadata, **about})


def llm_span(metadata: Metadata) -> CallSpan:
    """Return a context manager that emits `llm.start`, then `llm.stop` or `llm.exception`.

        with telemetry.llm_span({"trace_id": run, "iteration": 3, "context_size": 8}) as call:
            reply = ask()
            call.add(tool_selected=reply.call.name, intent=reply.call.name, response=reply)

    What the body raises goes on to the caller.
    """
    return CallSpan(_LLM, metadata)


def tool_span(metadata: Metadata, function: Callable[[], T]) -> T:
    """Run a tool, with `tool.start`, then `tool.stop` or `tool.exception`, and return what it returned.

    Whatever the function raises, `SystemExit` and cancellation too, is told as `tool.exception` and raised again;
    `kind` is `error` for an `Exception` and `exit` for any other.

    Args:
        metadata: `trace_id`, `iteration`, `tool_name`, `intent`.
        function: called without arguments, in this thread.
    """
    with CallSpan(_TOOL, metadata) as span:
        result = function()
        span.add(result=result)
    return result


def emit_tool_start(metadata: Metadata) -> None:
    """Emit `tool.start`. Never raises."""
    emit((*_TOOL, "start"), None, metadata)


def emit_tool_stop(metadata: Metadata, result: object, start_time: int) -> None:
    """Emit `tool.stop`. Never raises.

    Args:
        metadata: that of the start.
        result: what the tool gave.
        start_time: `time.monotonic_ns()` before it ran.
    """
    emit((*_TOOL, "stop"), _since(start_time), {**metadata, "result": result})


def emit_tool_exception(
    metadata: Metadata, error: object, start_time: int, kind: str = "error", stacktrace: Iterable[str] = ()
) -> None:
    """Emit `tool.exception`. Never raises.

    Args:
        metadata: that of the start.
        error: the exception, or a value that says what went wrong.
        start_time: `time.monotonic_ns()` before the tool ran.
        kind: `error`, or `exit` for what is no `Exception`.
        stacktrace: a text for each frame.
    """
    emit((*_TOOL, "exception"), _since(start_time), {**metadata, **_described(error, kind, stacktrace)})
