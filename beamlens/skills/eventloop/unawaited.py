"""Coroutines that were made and never awaited: counted by function and by the line that let go of them."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, code_place
from beamlens.skills.waits.awaits import stack_place

__all__ = ["Unawaited", "unawaited"]

_MOST: Final = 200
_KEPT: Final = 1000
_HOOK: Final = "_warn_unawaited_coroutine"
_RECENT: Final = 60.0


class Unawaited:
    """Count what the interpreter warns of, whatever the warnings' filters are; the warning itself goes on. Any thread.

    The interpreter calls a function of the module `warnings` for each such coroutine. It is wrapped from the first
    `begin` to the last `end`; what it costs is paid for a coroutine that was lost only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._original: Callable[[Any], None] | None = None
        self._wrapper: Callable[[Any], None] | None = None
        self._counts: Counter[tuple[Place, Place | None]] = Counter()
        self._times: deque[float] = deque(maxlen=_KEPT)
        self.total = 0

    @property
    def supported(self) -> bool:
        """Whether this Python calls such a function."""
        return hasattr(warnings, _HOOK)

    def begin(self) -> None:
        """Count from now on, until as many calls of `end`."""
        with self._lock:
            self._users += 1
            if self._users > 1 or not self.supported:
                return
            original = getattr(warnings, _HOOK)
            if original is self._wrapper:
                return

            def warn(coroutine: Any) -> None:
                """Count, and warn."""
                self._seen(coroutine)
                original(coroutine)

            self._original, self._wrapper = original, warn
            setattr(warnings, _HOOK, warn)

    def end(self) -> None:
        """Stop counting, forget, and put the function back."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._users:
                return
            if self._original is not None and getattr(warnings, _HOOK, None) is self._wrapper:
                setattr(warnings, _HOOK, self._original)
                self._original = self._wrapper = None
            self._counts.clear()
            self._times.clear()
            self.total = 0

    def _seen(self, coroutine: Any) -> None:
        code = getattr(coroutine, "cr_code", None)
        if not self._users or code is None:
            return
        key = (code_place(code), stack_place(sys._getframe(2)))
        self.total += 1
        self._times.append(time.monotonic())
        if key in self._counts or len(self._counts) < _MOST:
            self._counts[key] += 1

    def last_minute(self) -> int:
        """Return how many there were within a minute, 1000 at most."""
        now = time.monotonic()
        return sum(when >= now - _RECENT for when in list(self._times))

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Return them by function and line, the most frequent first.

        Args:
            limit: how many at most.
        """
        return [
            {
                "key": f"{function.function} ({function.at})",
                "function": function.function,
                "defined_at": function.at,
                "dropped_at": at.at if at is not None else None,
                "dropped_in": at.function if at is not None else None,
                "count": count,
            }
            for (function, at), count in self._counts.most_common(limit)
        ]


unawaited: Final = Unawaited()
"""The one of this process: there is one function to wrap."""
