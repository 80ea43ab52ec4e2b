"""Real web servers with several workers, under load."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from supervision.testing import wait_until

ROOT = Path(__file__).parents[3]


class Served:
    """A web server that runs."""

    def __init__(self, arguments: list[str], port: int, runtime: Path, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.folder = runtime / "beamlens"
        self.log = log
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, stdout=file, stderr=file
            )
        self._seen: dict[int, psutil.Process] = {}

    def get(self, path: str, seconds: float = 90.0) -> Any:
        """Return what the server answers."""
        # A connection for each request, so that any worker may get it.
        with urllib.request.urlopen(self.url + path, timeout=seconds) as reply:
            return json.loads(reply.read())

    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes that some worker tells of; none while nobody can."""
        try:
            return list(self.get("/nodes", 10.0))
        except (OSError, urllib.error.HTTPError):
            return []

    def wait_for(self, count: int, without: int = 0) -> list[dict[str, Any]]:
        """Wait until so many nodes are seen, one of them elected, without that process; return them."""

        def complete() -> list[dict[str, Any]] | None:
            told = self.nodes()
            whole = len(told) == count and [node["elected"] for node in told].count(True) == 1
            return told if whole and without not in [node["pid"] for node in told] else None

        try:
            found = wait_until(complete, 60)
        except AssertionError:
            raise AssertionError(self.log.read_text()[-3000:]) from None
        assert found is not None
        return found

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Have four clients send requests all the time."""
        ended = threading.Event()

        def client() -> None:
            while not ended.wait(0.02):
                with contextlib.suppress(OSError, ValueError):
                    self.get("/pid", 10.0)

        clients = [threading.Thread(target=client, name="load") for _ in range(4)]
        for each in clients:
            each.start()
        try:
            yield
        finally:
            ended.set()
            for each in clients:
                each.join(30)

    def family(self) -> list[psutil.Process]:
        """Return all processes that belong to the server."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        """End it as a service manager does."""
        self.process.terminate()
        return self.process.wait(60)

    def close(self) -> None:
        """Be done with it."""
        if self.process.poll() is not None:
            return
        family = self.family()
        self.process.kill()
        self.process.wait(30)
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family, timeout=30)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def gunicorn(runtime: Path, kind: str, *, preload: bool) -> Iterator[Served]:
    """Run gunicorn with three workers of a kind."""
    port = free_port()
    application = "asgi" if kind == "asgi" else "wsgi"
    arguments = ["gunicorn", f"tests.beamlens.nodes.served:{application}", "-b", f"127.0.0.1:{port}"]
    arguments += ["-k", kind, "-w", "3", "--no-control-socket"]
    if kind == "gthread":
        arguments += ["--threads", "4"]
    if kind != "asgi":  # that one has a lifespan
        arguments += ["-c", "tests/beamlens/nodes/gunicorn_conf.py"]
    with _served([*arguments, *(["--preload"] if preload else [])], port, runtime) as found:
        yield found


@contextlib.contextmanager
def uvicorn(runtime: Path) -> Iterator[Served]:
    """Run uvicorn with three workers."""
    port = free_port()
    arguments = ["uvicorn", "tests.beamlens.nodes.served:asgi", "--port", str(port), "--workers", "3"]
    with _served([*arguments, "--timeout-worker-healthcheck", "60"], port, runtime) as found:
        yield found


@contextlib.contextmanager
def _served(arguments: list[str], port: int, runtime: Path) -> Iterator[Served]:
    runtime.chmod(0o700)
    found = Served(arguments, port, runtime, runtime / "server.log")
    try:
        yield found
    finally:
        found.close()
