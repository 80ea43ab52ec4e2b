"""A partner of the shop on a real socket."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

SECONDS = 0.2


class _Partner(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        question = json.loads(self.rfile.readline())
        time.sleep(SECONDS if question["do"] == "quote" else 0.0)
        answer = {"receipt": "R1"} if question["do"] == "charge" else {"price": 440}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@pytest.fixture
def partner() -> Iterator[tuple[str, int]]:
    """Host and port of payment service and carrier."""
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Partner) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()
        thread.join()
