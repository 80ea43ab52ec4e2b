"""A load generator in a process of its own: connections that stay open, and an answer awaited on each.

`python -m benchmarks.web.load PORT` answers lines of JSON: `flood` sends the next request as soon as the answer is
there, so that the server is never idle; `pace` sends at a fixed rate, whatever the server does, and counts from when a
request was due, so that a stop of the server counts for all that were due in it.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from benchmarks.programs import answer_lines
from benchmarks.stats import percentile

__all__ = ["main"]

_TICK_SECONDS: Final = 0.001
_LAST_ANSWERS_SECONDS: Final = 10.0
_ROUTES: Final = ("/", "/products/{}", "/products/{}", "/products/{}", "/products/{}", "/search?tag=3", "/report")


class Connection(asyncio.Protocol):
    """Send one request at a time and find the end of its answer."""

    def __init__(self, done: Callable[[Connection, bool], None]) -> None:
        self.begun = 0.0
        self._done = done
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at `due`, by `time.perf_counter()`."""
        assert self._transport is not None
        self.begun = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Tell when the answer is whole."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._buffer = body[length:]
            self._done(self, head[9:12] == b"200")

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


class Load:
    """Load one port. The talking thread.

    Args:
        port: on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        chance = random.Random(7)
        self._requests = [_request(chance.choice(_ROUTES).format(chance.randrange(2000))) for _ in range(1000)]
        self._routes: list[str] = []
        self._next = 0

    def flood(self, seconds: float, connections: int) -> Mapping[str, Any]:
        """Keep all connections busy; return how many answers came, and how long they took."""
        return self._loop.run_until_complete(self._flood(seconds, connections))

    def pace(self, seconds: float, connections: int, rate: float, routes: list[str] | None = None) -> Mapping[str, Any]:
        """Send `rate` requests a second; return how long the answers took from when they were due.

        With `routes` these are asked for, one after the other, `{}` being the number of the request.
        """
        self._routes = routes or []
        return self._loop.run_until_complete(self._pace(seconds, connections, rate))

    def _request(self) -> bytes:
        self._next += 1
        if not self._routes:
            return self._requests[self._next % len(self._requests)]
        return _request(self._routes[self._next % len(self._routes)].format(self._next))

    async def _connect(self, count: int, done: Callable[[Connection, bool], None]) -> list[Connection]:
        pairs = [
            await self._loop.create_connection(lambda: Connection(done), "127.0.0.1", self._port) for _ in range(count)
        ]
        return [protocol for _, protocol in pairs]

    async def _flood(self, seconds: float, count: int) -> Mapping[str, Any]:
        taken: list[float] = []
        errors = 0
        begun = time.perf_counter()

        def done(connection: Connection, good: bool) -> None:
            nonlocal errors
            now = time.perf_counter()
            taken.append(now - connection.begun)
            errors += not good
            if now - begun < seconds:
                connection.send(self._request(), now)

        connections = await self._connect(count, done)
        begun = time.perf_counter()
        for connection in connections:
            connection.send(self._request(), begun)
        await asyncio.sleep(seconds)
        result = _result(taken, errors, time.perf_counter() - begun)
        await asyncio.sleep(0.05)
        for connection in connections:
            connection.close()
        return result

    async def _pace(self, seconds: float, count: int, rate: float) -> Mapping[str, Any]:
        taken: list[float] = []
        errors = 0
        free: deque[Connection] = deque()
        due: deque[float] = deque()

        def done(connection: Connection, good: bool) -> None:
            nonlocal errors
            taken.append(time.perf_counter() - connection.begun)
            errors += not good
            if due:
                connection.send(self._request(), due.popleft())
            else:
                free.append(connection)

        connections = await self._connect(count, done)
        free.extend(connections)
        begun, sent = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begun) < seconds:
            while sent < elapsed * rate:
                if free:
                    free.popleft().send(self._request(), begun + sent / rate)
                else:
                    due.append(begun + sent / rate)
                sent += 1
            await asyncio.sleep(_TICK_SECONDS)
        waited = time.perf_counter() + _LAST_ANSWERS_SECONDS
        while len(taken) < sent and time.perf_counter() < waited:
            await asyncio.sleep(_TICK_SECONDS)
        for connection in connections:
            connection.close()
        return _result(taken, errors + sent - len(taken), seconds)


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def _result(taken: list[float], errors: int, seconds: float) -> Mapping[str, Any]:
    return {
        "per_second": len(taken) / seconds,
        "errors": errors,
        "count": len(taken),
        "p50": percentile(taken or [seconds], 50),
        "p99": percentile(taken or [seconds], 99),
        "max": max(taken or [seconds]),
    }


def main() -> None:
    """Load until the input ends."""
    gc.disable()
    load = Load(int(sys.argv[1]))
    answer_lines({"flood": load.flood, "pace": load.pace})


if __name__ == "__main__":
    main()
