"""What the fault tests share: programs in processes of their own, and a look at what is left of them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supervision import ActorDown, Ref, Supervisor
from supervision.process import application
from supervision.process.settings import configure
from supervision.testing import wait_until

ROOT = Path(__file__).resolve().parents[2]
MARK = "SUPERVISION_FAULT_TEST"


@contextmanager
def own_runtime(**settings: Any) -> Iterator[Any]:
    """Run the block with a runtime of its own, with these settings."""
    from supervision.process import settings as module

    application.shutdown()
    before = module._settings
    configure(**settings)
    try:
        yield application.application()
    finally:
        application.shutdown()
        module._settings = before


class Program:
    """Run a program in another process, which says lines of JSON on its standard output.

    Args:
        source: Python, with everything of `supervision` and the actors imported, `say` and `hear` at hand.
        variables: put into its environment.
    """

    def __init__(self, source: str, *args: object, **variables: str) -> None:
        self.mark = secrets.token_hex(8)
        environment = {**os.environ, MARK: self.mark, "PYTHONPATH": str(ROOT), **variables}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + source, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not self._kill_the_rest())
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def _kill_the_rest(self) -> list[int]:
        found = self.left()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found

    def hear(self) -> Any:
        """Return what it says next; fail with its errors when it says nothing more."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the program ended: {self.process.wait()}\n{self.errors()}")
        return json.loads(line)

    def say(self, value: object = None) -> None:
        """Answer its `hear()`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value).encode() + b"\n")
        self.process.stdin.flush()

    def errors(self) -> str:
        """Return what it wrote to its standard error until its end."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode(errors="replace")

    def end(self, timeout: float = 20.0) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(timeout)

    def kill(self) -> None:
        """Kill it with SIGKILL and reap it."""
        self.process.kill()
        self.process.wait()

    def left(self) -> list[int]:
        """Return the living processes with its mark, besides itself."""
        return [pid for pid in marked(self.mark) if pid != self.process.pid]


_PRELUDE = """
import json, logging, os, signal, subprocess, sys, threading, time
from supervision import *
from supervision.process import application
from supervision.process.application import shutdown
from supervision.testing import capture_events, wait_until
from tests.faults.actors import *
from tests.faults.helpers import answering_pid, zygote_pid, zygote_of, spare_pids, states, outcome_of

def say(value):
    os.write(1, json.dumps(value).encode() + b"\\n")

def hear():
    return json.loads(sys.stdin.readline())

"""


def marked(mark: str) -> list[int]:
    """Return the living processes whose environment holds the mark."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def alive(pid: int) -> bool:
    """Tell whether a process lives; one that is dead and not reaped does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    return False


def state_of(pid: int) -> str:
    """Return the letter of a process' state."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    return ""


def states(pids: list[int]) -> str:
    """Return the letters of the states of processes."""
    return "".join(map(state_of, pids))


def zygote_of(app: Any) -> Any:
    """Return the zygote at work, None while there is none."""
    return app._ask_loop(lambda: app.launcher._zygote)


def zygote_pid() -> int:
    """Return the pid of the zygote at work, which is ready."""
    app = application.application()

    def pid() -> int | None:
        found = zygote_of(app)
        return found.pid if found is not None and found.was_ready else None

    return wait_until(pid)  # type: ignore[return-value]


def spare_pids() -> list[int]:
    """Return the pids of the spares that wait."""
    app = application.application()
    return app._ask_loop(lambda: [spare.process.pid for spare in app.launcher._ready])  # type: ignore[attr-defined, no-any-return]


def answering_pid(ref: Ref, *, other_than: int = 0) -> int:
    """Return the pid from which a ref that follows restarts is answered, once it is another one."""

    def pid() -> int | None:
        try:
            found: int = ref.ask(("pid",), timeout=20)
        except ActorDown:
            return None
        return found if found != other_than else None

    return wait_until(pid, timeout=20)  # type: ignore[return-value]


def outcome_of(call: Callable[[], Any], timeout: float = 5.0) -> str:
    """Return what a call returns or raises, by name; `hangs` when it does neither in time."""
    import threading

    told: list[str] = []

    def run() -> None:
        try:
            told.append(repr(call()))
        except BaseException as error:
            told.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    return told[0] if told else "hangs"


def own_descriptors() -> set[int]:
    """Return the open descriptors of this process."""
    return {int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}


@contextmanager
def tree_of(*children: Any, **flags: Any) -> Iterator[Any]:
    """Run a supervisor with these children during the block."""
    tree = Supervisor.start(list(children), **{"intensity": 1000, "period": 5, **flags})
    try:
        yield tree
    finally:
        tree.stop(timeout=30)
