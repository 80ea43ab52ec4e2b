"""Where threads were started: remembered while somebody wants to know, by a wrapper that is taken off again."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Final

from beamlens.skills.interpreter.places import Place, owner_of, place_of, stack_of

__all__ = ["Births", "births"]

_MOST: Final = 20_000
_DEPTH: Final = 40


class Births:
    """Remember for each thread the line that started it. Any thread.

    Python keeps no such record, so `threading.Thread.start` is wrapped from the first `begin` to the last `end`. The
    wrapper adds about 5 us to the start of a thread (itself about 100 us) and changes nothing else. Where
    somebody else wrapped it meanwhile, ours stays below theirs and only passes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._original: Callable[[threading.Thread], None] | None = None
        self._wrapper: Callable[[threading.Thread], None] | None = None
        self._born: dict[int, tuple[weakref.ref[threading.Thread], Place]] = {}

    def begin(self) -> None:
        """Remember births from now on, until as many calls of `end`."""
        with self._lock:
            self._users += 1
            if self._users == 1 and threading.Thread.start is not self._wrapper:
                self._wrap()

    def end(self) -> None:
        """Stop remembering, forget, and put `Thread.start` back as it was."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._users:
                return
            self._born.clear()
            if self._original is not None and threading.Thread.start is self._wrapper:
                threading.Thread.start = self._original  # type: ignore[assignment]
                self._original = self._wrapper = None

    def place(self, thread: threading.Thread) -> Place | None:
        """Return the line that started a thread; None if it was started unseen."""
        found = self._born.get(thread.ident or 0)
        return found[1] if found is not None and found[0]() is thread else None

    def forget(self, alive: set[int]) -> None:
        """Forget all threads but these.

        Args:
            alive: idents.
        """
        for ident in [ident for ident in list(self._born) if ident not in alive]:
            self._born.pop(ident, None)

    def _wrap(self) -> None:
        original = threading.Thread.start
        seen = self._seen

        def start(thread: threading.Thread) -> None:
            """Start the thread."""
            caller = sys._getframe(1)
            original(thread)
            seen(thread, caller)

        start.__wrapped__ = original  # type: ignore[attr-defined]
        self._original, self._wrapper = original, start
        threading.Thread.start = start  # type: ignore[assignment]

    def _seen(self, thread: threading.Thread, caller: FrameType) -> None:
        if self._users and thread.ident is not None and len(self._born) < _MOST:
            self._born[thread.ident] = (weakref.ref(thread), _birthplace(caller))


def _birthplace(caller: FrameType) -> Place:
    """Return the innermost line of the application's; of a library, or else of anybody, where there is none."""
    outside = None
    for frame in stack_of(caller, _DEPTH):
        owner = owner_of(frame.f_code.co_filename)
        if owner == "application":
            return place_of(frame)
        if outside is None and owner == "library":
            outside = frame
    return place_of(outside if outside is not None else caller)


births: Final = Births()
"""The one recorder of this process: there is one `Thread.start` to wrap."""
