"""The asks of one channel that have no answer yet, by their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from supervision.errors import ProtocolError
from supervision.process.protocol import REPLY, REPLY_FOR
from supervision.process.waiter import Pending, as_error

__all__ = ["OpenAsks", "PackedAnswer"]


@dataclass(frozen=True, slots=True)
class PackedAnswer:
    """Hold what a child answered another, as it packed it; a type of its own, since an actor may answer any list.

    Args:
        ok: whether it is an answer; else an error.
        body: its bytes.
    """

    ok: bool
    body: Any


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
            if len(content) < 4:
                raise ProtocolError("a reply for another process must hold whether it is an answer, and its bytes")
            pending.succeed(PackedAnswer(bool(content[2]), content[3]))
        else:
            pending.fail(as_error(content[2]))

    def fail_all(self, error: BaseException) -> None:
        """Fail every ask, those too that are opened meanwhile."""
        while self:
            for number in list(self):
                pending = self.pop(number, None)
                if pending is not None:
                    pending.fail(error)
