"""Who waits for whom: an ask that would close a circle is refused.

Each actor handles one message at a time and so waits for at most one other. Following these edges from
the one who is asked leads back to the asker exactly if nobody in the circle could ever answer.
"""

from __future__ import annotations

__all__ = ["WaitGraph"]


class WaitGraph:
    """Keep one edge per waiting actor. Loop thread only."""

    def __init__(self) -> None:
        self._waits: dict[str, str] = {}

    def circle(self, asker: str, asked: str) -> list[str]:
        """Return the circle, asker first, that this wait would close; empty when it closes none."""
        path = [asker, asked]
        while path[-1] != asker:
            following = self._waits.get(path[-1])
            if following is None:
                return []
            path.append(following)
        return path

    def begin(self, asker: str, asked: str) -> None:
        """Hear that `asker` waits for `asked` from now on."""
        self._waits[asker] = asked

    def end(self, asker: str) -> None:
        """Hear that `asker` waits no longer."""
        self._waits.pop(asker, None)
