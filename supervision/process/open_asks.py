"""The asks of one channel that have no answer yet, by their numbers."""

from __future__ import annotations

from supervision.errors import ProtocolError
from supervision.process.protocol import REPLY, REPLY_FOR
from supervision.process.waiter import Pending, as_error

__all__ = ["OpenAsks"]


class OpenAsks(dict[int, Pending]):
    """Hand answers to those who wait. Each operation is one of a dict, so any thread may do it."""

    def answer(self, content: list[object]) -> None:
        """Hand a REPLY, ERROR or REPLY_FOR frame to who waits for it; drop one that was given up.

        Raises:
            ProtocolError: the frame has no number or no value.
        """
        if len(content) < 3 or not isinstance(content[1], int):
            raise ProtocolError("a reply must hold a number and a value")
        pending = self.pop(content[1], None)
        if pending is None:
            return
        if content[0] == REPLY:
            pending.succeed(content[2])
        elif content[0] == REPLY_FOR:
            pending.succeed(content)
        else:
            pending.fail(as_error(content[2]))

    def fail_all(self, error: BaseException) -> None:
        """Fail every ask, those too that are opened meanwhile."""
        while self:
            for number in list(self):
                pending = self.pop(number, None)
                if pending is not None:
                    pending.fail(error)
