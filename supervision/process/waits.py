"""Who waits for whom: an ask that would close a circle is refused.

Each actor handles one message at a time, and while it does, it waits for one other, or in an event loop
for several. Following these edges from the one who is asked leads back to the asker if somebody in the
circle could not go on.
"""

from __future__ import annotations

__all__ = ["WaitGraph"]


class WaitGraph:
    """Keep an edge for each wait of an actor. Loop thread only."""

    def __init__(self) -> None:
        self._waits: dict[str, list[str]] = {}

    def circle(self, asker: str, asked: str) -> list[str]:
        """Return the circle, asker first, that this wait would close; empty when it closes none."""
        if asker == asked:
            return [asker, asker]
        came_from = {asked: asker}
        heads = [asked]
        while heads:
            head = heads.pop()
            if head == asker:
                return self._path(asker, came_from)
            for following in self._waits.get(head, ()):
                if following not in came_from:
                    came_from[following] = head
                    heads.append(following)
        return []

    def _path(self, asker: str, came_from: dict[str, str]) -> list[str]:
        path = [asker, came_from[asker]]
        while path[-1] != asker:
            path.append(came_from[path[-1]])
        return path[::-1]

    def begin(self, asker: str, asked: str) -> None:
        """Hear that `asker` waits for `asked` from now on."""
        self._waits.setdefault(asker, []).append(asked)

    def end(self, asker: str, asked: str) -> None:
        """Hear that one wait of `asker` for `asked` is over."""
        waits = self._waits.get(asker, [])
        if asked in waits:
            waits.remove(asked)
        if not waits:
            self._waits.pop(asker, None)

    def forget(self, asker: str) -> None:
        """Hear that `asker` is gone: it waits for nobody."""
        self._waits.pop(asker, None)
