"""One zygote as the launcher sees it: exec'd, told what to import, asked to fork."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgpack

from supervision.process.child_process import ChildProcess
from supervision.process.loop import Loop
from supervision.process.poller import READ
from supervision.process.settings import Settings

if TYPE_CHECKING:
    from supervision.process.zygote_launcher import ZygoteLauncher

__all__ = ["Surroundings", "ZygoteProcess", "home_of_packages"]

# The application's own path, before anything is imported: a file of the working directory must not come first.
_CODE = "import sys; sys.path[:] = sys.argv[3:]; from supervision.process.zygote import main; main(sys.argv[1:3])"
_MESSAGE = 1 << 16


def home_of_packages() -> str:
    """Return the directory that holds the package, so that the new interpreter finds it."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ZygoteProcess:
    """Start one and speak with it. Loop thread only.

    Args:
        loop: the application's loop.
        settings: limits, lifeline, preloaded modules.
        learned: further modules to import.
        surroundings: the same for each zygote, so that a replaced one makes no difference to actors.
        generation: counts the zygotes of this launcher.
        launcher: hears what happens.
    """

    def __init__(
        self,
        loop: Loop,
        settings: Settings,
        learned: list[str],
        surroundings: Surroundings,
        generation: int,
        launcher: ZygoteLauncher,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self.learned = learned
        self.generation = generation
        self._launcher = launcher
        self.was_ready = False
        self._children: dict[int, ChildProcess] = {}
        self._closed = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = _execute(theirs, settings, surroundings)
        finally:
            theirs.close()
        self.pid = self._process.pid
        self._control.setblocking(False)
        self._fd = self._control.fileno()
        loop.watch(self._fd, READ, self._on_ready)
        self._send(
            {
                "sys_path": _path(),
                "argv": sys.argv,
                "preload": [*settings.preload, *learned],
                "limits": [settings.limits.frame_bytes, settings.limits.depth],
                "rehearse": settings.rehearse,
            }
        )

    def order(self, count: int, *, rehearsed: bool) -> None:
        """Ask for `count` forks; those that are wanted at once need not rehearse."""
        self._send({"fork": count, "rehearsed": rehearsed})

    def retire(self) -> None:
        """Let it go once its children are gone; it forks no more."""
        self._send({"fork": 0, "retire": True})

    def stop(self) -> None:
        """End it, and every process that it forked, with their offspring."""
        if not self._closed:
            self._control.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End it at once; the processes that it forked live on."""
        self._process.kill()

    def fileno(self) -> int:
        """Return the descriptor of the control socket; -1 once it is closed."""
        return self._control.fileno()

    @property
    def reaped(self) -> bool:
        """Tell whether the process has ended; its last deed is to end what it forked."""
        return self._process.poll() is not None

    def discard(self) -> None:
        """Close the descriptor in a forked copy of the application."""
        self._control.close()

    # -- the control socket -------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(msgpack.packb(message))
        except OSError:
            return  # it is gone: its end is heard as the end of the stream

    def _on_ready(self, _ready: int) -> None:
        while not self._closed:
            try:
                data, descriptors = _receive(self._control)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._end()
                return
            self._handle(msgpack.unpackb(data), descriptors)

    def _handle(self, message: dict[str, Any], descriptors: list[int]) -> None:
        kind = message["kind"]
        if kind == "forked":
            if len(descriptors) == message["descriptors"]:
                self._take(message["pid"], descriptors)
            else:
                self._lose(message["pid"], descriptors)
        elif kind == "exited":
            child = self._children.pop(message["pid"], None)
            if child is not None:
                child.tell_status(message["code"])
        elif kind == "refused":
            self._launcher.refused(self, message["why"])
        elif kind == "ready":
            self.was_ready = True
            self._launcher.zygote_ready(self, message["threads"], message["failed"])

    def _take(self, pid: int, descriptors: list[int]) -> None:
        spare = self._launcher.new_spare(self)
        sock = socket.socket(fileno=descriptors[0])
        pidfd = descriptors[1] if len(descriptors) > 1 else None
        settings = self._settings
        child = ChildProcess(
            self._loop, settings.codec, sock, pid, pidfd, settings.outbox_bytes, spare, reap=self._have_reaped
        )
        self._children[pid] = child
        self._launcher.forked(self, child, spare)

    def _lose(self, pid: int, descriptors: list[int]) -> None:
        # The kernel had no number left for what came with the message; the child finds its socket closed, and ends.
        for fd in descriptors:
            os.close(fd)
        self._send({"fork": 0, "reap": pid})
        self._launcher.lost(self)

    def _have_reaped(self, child: ChildProcess) -> None:
        if self._closed:
            child.tell_status(None)
        else:
            self._send({"fork": 0, "reap": child.pid})

    def _end(self) -> None:
        self._closed = True
        self._loop.unwatch(self._fd)
        self._control.close()
        self._reap(100)
        for child in list(self._children.values()):
            child.tell_status(None)
        self._launcher.zygote_gone(self)

    def _reap(self, tries: int) -> None:
        # It closes its socket a moment before it ends; waiting for that would stop the loop.
        if self._process.poll() is None and tries:
            self._loop.call_later(0.01, lambda: self._reap(tries - 1))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Hold what actors find around them.

    Args:
        environment: the variables.
        directory: the working directory.
    """

    environment: dict[str, str]
    directory: str

    @staticmethod
    def of_this_moment() -> Surroundings:
        """Return those of the application now."""
        try:
            directory = os.getcwd()
        except FileNotFoundError:
            directory = os.sep
        return Surroundings(dict(os.environ), directory)


def _execute(control: socket.socket, settings: Settings, surroundings: Surroundings) -> subprocess.Popen[bytes]:
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    lifeline, directory = settings.lifeline, surroundings.directory
    return subprocess.Popen(
        [sys.executable, *flags, "-c", _CODE, str(control.fileno()), str(lifeline), *_path(), home_of_packages()],
        env={name: value for name, value in surroundings.environment.items() if name not in settings.withheld_env},
        cwd=directory if os.path.isdir(directory) else os.sep,  # Python 3.13.0 does not start where nothing is
        stdin=subprocess.DEVNULL,
        pass_fds=(control.fileno(), lifeline),
        start_new_session=True,
    )


def _path() -> list[str]:
    """Return where this process finds modules; its working directory, which "" means, by its name."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        here = ""
    return [entry or here for entry in sys.path if isinstance(entry, str) and (entry or here)]


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """Receive one message and its descriptors, which are closed on exec."""
    size = array.array("i").itemsize
    data, extra, _, _ = control.recvmsg(_MESSAGE, socket.CMSG_SPACE(4 * size), socket.MSG_CMSG_CLOEXEC)
    numbers = array.array("i")
    for level, kind, content in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(content[: len(content) - len(content) % size])
    return data, list(numbers)
