"""The one table of all events, and what can be asked of it."""

from __future__ import annotations

from typing import Final

from beamlens.telemetry.anomaly_events import ANOMALY_EVENTS
from beamlens.telemetry.coordinator_events import COORDINATOR_EVENTS
from beamlens.telemetry.event import Event
from beamlens.telemetry.llm_events import LLM_EVENTS
from beamlens.telemetry.node_events import NODE_EVENTS
from beamlens.telemetry.operator_events import OPERATOR_EVENTS
from supervision.telemetry import EventName

__all__ = ["categories", "check", "describe", "event_names", "events"]

_EVENTS: Final[tuple[Event, ...]] = (
    *LLM_EVENTS,
    *OPERATOR_EVENTS,
    *COORDINATOR_EVENTS,
    *ANOMALY_EVENTS,
    *NODE_EVENTS,
)
_BY_NAME: Final[dict[EventName, Event]] = {event.name: event for event in _EVENTS}


def events() -> tuple[Event, ...]:
    """Return the table: every event that BeamLens emits."""
    return _EVENTS


def event_names() -> list[EventName]:
    """Return the names of all events, for `attach_many`."""
    return list(_BY_NAME)


def categories() -> tuple[str, ...]:
    """Return what events are about, in the order of the table: `llm`, `tool`, `operator` ..."""
    return tuple(dict.fromkeys(event.category for event in _EVENTS))


def describe(name: EventName) -> Event:
    """Return the row of an event.

    Raises:
        LookupError: there is none of that name; the text names the nearest.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise LookupError(_unknown(name))
    return found


def check(name: EventName, measurements: object, metadata: object) -> list[str]:
    """Hold an event against the table.

    Args:
        name, measurements, metadata: as a handler got them.

    Returns:
        A sentence for each missing key, undeclared key and value of a wrong type; nothing where all is as declared.
    """
    found = _BY_NAME.get(name)
    return [_unknown(name)] if found is None else found.violations(measurements, metadata)


def _unknown(name: EventName) -> str:
    import difflib  # only a mistake needs it, and the application imports this module

    near = difflib.get_close_matches(".".join(name), [event.dotted for event in _EVENTS], n=1)
    return f"there is no event {name!r}" + (f"; the nearest is {near[0]}" if near else "; event_names() has them all")
