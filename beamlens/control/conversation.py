"""One request that is being answered, on a thread of its own that nobody waits for."""

from __future__ import annotations

import select
import socket
import threading
from typing import Any, Final

from beamlens.control.protocol import ControlError, Request, answers
from supervision.errors import MessageError
from supervision.process.frames import frame

__all__ = ["Conversation"]

_SLOWEST: Final = 10.0  # seconds in which a client must take what it is sent


class Conversation:
    """Answer a client. The thread of the request.

    Args:
        connection: to the client.
        request: what it asks for.
        stopping: set when the server stops.
    """

    def __init__(self, connection: socket.socket, request: Request, stopping: threading.Event) -> None:
        self.request = request
        self._connection = connection
        self._stopping = stopping
        self._codec = answers()
        self._lost = False
        connection.settimeout(_SLOWEST)

    def event(self, event: dict[str, Any]) -> None:
        """Send an event; one that is too large is left out."""
        self._send({"event": event})

    def answer(self, value: Any) -> None:
        """Send the answer."""
        if not self._send({"ok": value}):
            self.refuse(ControlError("the answer is too large to be sent; ask for less"))

    def refuse(self, error: ControlError) -> None:
        """Answer that it cannot be done, and why."""
        self._send({"error": str(error), "kind": error.kind})

    @property
    def is_over(self) -> bool:
        """Tell whether nobody waits for the answer any more: the client has gone, or the server stops."""
        return self._lost or self._stopping.is_set() or self._hung_up()

    def _hung_up(self) -> bool:
        look = select.poll()  # first: a socket with a time limit would wait for it, whatever recv's flags say
        try:
            look.register(self._connection, select.POLLIN)
            return bool(look.poll(0)) and self._connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def _send(self, value: dict[str, Any]) -> bool:
        try:
            body = self._codec.encode(value)
        except MessageError:
            return False
        if not self._lost:
            try:
                self._connection.sendall(frame(body))
            except OSError:
                self._lost = True  # it went away, or takes nothing: it is not waited for again
        return True

    # -- arguments ------------------------------------------------------------------------------

    def text(self, name: str, otherwise: str | None = None) -> str | None:
        """Return an argument that is a text.

        Raises:
            ControlError: it is something else.
        """
        return self._argument(name, str, otherwise)  # type: ignore[no-any-return]

    def needed_text(self, name: str) -> str:
        """Return an argument that is a text and must be there.

        Raises:
            ControlError: it is missing, empty or something else.
        """
        found = self.text(name)
        if not found:
            raise ControlError(f"{name} is missing; a text is expected", "usage")
        return found

    def texts(self, name: str) -> list[str] | None:
        """Return an argument that is a list of texts, None where it is missing.

        Raises:
            ControlError: it is something else.
        """
        found = self._argument(name, list, None)
        if found is not None and not all(isinstance(each, str) for each in found):
            raise ControlError(f"{name} is {found!r}; a list of texts is expected", "usage")
        return found  # type: ignore[no-any-return]

    def seconds(self, name: str, otherwise: float | None = None) -> float | None:
        """Return an argument that is a time in seconds.

        Raises:
            ControlError: it is something else, or not above 0.
        """
        found = self._argument(name, (int, float), otherwise)
        if found is not None and not 0 < found <= 1e6:
            raise ControlError(f"{name} is {found!r}; seconds above 0 are expected", "usage")
        return None if found is None else float(found)

    def _argument(self, name: str, kind: Any, otherwise: Any) -> Any:
        found = self.request.args.get(name)
        if found is None:
            return otherwise
        if not isinstance(found, kind) or isinstance(found, bool):
            raise ControlError(f"{name} is {found!r}; it is not of the kind that is expected", "usage")
        return found
