"""A cache of rendered pages: the least recently used one goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["PageCache"]


class PageCache:
    """Keep pages. Any thread.

    Args:
        max_entries: how many at most; None for no bound.
    """

    def __init__(self, max_entries: int | None) -> None:
        self.max_entries = max_entries
        self._entries: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, render: Callable[[], str]) -> str:
        """Return the page of this key, rendered if it is not kept."""
        with self._lock:
            page = self._entries.get(key)
            if page is not None:
                self._entries.move_to_end(key)
                return page
        page = render()
        with self._lock:
            self._entries[key] = page
            while self.max_entries is not None and len(self._entries) > self.max_entries:
                self._entries.popitem(last=False)
        return page

    def __len__(self) -> int:
        return len(self._entries)
