"""How the parts of one tree find each other: by name, in whatever process they are."""

from __future__ import annotations

import threading
import time
from typing import Final

from supervision import Ref, Registry

__all__ = ["Parts"]

_PATIENCE: Final = 10.0
_LOOK: Final = 0.01  # a part that is missing is just being started


class Parts:
    """Find the parts of a tree. Any thread, in the application and in actors; never on the application's loop.

    Args:
        tree: names the tree's registry.
    """

    def __init__(self, tree: str) -> None:
        self._names = Registry(tree)
        self._known: dict[str, Ref] = {}
        self._lock = threading.Lock()

    def register(self, name: str) -> None:
        """Enter the actor that calls."""
        self._names.register(name)

    def find(self, name: str, seconds: float = _PATIENCE) -> Ref | None:
        """Return a ref that follows the part's restarts; None when nobody of that name came in so many seconds.

        One that is gone for good is looked for again: an operator may have been removed, and another added.
        """
        with self._lock:
            known = self._known.get(name)
        if known is not None and known.is_alive():
            return known
        deadline = time.monotonic() + seconds
        while (found := self._names.whereis(name)) is None:
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK)
        followed = found.following()
        with self._lock:
            self._known[name] = followed
        return followed
