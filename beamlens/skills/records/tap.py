"""Hear every record of `logging`, of loggers that do not propagate too, without adding a handler.

A handler on the root logger would change the application: `logging.basicConfig()` does nothing once there is one, and
warnings of a program without any are printed no more. So the one method is wrapped that hands records to handlers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from beamlens.skills.records.entry import Entry, entry_of

__all__ = ["Tap"]

_OWN: Final = ("beamlens", "supervision")


class Tap:
    """Wrap `logging.Logger.callHandlers` from `open` to `close`. Any thread.

    Where somebody else wrapped it meanwhile, ours stays below theirs and only passes on.

    Args:
        hear: takes each entry, on the thread that logs; must be quick and never wait.
    """

    def __init__(self, hear: Callable[[Entry], object]) -> None:
        self._hear = hear
        self._is_open = False
        self._original: Callable[[logging.Logger, logging.LogRecord], None] | None = None
        self._wrapper: Callable[[logging.Logger, logging.LogRecord], None] | None = None
        self.errors = 0

    def open(self) -> None:
        """Begin to hear."""
        if self._is_open:
            return
        self._is_open = True
        if self._wrapper is None or logging.Logger.callHandlers is not self._wrapper:
            self._wrap()

    def close(self) -> None:
        """Hear no more, and put the method back."""
        self._is_open = False
        if self._original is not None and logging.Logger.callHandlers is self._wrapper:
            logging.Logger.callHandlers = self._original  # type: ignore[method-assign, assignment]
            self._original = self._wrapper = None

    def _wrap(self) -> None:
        original = logging.Logger.callHandlers
        clock = time.perf_counter

        def callHandlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            """Pass a record to all handlers."""
            began = clock()
            try:
                original(logger, record)
            finally:
                self._told(record, clock() - began)

        callHandlers.__wrapped__ = original  # type: ignore[attr-defined]
        self._original, self._wrapper = original, callHandlers
        logging.Logger.callHandlers = callHandlers  # type: ignore[method-assign, assignment]

    def _told(self, record: logging.LogRecord, seconds: float) -> None:
        if not self._is_open or record.name.partition(".")[0] in _OWN:
            return
        try:
            self._hear(entry_of(record, seconds))
        except Exception:  # a record of a strange make must not break the application's logging
            self.errors += 1
