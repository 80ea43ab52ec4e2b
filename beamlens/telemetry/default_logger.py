"""The default logger: one line in the log for each event."""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any, Final

from beamlens.telemetry.catalogue import categories, describe, event_names
from supervision import telemetry as bus
from supervision.telemetry import EventName, Measurements, Metadata

__all__ = ["HANDLER_ID", "attach_default_logger", "detach_default_logger", "line"]

HANDLER_ID: Final = "beamlens-telemetry-default-logger"

_LONGEST: Final = 200
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_LEAST: Final = {"info": 0, "warning": logging.WARNING, "error": logging.ERROR}
_FIRST: Final = "trace_id"
_LEFT_OUT: Final = frozenset({_FIRST, "stacktrace"})

logger = logging.getLogger("beamlens")


def attach_default_logger(level: str | int = "debug", events: str | Iterable[str] = "all") -> None:
    """Log each event of BeamLens to the logger `beamlens`, one line each.

    Warnings and errors among the events (`Event.severity`) are logged as such, whatever lower level is given.

    Args:
        level: `debug`, `info`, `warning`, `error`, `critical`, or a number as `logging` has them.
        events: `all`, or categories: `llm`, `tool`, `compaction`, `operator`, `coordinator` ...

    Raises:
        AlreadyExistsError: it is attached already.
        ValueError: an unknown level or category.
    """
    bus.attach_many(HANDLER_ID, _chosen(events), _log, _number(level))


def detach_default_logger() -> None:
    """Stop logging events.

    Raises:
        NotFoundError: it is not attached.
    """
    bus.detach(HANDLER_ID)


def _number(level: str | int) -> int:
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    number = _LEVELS.get(level.lower()) if isinstance(level, str) else None
    if number is None:
        raise ValueError(f"level is {level!r}; one of {', '.join(_LEVELS)} or a number is expected")
    return number


def _chosen(wanted: str | Iterable[str]) -> list[EventName]:
    if wanted == "all":
        return event_names()
    chosen = {wanted} if isinstance(wanted, str) else set(wanted)
    unknown = chosen.difference(categories())
    if unknown or not chosen:
        raise ValueError(f"events is {wanted!r}; 'all' or some of {', '.join(categories())} are expected")
    return [name for name in event_names() if name[1] in chosen]


def _log(name: EventName, measurements: Measurements, metadata: Metadata, level: object) -> None:
    assert isinstance(level, int)
    number = max(level, _LEAST[describe(name).severity])
    if logger.isEnabledFor(number):
        logger.log(number, "%s", line(name, measurements, metadata))


def line(name: EventName, measurements: Measurements, metadata: Metadata) -> str:
    """Return an event as one line: `[beamlens.operator.think] trace_id=... system_time=... thought=...`.

    Values are cut to 200 characters, values with an id are shown by it, and whatever could break or forge a line is
    escaped. The frames of a stack are left out.
    """
    pairs = {**measurements, **metadata}
    shown = [f"{key}={_brief(value)}" for key, value in pairs.items() if key not in _LEFT_OUT]
    return " ".join([f"[{'.'.join(name)}]", f"{_FIRST}={_brief(pairs.get(_FIRST))}", *shown])


class _Brief(reprlib.Repr):
    """Represent values in little space, without walking through what is large."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _LONGEST
        self.maxlist = self.maxtuple = self.maxdict = 8
        self.maxlevel = 3

    def repr_instance(self, x: Any, level: int) -> str:
        """Name a value by its id, or by its class."""
        if is_dataclass(x):
            return str(getattr(x, "id", None) or f"<{type(x).__name__}>")
        return super().repr_instance(x, level)


_BRIEF: Final = _Brief()


def _brief(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        text = value[: _LONGEST + 1]
    else:
        try:
            text = _BRIEF.repr(value)
        except Exception as error:
            text = f"<{type(value).__name__} without repr: {type(error).__name__}>"
    return _one_word(text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...")


def _one_word(text: str) -> str:
    # In quotes where a reader could not tell where it ends, or take a part of it for another key.
    if text and text.isascii() and text.isprintable() and not any(mark in text for mark in ' "='):
        return text
    escaped = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    return '"' + escaped.replace('"', '\\"') + '"'
