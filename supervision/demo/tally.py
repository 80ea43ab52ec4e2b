"""What the demo counts."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from typing import Any, Final

__all__ = ["LogLines", "Tally"]

_LINES: Final = 5
_EXPECTED: Final = ("Supervisor: ", "Unhandled exception in ")


class Tally:
    """Count from several threads; the last lines of what happened are kept for the screen.

    Attributes:
        kills, lost, restarts, answered, refused: counts; an ask is refused when the actor died meanwhile.
        reports: log records about deaths that the demo brought about.
        recoveries: seconds from each kill to the replacement's answer.
        pids: every process that was a child.
        lines: what happened last, oldest first.
        fresh: what no screen has taken yet.
    """

    def __init__(self) -> None:
        self.kills = self.lost = self.restarts = self.answered = self.refused = self.reports = 0
        self.recoveries: list[float] = []
        self.pids: set[int] = set()
        self.lines: deque[str] = deque(maxlen=_LINES)
        self.fresh: deque[str] = deque()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Note what happened. Any thread."""
        line = f"{time.strftime('%H:%M:%S')}  {text}"
        with self._lock:
            self.lines.append(line)
            self.fresh.append(line)

    def recovered(self, seconds: float) -> None:
        """Hear how long a recovery took. Any thread."""
        with self._lock:
            self.recoveries.append(seconds)

    def on_started(self, _name: Any, _measurements: Any, metadata: Any, _config: Any) -> None:
        """Hear of a started child: the handler of the telemetry event."""
        with self._lock:
            self.restarts += metadata["incarnation"] > 1
            if metadata["pid"] is not None:
                self.pids.add(metadata["pid"])

    def figures(self) -> dict[str, Any]:
        """Return the counts, with times in milliseconds (None before the first kill)."""
        with self._lock:
            times = [seconds * 1e3 for seconds in self.recoveries]
        return {
            "kills": self.kills,
            "restarts": self.restarts,
            "recover_ms_p50": round(statistics.median(times), 3) if times else None,
            "recover_ms_max": round(max(times), 3) if times else None,
            "recover_ms_last": round(times[-1], 3) if times else None,
            "asks_answered": self.answered,
            "asks_refused": self.refused,
            "reports": self.reports,
            "lost_children": self.lost,
        }


class LogLines(logging.Handler):
    """Take what supervision logs, so that no traceback tears the drawing.

    Reports of deaths are counted: each is shown as an event already. All else is shown.

    Args:
        tally: keeps counts and lines.
    """

    def __init__(self, tally: Tally) -> None:
        super().__init__(logging.WARNING)
        self._tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record, or note its first line."""
        first, _, _ = record.getMessage().partition("\n")
        if first.startswith(_EXPECTED):
            self._tally.reports += 1
        else:
            self._tally.say(f"log: {record.levelname.lower()}: {first}")
