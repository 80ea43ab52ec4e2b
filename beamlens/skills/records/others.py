"""Hear records that do not go through `logging`: those of loguru and of structlog, where they are loaded."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from beamlens.skills.records.entry import Entry

__all__ = ["LoguruTap", "StructlogTap"]

_LONGEST: Final = 500
_DEPTH: Final = 20
_LEVELS: Final = {
    "debug": 10, "info": 20, "msg": 20, "warning": 30, "warn": 30, "error": 40, "exception": 40, "err": 40,
    "critical": 50, "fatal": 50,
}  # fmt: skip


class LoguruTap:
    """Be one of loguru's sinks, of the level that it writes anyway. `look` and `close` from one thread.

    Args:
        hear: takes each entry; must be quick and never wait.
    """

    def __init__(self, hear: Callable[[Entry], object]) -> None:
        self._hear = hear
        self._id: int | None = None

    def look(self) -> None:
        """Become a sink if loguru is there and writes anything; again if all its sinks were removed."""
        logger = getattr(sys.modules.get("loguru"), "logger", None)
        core = getattr(logger, "_core", None)
        handlers, least = getattr(core, "handlers", None), getattr(core, "min_level", None)
        if logger is None or not isinstance(handlers, dict) or not isinstance(least, int | float):
            return
        if self._id in handlers:
            return
        self._id = None
        if handlers and least != float("inf"):
            # Without a diagnosis: that would put values of variables into texts.
            self._id = logger.add(
                self._sink, level=int(least), format="{message}", colorize=False, backtrace=False, diagnose=False
            )

    def close(self) -> None:
        """Be a sink no more."""
        logger = getattr(sys.modules.get("loguru"), "logger", None)
        if logger is not None and self._id is not None:
            try:
                logger.remove(self._id)
            except ValueError:
                self._id = None  # the application removed all sinks itself
        self._id = None

    def _sink(self, message: Any) -> None:
        record = message.record
        exception = record["exception"]
        kind = None if exception is None or exception.type is None else exception.type.__name__
        self._hear(
            Entry(
                record["time"].timestamp(),
                int(record["level"].no),
                str(record["name"]),
                str(record["file"].path),
                int(record["line"]),
                str(record["function"]),
                str(record["message"])[:_LONGEST],
                kind,
                0.0,
            )
        )


class StructlogTap:
    """Wrap the one method of structlog through which events go; those that end in `logging` are left to its own tap.

    Args:
        hear: takes each entry; must be quick and never wait.
    """

    def __init__(self, hear: Callable[[Entry], object]) -> None:
        self._hear = hear
        self._is_open = False
        self._class: Any = None
        self._original: Any = None
        self._wrapper: Any = None

    def look(self) -> None:
        """Wrap it if structlog is there."""
        found = getattr(sys.modules.get("structlog._base"), "BoundLoggerBase", None)
        if self._is_open or found is None:
            return
        original = found._proxy_to_logger
        hear = self._told

        def _proxy_to_logger(bound: Any, method_name: str, event: str | None = None, *args: Any, **fields: Any) -> Any:
            """Pass an event to the processors and the logger below."""
            hear(bound, method_name, event)
            return original(bound, method_name, event, *args, **fields)

        self._class, self._original, self._wrapper, self._is_open = found, original, _proxy_to_logger, True
        found._proxy_to_logger = _proxy_to_logger

    def close(self) -> None:
        """Put the method back."""
        self._is_open = False
        if self._class is not None and self._class._proxy_to_logger is self._wrapper:
            self._class._proxy_to_logger = self._original

    def _told(self, bound: Any, method: str, event: object) -> None:
        below = getattr(bound, "_logger", None)
        if not self._is_open or hasattr(below, "callHandlers"):
            return
        frame = _caller(sys._getframe(2))
        code = frame.f_code
        self._hear(
            Entry(
                time.time(),
                _LEVELS.get(method, 20),
                str(frame.f_globals.get("__name__", "")),
                code.co_filename,
                frame.f_lineno,
                code.co_name,
                event[:_LONGEST] if isinstance(event, str) else f"<{type(event).__name__}>",
                sys.exc_info()[0].__name__ if method == "exception" and sys.exc_info()[0] else None,  # type: ignore[union-attr]
                0.0,
            )
        )


def _caller(frame: FrameType) -> FrameType:
    """Return the innermost frame that is not structlog's own."""
    for _ in range(_DEPTH):
        if not str(frame.f_globals.get("__name__", "")).startswith("structlog") or frame.f_back is None:
            return frame
        frame = frame.f_back
    return frame
