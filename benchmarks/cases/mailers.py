"""Actors of the program in `trees`, in a module of their own, so that their processes import little."""

from __future__ import annotations

from typing import Any

from supervision import ProcessActor

__all__ = ["Mailer", "Printer"]


class Mailer(ProcessActor):
    """Send what lies in the outbox, which outlives the actor: after each start it begins at the same place.

    Args:
        outbox: addresses as they came in, bytes.
    """

    def __init__(self, outbox: list[bytes]) -> None:
        super().__init__()
        self._outbox = outbox
        self._sent = 0

    def on_receive(self, message: Any) -> int:
        """Send the next one."""
        address = self._outbox[self._sent % len(self._outbox)].decode("ascii")
        self._sent += 1
        return len(address)


class Printer(ProcessActor):
    """Print labels, and end in order after some, so that what the driver leaks is given back.

    Args:
        labels: how many.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self._left = labels

    def on_receive(self, message: Any) -> int:
        """Print one label."""
        self._left -= 1
        if not self._left:
            self.stop()
        return self._left
