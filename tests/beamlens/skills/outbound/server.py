"""Another service, on a real socket: what its path says, it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Service(BaseHTTPRequestHandler):
    """Answer `/wait/0.2` after 0.2 s, `/status/503` with 503, and `/hang` never."""

    protocol_version = "HTTP/1.1"
    ended = threading.Event()
    count = 0

    def do_GET(self) -> None:
        _, kind, *rest = self.path.split("?")[0].split("/")
        status = 200
        if kind == "wait":
            time.sleep(float(rest[0]))
        elif kind == "hang":
            type(self).ended.wait(60)
        elif kind == "status":
            status = int(rest[0])
        elif kind == "flaky":
            type(self).count += 1
            status = 503 if type(self).count % 3 == 0 else 200
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # a client that went away


@contextmanager
def service() -> Iterator[int]:
    """Serve as long as the block; gives the port."""
    server = _Server(("127.0.0.1", 0), _Service)
    _Service.ended.clear()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        _Service.ended.set()
        server.shutdown()
        thread.join(20)
        server.server_close()
