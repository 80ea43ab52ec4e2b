"""The services of other companies, over sockets: one line of JSON asked, one line answered."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, Final

__all__ = ["Partner"]

_SECONDS: Final = 10.0


class Partner:
    """Ask one service. Any thread, or an event loop.

    Args:
        host, port: where it is.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return its answer; the thread waits.

        Raises:
            OSError: it cannot be reached.
        """
        with socket.create_connection(self._address, timeout=_SECONDS) as connection:
            connection.sendall(json.dumps(question).encode() + b"\n")
            return _read(connection.makefile("rb").readline())

    async def ask_async(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return its answer; the event loop goes on meanwhile.

        Raises:
            OSError: it cannot be reached.
        """
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(json.dumps(question).encode() + b"\n")
            return _read(await asyncio.wait_for(reader.readline(), _SECONDS))
        finally:
            writer.close()


def _read(line: bytes) -> dict[str, Any]:
    if not line:
        raise ConnectionError("the service closed the connection without an answer")
    return dict(json.loads(line))
