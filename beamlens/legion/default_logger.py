"""The default logger: Legion's events as lines, each run with a marker in a colour of its own."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.legion.event_table import event_names
from supervision import telemetry as bus
from supervision.telemetry import EventName, Measurements, Metadata

__all__ = ["HANDLER_ID", "attach_default_logger", "detach_default_logger", "line"]

HANDLER_ID: Final = "legion-default-logger"

_CATEGORIES: Final = ("agent", "message", "iteration", "llm", "sandbox")
_COLOURS: Final = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)  # cyan green yellow magenta blue, and their light forms
_WHITE: Final = 37
_QUOTED: Final = 80

logger = logging.getLogger("beamlens.legion")


def attach_default_logger(level: str | int = "info", events: str | Iterable[str] = "all") -> None:
    """Log each event to the logger `beamlens.legion`, one line each. In the application.

    Args:
        level: of ordinary lines; a failed evaluation is a warning, an exception an error.
        events: `"all"`, or some of `agent`, `message`, `iteration`, `llm`, `sandbox`.

    Raises:
        ConfigurationError: an unknown level or category.
        AlreadyExistsError: it is attached already.
    """
    wanted = _CATEGORIES if events == "all" else (events,) if isinstance(events, str) else tuple(events)
    unknown = sorted(set(wanted) - set(_CATEGORIES))
    if unknown:
        raise ConfigurationError(f"there is no category {unknown[0]!r}; there are: {', '.join(_CATEGORIES)}")
    names = [name for name in event_names() if _category(name) in wanted]
    bus.attach_many(HANDLER_ID, names, _log, {"level": _level(level)})


def detach_default_logger() -> None:
    """Log no more.

    Raises:
        NotFoundError: it is not attached.
    """
    bus.detach(HANDLER_ID)


def _level(level: str | int) -> int:
    if isinstance(level, int):
        return level
    found = logging.getLevelNamesMapping().get(level.upper())
    if found is None:
        raise ConfigurationError(f"the level is {level!r}; debug, info, warning, error or critical is expected")
    return found


def _category(name: EventName) -> str:
    kind = ".".join(name[1:-1])
    return {"agent": "agent", "agent.message": "message", "llm.request": "llm", "sandbox.eval": "sandbox"}.get(
        kind, kind
    )


def _log(name: EventName, measurements: Measurements, metadata: Metadata, config: Any) -> None:
    level = config["level"]
    if name[-1] == "exception":
        level = logging.ERROR
    elif _category(name) not in _LINES or (name[1:] == ("sandbox", "eval", "stop") and not metadata.get("success")):
        level = logging.WARNING
    logger.log(level, "%s", line(name, measurements, metadata))


def line(name: EventName, measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """Return an event as a line: the run's marker, then what happened."""
    make = _LINES.get(_category(name))
    if make is None:
        return f"{_marker(metadata)} unhandled event {'.'.join(name)}"
    return f"{_marker(metadata)} {make(name[-1], measurements, metadata)}"


def _marker(metadata: Mapping[str, Any]) -> str:
    run = metadata.get("run_id")
    colour = _WHITE if run is None else _COLOURS[zlib.crc32(str(run).encode()) % len(_COLOURS)]
    sign = "┃▸" if metadata.get("parent_run_id") is not None else "┃ "
    return f"\033[{colour}m{sign}\033[0m"


def _agent(what: str, _measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    return f"agent:{what} {_short_name(metadata)}"


def _message(what: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    head = f"message:{what} {_short_name(metadata)}"
    if what == "start":
        message = metadata.get("message")
        text = message if isinstance(message, str) else repr(message)
        return f"{head} {json.dumps(text[:_QUOTED], ensure_ascii=False)}"
    if what == "stop":
        return f"{head} iterations={metadata.get('iterations')} {_ms(measurements)}"
    return f"{head} {metadata.get('reason')!r} {_ms(measurements)}"


def _iteration(what: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    head = f"  iteration:{what} {_short_name(metadata)} #{metadata.get('iteration')}"
    if what == "start":
        return head
    if what == "stop":
        return f"{head} action={metadata.get('action') or ''} {_ms(measurements)}"
    return f"{head} {metadata.get('reason')!r} {_ms(measurements)}"


def _llm(what: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    head = f"    llm:{what} {metadata.get('model')}"
    if what == "start":
        return f"{head} messages={metadata.get('message_count')}"
    reason = "" if what == "stop" else f" {metadata.get('reason')!r}"
    return f"{head}{reason} {_ms(measurements)}"


def _eval(what: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    if what == "start":
        return "    eval:start\n" + _indented(metadata.get("code"))
    if what == "exception":
        return f"    eval:exception {metadata.get('reason')!r} {_ms(measurements)}"
    if metadata.get("success"):
        return f"    eval:stop ok {_ms(measurements)}"
    return f"    eval:stop error {_ms(measurements)}\n{' ' * 6}{metadata.get('error')}"


def _indented(code: object) -> str:
    return "\n".join(" " * 6 + each for each in str(code).splitlines())


def _short_name(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("agent", "")).rpartition(".")[2]


def _ms(measurements: Mapping[str, Any]) -> str:
    return f"{int(measurements.get('duration', 0)) // 1_000_000}ms"


_LINES: Final[dict[str, Callable[[str, Mapping[str, Any], Mapping[str, Any]], str]]] = {
    "agent": _agent,
    "message": _message,
    "iteration": _iteration,
    "llm": _llm,
    "sandbox": _eval,
}
