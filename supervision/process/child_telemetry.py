"""What a child tells the application: its log records, and the events that somebody there attached to."""

from __future__ import annotations

import logging
import os
from typing import Any

from supervision import telemetry
from supervision.process.link import Link
from supervision.process.protocol import EVENT, LOG

__all__ = ["enter", "leave", "set_interests", "set_level"]

_TEXT = 8192
_told: list[Any] = []  # the names that the application wants to hear of, as it sent them


def enter(link: Link) -> None:
    """Send log records to the application from now on, and no events yet."""
    logging.getLogger().handlers[:] = [_Forwarder(link)]
    telemetry.set_forwarder((), None)
    _told.clear()


def set_level(level: int) -> None:
    """Log from this level up, as the application does."""
    root = logging.getLogger()
    if root.level != level:
        root.setLevel(level)


def leave(link: Link) -> None:
    """Say how many records were lost, at the end of the process."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Forwarder):
            handler.tell_dropped(link)


def set_interests(link: Link, names: Any) -> None:
    """Send the events of these names and no others."""
    if names == _told:
        return
    _told[:] = names

    def forward(name: Any, measurements: Any, metadata: Any) -> None:
        link.send([EVENT, list(name), _plain(measurements), _plain(metadata)])

    telemetry.set_forwarder(frozenset(tuple(name) for name in names), forward)


def _plain(value: Any, depth: int = 0) -> Any:
    """Make a value fit for the wire: an event must not fail since it mentions a live object."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value[:_TEXT] if isinstance(value, str | bytes) else value
    if depth > 6:
        return repr(value)[:_TEXT]
    if isinstance(value, dict):
        return {key if isinstance(key, str | int) else str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        made = [_plain(item, depth + 1) for item in value]
        return tuple(made) if isinstance(value, tuple) else made
    return value if hasattr(value, "__dataclass_fields__") or isinstance(value, BaseException) else repr(value)[:_TEXT]


class _Forwarder(logging.Handler):
    """Send records without ever blocking: one that does not fit is counted and dropped."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._dropped = 0
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sent = self._link.offer([LOG, self._fields(record)])
        except Exception:
            sent = False
        if not sent:
            self._dropped += 1

    def tell_dropped(self, link: Link) -> None:
        if self._dropped:
            text = f"{self._dropped} log records of this process were dropped: the application did not keep up"
            link.offer([LOG, {"name": "supervision", "level": logging.WARNING, "message": text, "pid": os.getpid()}])

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        trace = self._formatter.formatException(record.exc_info) if record.exc_info else record.exc_text
        return {
            "name": record.name,
            "level": record.levelno,
            "message": record.getMessage()[:_TEXT],
            "created": record.created,
            "path": record.pathname,
            "line": record.lineno,
            "function": record.funcName,
            "thread": record.threadName,
            "pid": os.getpid(),
            "trace": trace[-_TEXT:] if trace else None,
        }
