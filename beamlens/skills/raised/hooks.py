"""Where exceptions pass by: the interpreter's hooks and the making of log records, all chained and put back."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Hooks", "Note"]

Note = Callable[[type[BaseException], BaseException | None, Any, str], None]
"""Hears (type, exception, traceback, way); must not raise."""

_OWN_LOGGERS: Final = ("beamlens", "supervision", "pykka")


class Hooks:
    """Be told of exceptions that nobody caught, or that were caught and logged.

    Handlers of the application are called as before, before ours notes anything that could fail. Where somebody put a
    hook of theirs over ours, ours stays below it after `remove` and only passes on.

    Args:
        note: hears of each.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._on = False
        self._originals: dict[str, Any] = {}
        self._ours: dict[str, Any] = {}

    def install(self) -> None:
        """Put the hooks in. One thread, as `remove`."""
        self._on = True
        self._chain("main", sys.excepthook, self._main)
        self._chain("unraisable", sys.unraisablehook, self._unraisable)
        self._chain("thread", threading.excepthook, self._thread)
        self._chain("logging", logging.getLogRecordFactory(), self._record)
        sys.excepthook = self._ours["main"]
        sys.unraisablehook = self._ours["unraisable"]
        threading.excepthook = self._ours["thread"]
        logging.setLogRecordFactory(self._ours["logging"])

    def remove(self) -> None:
        """Put back what was there, where ours is still the outermost."""
        self._on = False
        if sys.excepthook is self._ours.get("main"):
            sys.excepthook = self._originals["main"]
        if sys.unraisablehook is self._ours.get("unraisable"):
            sys.unraisablehook = self._originals["unraisable"]
        if threading.excepthook is self._ours.get("thread"):
            threading.excepthook = self._originals["thread"]
        if logging.getLogRecordFactory() is self._ours.get("logging"):
            logging.setLogRecordFactory(self._originals["logging"])

    def _chain(self, name: str, original: Any, ours: Any) -> None:
        self._originals[name], self._ours[name] = original, ours

    def _tell(self, kind: Any, error: BaseException | None, trace: Any, way: str) -> None:
        if self._on and isinstance(kind, type) and issubclass(kind, BaseException):
            self._note(kind, error, trace, way)

    def _main(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        self._tell(kind, error, trace, "main")
        self._originals["main"](kind, error, trace)

    def _unraisable(self, given: Any) -> None:
        self._tell(given.exc_type, given.exc_value, given.exc_traceback, "unraisable")
        self._originals["unraisable"](given)

    def _thread(self, given: Any) -> None:
        if given.exc_type is not SystemExit:
            self._tell(given.exc_type, given.exc_value, given.exc_traceback, "thread")
        self._originals["thread"](given)

    def _record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._originals["logging"](*args, **kwargs)
        found = record.exc_info
        if found and found[0] is not None and record.name.split(".", 1)[0] not in _OWN_LOGGERS:
            self._tell(found[0], found[1], found[2], "logging")
        return record
