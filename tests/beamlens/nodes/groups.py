"""Start groups of processes, and talk to them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervision.testing import wait_until

ROOT = Path(__file__).parents[3]


class Worker:
    """A process of a group."""

    def __init__(self, runtime: Path, options: dict[str, Any]) -> None:
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
        arguments = [sys.executable, "-m", "tests.beamlens.nodes.worker", json.dumps(options)]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self.pid = self.process.pid

    def begin(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell it something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([name, args, kwargs]) + "\n")
        self.process.stdin.flush()

    def end(self) -> Any:
        """Return what came of what it was told."""
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        if "error" in said:
            raise AssertionError(said["error"])
        return said.get("ok", said)

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Tell it something, and return what came of it."""
        self.begin(name, *args, **kwargs)
        return self.end()

    def kill(self) -> None:
        """Kill it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Let it end by itself."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)

    def close(self) -> None:
        """Be done with it, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class Group:
    """Several processes of a group."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        self.folder = runtime / "beamlens"
        self.workers: list[Worker] = []

    def add(self, **options: Any) -> Worker:
        """Start one more; it is up when its first answer comes."""
        worker = Worker(self.runtime, options)
        self.workers.append(worker)
        return worker

    @property
    def elected(self) -> Worker:
        """The elected one, as those say that live."""
        (found,) = [worker for worker in self.living if worker.ask("place") == "elected"]
        return found

    @property
    def joined(self) -> list[Worker]:
        """Those that have joined it."""
        return [worker for worker in self.living if worker.ask("place") == "joined"]

    @property
    def living(self) -> list[Worker]:
        """Those that run."""
        return [worker for worker in self.workers if worker.process.poll() is None]

    def wait_for(self, count: int, seconds: float = 30.0) -> Worker:
        """Wait until one is elected and knows so many nodes; return it."""

        def complete() -> Worker | None:
            places = [worker.ask("place") for worker in self.living]
            if places.count("elected") != 1 or "seeking" in places:
                return None
            elected = self.living[places.index("elected")]
            return elected if len(elected.ask("nodes")) == count else None

        found = wait_until(complete, seconds)
        assert found is not None
        return found

    def command(self, *arguments: str) -> str:
        """Return what a command of the shell prints."""
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "beamlens.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd=ROOT,
            env=environment,
        )
        return done.stdout

    def left(self) -> list[str]:
        """Return what is in the directory where the group meets."""
        return sorted(os.listdir(self.folder)) if self.folder.exists() else []


@contextlib.contextmanager
def group(runtime: Path, count: int = 3, **options: Any) -> Iterator[Group]:
    """Start a group; its processes are ended in the end."""
    runtime.chmod(0o700)
    found = Group(runtime)
    try:
        for _ in range(count):
            found.add(**options)
        for worker in found.workers:
            worker.end()
        yield found
    finally:
        for worker in found.workers:
            worker.close()
