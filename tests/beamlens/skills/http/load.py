"""Clients that ask again and again over real sockets."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def load(port: int, *paths: str, pause: float = 0.0) -> Iterator[None]:
    """Let one client for each path ask as long as the block."""
    ended = threading.Event()
    threads = [threading.Thread(target=_ask, args=(port, path, pause, ended)) for path in paths]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def _ask(port: int, path: str, pause: float, ended: threading.Event) -> None:
    while not ended.wait(pause):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0 if "partner" in path else 10)
        try:
            connection.request("GET", path)
            if "partner" in path:
                ended.wait(60)  # a client that is patient, and does not keep the test from ending
            else:
                connection.getresponse().read()
        except OSError:
            continue
        finally:
            connection.close()
