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
_PATIENCE = 0.05  # seconds
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
    """Send records without blocking for long: those that do not fit are counted, dropped, and told of.

    A burst may fill the socket for a moment. So the first record without room waits that moment; once one
    was dropped, the others do not wait, until there is room again.
    """

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._dropped = 0
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        patience = 0.0 if self._dropped else _PATIENCE
        if self._dropped and self._offer(self._loss(), 0.0):
            self._dropped = 0
        if self._dropped or not self._offer(self._fields(record), patience):
            self._dropped += 1

    def _offer(self, fields: dict[str, Any], patience: float) -> bool:
        try:
            return self._link.offer([LOG, fields], patience)
        except Exception:
            return False

    def tell_dropped(self, link: Link) -> None:
        if self._dropped:
            link.send([LOG, self._loss()])

    def _loss(self) -> dict[str, Any]:
        text = f"{self._dropped} log records of this process were dropped: the application did not keep up"
        told = {"name": "supervision", "level": logging.WARNING, "message": text, "pid": os.getpid()}
        return told | {"lost": self._dropped}

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        trace = self._formatter.formatException(record.exc_info) if record.exc_info else record.exc_text
        return {
            "name": record.name,
            "level": record.levelno,
            "message": _sendable(_message(record)[:_TEXT]),
            "created": record.created,
            "path": record.pathname,
            "line": record.lineno,
            "function": record.funcName,
            "thread": record.threadName,
            "pid": os.getpid(),
            "trace": _sendable(trace[-_TEXT:]) if trace else None,
        }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # its arguments do not fit: that is worth a record, too
        return f"{record.msg!r} with {len(record.args or ())} arguments: {type(error).__name__}: {error}"


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
