"""A small HTTP server for tests that answers what it was told to, and can misbehave in every way a real one does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

__all__ = ["Answer", "StubRequest", "StubServer", "retry_headers"]

Cut = Literal["before", "headers", "body"]
Given = Any  # an Answer, the body of one, or a function from the request's JSON to either
_SECRET_HEADERS = ("authorization", "x-api-key", "api-key")


@dataclass(frozen=True, slots=True)
class Answer:
    """Say how to answer one request.

    Args:
        body: what is sent: bytes and texts as they are, everything else as JSON.
        status: the HTTP status.
        headers: further headers; they win over the usual ones.
        delay: seconds before the answer; the connection is held open.
        cut: where to break the connection off: `before` anything, within the `headers`, or within the `body`.
        drip: seconds between the bytes of the body, to be slow without ever being silent.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: Cut | None = None
    drip: float = 0.0


@dataclass(frozen=True, slots=True)
class StubRequest:
    """Hold one request that the server got. `repr` shows no key; `headers` has all, with names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """Return the decoded body; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def __repr__(self) -> str:
        headers = {name: "***" if name in _SECRET_HEADERS else value for name, value in self.headers.items()}
        return f"StubRequest({self.method} {self.path} headers={headers} body={self.body!r})"


def retry_headers(seconds: float, form: Literal["milliseconds", "seconds", "date"] = "seconds") -> dict[str, str]:
    """Return the header that asks a client to wait, in one of the three forms that there are.

    Args:
        seconds: how long; a date has whole seconds.
        form: `retry-after-ms`, or `retry-after` in seconds or as a date of RFC 9110.
    """
    if form == "milliseconds":
        return {"retry-after-ms": str(round(seconds * 1000))}
    if form == "seconds":
        return {"retry-after": f"{seconds:g}"}
    return {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)}


class StubServer:
    """Serve on a free port of 127.0.0.1 from entering to leaving the context. Methods: any thread.

    Subclasses say what a body is in `answer_for` and what an error looks like in `error_body`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: list[tuple[Callable[[StubRequest], bool], Given]] = []
        self._always: Given = None
        self._requests: list[StubRequest] = []
        self._closing = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------------------------------ what tests use

    @property
    def url(self) -> str:
        """Return the address, such as `http://127.0.0.1:40123`."""
        if self._server is None:
            raise RuntimeError(f"{type(self).__name__} is not running; use it in a with statement")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[StubRequest]:
        """Return the requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        """Return how many connections clients hold open."""
        with self._lock:
            return len(self._open)

    def enqueue(self, *answers: Given, when: str | Callable[[StubRequest], bool] | None = None) -> None:
        """Add answers, each for one request.

        Args:
            answers: an Answer, the body of one, or a function from the request's JSON to either.
            when: only for requests whose body has this text in it, or for which this is true. So callers can have
                scripts of their own: their system prompts differ.
        """
        fits = when if callable(when) else lambda request: when is None or when.encode() in request.body
        with self._lock:
            self._queues += [(fits, answer) for answer in answers]

    def always(self, answer: Given) -> None:
        """Set the answer to every request that none was enqueued for."""
        with self._lock:
            self._always = answer

    def __enter__(self) -> Self:
        self._server = _HTTPServer(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=f"{type(self).__name__}")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Break all connections off and stop; does nothing when called again."""
        server, thread = self._server, self._thread
        if server is None or thread is None or self._closing.is_set():
            return
        self._closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
        with self._lock:
            left = list(self._open.items())
        for connection, _ in left:
            _hang_up(connection)
        for _, handler in left:
            handler.join(10)

    # ------------------------------------------------------------------------------------------ what protocols say

    def answer_for(self, request: StubRequest, given: Any) -> Answer:
        """Return the answer for a body that was enqueued; here the body itself."""
        return Answer(given)

    def error_body(self, status: int, message: str) -> Any:
        """Return the body of an error."""
        return {"error": {"message": message}}

    # ------------------------------------------------------------------------------------------ handler threads

    def handle(self, request: StubRequest) -> Answer:
        """Record a request and choose its answer. A handler's thread."""
        with self._lock:
            self._requests.append(request)
            place = next((n for n, (fits, _) in enumerate(self._queues) if fits(request)), None)
            given = self._always if place is None else self._queues.pop(place)[1]
        while callable(given):
            given = given(request.json)
        if given is None:
            return Answer(self.error_body(400, "the stub has no answer left; enqueue one"), status=400)
        return given if isinstance(given, Answer) else self.answer_for(request, given)

    def opened(self, connection: socket.socket) -> None:
        """Note a connection. Its handler's thread."""
        with self._lock:
            self._open[connection] = threading.current_thread()

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection. Its handler's thread."""
        with self._lock:
            self._open.pop(connection, None)

    def pause(self, seconds: float) -> bool:
        """Wait; return whether the server goes on. A handler's thread."""
        return not self._closing.wait(seconds) if seconds > 0 else not self._closing.is_set()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # connections are hung up and their threads joined in StubServer.close
    request_queue_size = 128
    stub: StubServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients of tests break off all the time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Unbuffered, each header is a packet of its own, and Nagle's algorithm makes 40 ms of it.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _HTTPServer

    def setup(self) -> None:
        super().setup()
        self.server.stub.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.stub.closed(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = StubRequest(self.command, self.path, headers, body, time.monotonic())
        answer = self.server.stub.handle(request)
        if self.server.stub.pause(answer.delay):
            self._send(answer)
        else:
            self.close_connection = True

    do_GET = do_POST

    def _send(self, answer: Answer) -> None:
        body = _encoded(answer.body)
        headers = {"content-type": "application/json", "content-length": str(len(body)), "request-id": "req_stub"}
        headers.update({name.lower(): value for name, value in answer.headers.items()})
        head = f"HTTP/1.1 {answer.status} Stub\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
        if answer.cut is not None:
            self._cut(answer.cut, head.encode(), body)
            return
        self.wfile.write(head.encode())
        self._body(body, answer.drip)
        self.wfile.flush()

    def _body(self, body: bytes, drip: float) -> None:
        if drip <= 0:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if not self.server.stub.pause(drip):
                break

    def _cut(self, where: Cut, head: bytes, body: bytes) -> None:
        sent = {"before": b"", "headers": head[: len(head) // 2], "body": head + body[: len(body) // 2]}[where]
        self.wfile.write(sent)
        self.wfile.flush()
        self.close_connection = True
        _hang_up(self.connection)


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was quicker
