"""A way to a database server that can be cut and mended."""

from __future__ import annotations

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_PORT = ".s.PGSQL.5432"


class Proxy:
    """Stand between a program and a server, both at Unix sockets.

    Args:
        conninfo: of the server.
    """

    def __init__(self, conninfo: str) -> None:
        parts = urlsplit(conninfo)
        self._server = str(Path(parse_qs(parts.query)["host"][0]) / _PORT)
        self._directory = tempfile.TemporaryDirectory(prefix="pg")
        self.conninfo = f"postgresql://postgres:@/postgres?host={self._directory.name}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self._directory.name) / _PORT))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._is_cut = False
        self.refused = 0

    def __enter__(self) -> Self:
        """Begin."""
        self._threads.append(threading.Thread(target=self._accept, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """End all connections."""
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        self._directory.cleanup()

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        self._is_cut = True
        for each in self._open:
            with suppress(OSError):  # it has ended
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                self.refused += 1
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                self._threads.append(threading.Thread(target=_copy, args=(source, target), daemon=True))
                self._threads[-1].start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # one of the two has ended
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    source.close()
