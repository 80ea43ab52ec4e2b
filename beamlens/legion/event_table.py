"""The table of Legion's events: 14 of v0.4.0, and two that later versions added."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.event import Event, Since, fields
from supervision.telemetry import EventName

__all__ = ["check", "event_names", "events"]

_RUN: Final = ("agent: str", "run_id: str", "parent_run_id?: str")
_ERROR: Final = ("kind: str", "reason: object", "stacktrace: list[str]")
_TIME: Final = fields("system_time: int")
_DURATION: Final = fields("duration: int")


def _plain(name: str, meaning: str, *metadata: str, since: Since = "0.4.0") -> Event:
    return Event(("legion", *name.split(".")), _TIME, fields(*_RUN, *metadata), meaning, since)


def _span(name: str, what: str, metadata: tuple[str, ...], stop: tuple[str, ...]) -> tuple[Event, Event, Event]:
    prefix = ("legion", *name.split("."))
    return (
        Event((*prefix, "start"), _TIME, fields(*_RUN, *metadata), f"{what} begins", "0.4.0"),
        Event((*prefix, "stop"), _DURATION, fields(*_RUN, *metadata, *stop), f"{what} ended", "0.4.0"),
        Event((*prefix, "exception"), _DURATION, fields(*_RUN, *metadata, *_ERROR), f"{what} raised", "0.4.0", "error"),
    )


_EVENTS: Final[tuple[Event, ...]] = (
    _plain("agent.started", "an agent's process is ready for messages"),
    _plain("agent.stopped", "an agent's process ends in order; not told when it is killed"),
    *_span(
        "agent.message",
        "a turn",
        ("message: str | list",),
        ("iterations: int", "status: str", "result: object", "bindings: dict"),
    ),
    *_span("iteration", "a step of a turn", ("iteration: int",), ("action: str | None",)),
    *_span(
        "llm.request",
        "a request to the model",
        ("model: str", "message_count: int", "iteration: int"),
        ("object?: dict | None", "error?: object"),
    ),
    *_span("sandbox.eval", "an evaluation", ("code: str",), ("success: bool", "result?: object", "error?: str")),
    _plain("eval_guard.denied", "a guard refused code", "guard: str", "code: str", "reason: str", since="ours"),
    _plain(
        "rate_limit.exceeded",
        "a limit forbade a turn, a request or an evaluation",
        "identity: dict",
        "policy: dict",
        "usage: dict",
        "violations: list[str]",
        since="ours",
    ),
)
_BY_NAME: Final = {event.name: event for event in _EVENTS}


def events() -> tuple[Event, ...]:
    """Return the table."""
    return _EVENTS


def event_names() -> list[EventName]:
    """Return all names, for `attach_many`."""
    return list(_BY_NAME)


def check(name: EventName, measurements: object, metadata: object) -> list[str]:
    """Return a sentence for each way in which an event is not as declared; nothing where it is."""
    found = _BY_NAME.get(name)
    return [f"there is no event {name!r}"] if found is None else found.violations(measurements, metadata)
