"""Start and stop the process that forks sandboxes: one for a whole tree of operators."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final

from beamlens.errors import BeamlensError
from beamlens.sandbox.directory import SOCKET, create, remove
from beamlens.sandbox.levels import EXEC_ADDRESS, can_fork

__all__ = ["SandboxServer", "SandboxStartError", "interpreter_command", "search_path"]

_READY_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 2.0
_BACKLOG: Final = 128
_CODE: Final = (
    "import sys; end = sys.argv.index('--'); sys.path += sys.argv[1:end]; del sys.argv[1 : end + 1]; "
    "from beamlens.sandbox.{module} import main; main()"
)


class SandboxStartError(BeamlensError):
    """The sandbox server did not come up; the text says why."""


class SandboxServer:
    """Hold the fork server of the sandboxes. Any thread; not for a forked copy of this process.

        with SandboxServer.start() as server:
            print(Sandbox(server.address).evaluate("return 1 + 1").value)

    It lives as long as this process, or until `stop`. Where there is no safe fork, there is no process either,
    and each session starts an interpreter of its own.
    """

    def __init__(self, address: str, directory: Path | None, lock: int | None) -> None:
        self.address = address
        """What `Sandbox` is given, in this process or in another one of the same user."""
        self._directory = directory
        self._lock = lock
        self._owner = os.getpid()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @classmethod
    def start(
        cls, *, directory: Path | None = None, most_children: int = 64, child_seconds: float = 86_400.0
    ) -> SandboxServer:
        """Start one and wait until it can fork: about a tenth of a second.

        Args:
            directory: where to make the private directory of its socket; None for the usual place.
            most_children: how many sessions there may be at a time; more are refused.
            child_seconds: the longest life of a session's process, whatever its host does.

        Raises:
            SandboxStartError: it did not come up; the text says why.
            ConfigurationError: the directory is not fit for a socket.
        """
        if not can_fork():
            return cls(EXEC_ADDRESS, None, None)
        made, lock = create(directory)
        server = cls(str(made / SOCKET), made, lock)
        try:
            server._begin(most_children, child_seconds)
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def pid(self) -> int | None:
        """The process id of the fork server; None where there is none."""
        return None if self._process is None else self._process.pid

    def is_alive(self) -> bool:
        """Tell whether sandboxes can be had of it."""
        if self._directory is None:
            return True
        with self._guard:
            return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it, with all sandboxes, and remove its directory. Again, or in a forked copy, does nothing."""
        if os.getpid() != self._owner:
            return
        with self._guard:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                self._end(self._process)
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
            if self._directory is not None:
                remove(self._directory)

    def __enter__(self) -> SandboxServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _begin(self, most_children: int, child_seconds: float) -> None:
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listener.bind(self.address)
            os.chmod(self.address, 0o600)
            listener.listen(_BACKLOG)
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.enter_context(theirs)
            assert self._lock is not None
            descriptors = (listener.fileno(), theirs.fileno(), self._lock)
            arguments = [str(descriptors[0]), str(descriptors[1]), str(most_children), str(child_seconds)]
            arguments.append(str(self._directory))
            try:
                self._process = subprocess.Popen(
                    [*interpreter_command("zygote"), *arguments],
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=theirs.fileno(),
                    pass_fds=descriptors,
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxStartError(f"the sandbox server could not be started: {error}") from error
        self._await_ready()

    def _await_ready(self) -> None:
        assert self._control is not None
        self._control.settimeout(_READY_SECONDS)
        said: list[str] = []
        try:
            while (word := self._control.recv(1 << 16)) and word != b"ready":
                said.append(word.decode("utf-8", "replace"))
        except TimeoutError:
            said.append(f"it was not ready after {_READY_SECONDS:g} seconds")
            word = b""
        if not word:
            raise SandboxStartError(
                f"the sandbox server ended before it was ready: {''.join(said)[-2000:] or 'no word'}"
            )

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def interpreter_command(module: str) -> list[str]:
    """Return the command of a clean interpreter that runs `main` of a module of this package."""
    return [sys.executable, "-I", "-S", "-B", "-c", _CODE.format(module=module), *search_path(), "--"]


def search_path() -> list[str]:
    """Return the directories that the package and what it runs on are imported from."""
    found = [str(Path(__file__).resolve().parent.parent.parent)]
    for name in ("lupa", "msgpack"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SandboxStartError(f"the package {name!r} is not installed; pip install {name}")
        home = str(Path(spec.origin).parent.parent)
        if home not in found:
            found.append(home)
    return found
