"""The launcher for everywhere: a new interpreter for each actor, by multiprocessing's spawn.

Slower by far than forking (a new interpreter, all imports), and with the same behaviour. Only creation
differs: from the child's socket on, everything is what it is with the zygote.
"""

from __future__ import annotations

import atexit
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

from supervision.exits import ExitReason
from supervision.process.child_process import ChildProcess
from supervision.process.launcher import Request
from supervision.process.loop import Loop
from supervision.process.protocol import READY
from supervision.process.settings import Settings

__all__ = ["SpawnLauncher"]


class _Waiting:
    """Own a process until it is promoted."""

    def __init__(self, launcher: SpawnLauncher, request: Request) -> None:
        self._launcher = launcher
        self.request = request
        self.process: ChildProcess | None = None

    def on_frame(self, content: list[object]) -> None:
        if content[0] == READY:
            self._launcher.ready(self)

    def on_dead(self) -> bool:
        """Wait for `on_gone`, which has the reason."""
        return False

    def on_gone(self, reason: ExitReason) -> None:
        self._launcher.gone(self, reason)


class SpawnLauncher:
    """Spawn a process for each request. Loop thread only; the spawning itself is done by a thread of its own.

    Args:
        loop: the application's loop.
        settings: limits and the lifeline.
    """

    def __init__(self, loop: Loop, settings: Settings) -> None:
        self._loop = loop
        self._settings = settings
        self._waiting: set[_Waiting] = set()
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def request(self, request: Request) -> None:
        """Answer the request when a new process is ready."""
        waiting = _Waiting(self, request)
        self._waiting.add(waiting)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="supervision-spawn", daemon=True)
            self._thread.start()
        self._orders.put(lambda: self._spawn(waiting))

    def reserve(self, count: int) -> None:
        """Ignore it: nothing is made ahead of need here."""

    def expect(self, count: int, modules: set[str]) -> None:
        """Ignore it: nothing is made ahead of need here."""

    def learn(self, module: str) -> None:
        """Ignore it: each new interpreter imports what it needs."""

    def stop(self) -> None:
        """End what is not promoted yet."""
        self._stopped = True
        for waiting in list(self._waiting):
            if waiting.process is not None:
                waiting.process.kill()
        if self._thread is not None:
            self._orders.put(None)
            self._thread = None

    def pids(self) -> list[int]:
        """Return the processes that are no actors yet."""
        return [waiting.process.pid for waiting in self._waiting if waiting.process is not None]

    def descriptors(self) -> set[int]:
        """Return the descriptors that are held for the processes of `pids`."""
        held = [waiting.process.descriptors() for waiting in self._waiting if waiting.process is not None]
        return set().union(*held)

    def discard(self) -> None:
        """Close our descriptors in a forked copy of the application."""
        for waiting in self._waiting:
            if waiting.process is not None:
                waiting.process.discard()

    # -- loop thread ----------------------------------------------------------------------------

    def ready(self, waiting: _Waiting) -> None:
        """Hear that a process waits for its promotion."""
        self._waiting.discard(waiting)
        assert waiting.process is not None
        if waiting.request.cancelled or self._stopped:
            waiting.process.kill()
        else:
            waiting.request.taken(waiting.process)

    def gone(self, waiting: _Waiting, reason: ExitReason) -> None:
        """Hear that a process died before it was ready."""
        if waiting in self._waiting:
            self._waiting.discard(waiting)
            waiting.request.failed(f"the spawned process ended before it was ready: {reason}")

    def _take(self, waiting: _Waiting, sock: socket.socket, process: Any) -> None:
        pidfd = _pidfd(process.pid)
        try:
            sentinel = None if pidfd is not None else os.dup(process.sentinel)
        except OSError as error:
            sock.close()
            process.kill()
            _reap(process)
            self._failed(waiting, f"spawn: {error}")
            return
        waiting.process = ChildProcess(
            self._loop,
            self._settings.codec,
            sock,
            process.pid,
            pidfd,
            self._settings.outbox_bytes,
            waiting,
            sentinel=sentinel,
            reap=lambda child: self._reap(child, process),
        )

    def _reap(self, child: ChildProcess, process: Any) -> None:
        if self._thread is None:
            child.tell_status(_reap(process))
        else:  # not here: multiprocessing also reaps when it starts one, and the two must not meet
            self._orders.put(lambda: self._loop.call_soon(child.tell_status, _reap(process)))

    def _failed(self, waiting: _Waiting, why: str) -> None:
        self._waiting.discard(waiting)
        waiting.request.failed(why)

    # -- the spawning thread --------------------------------------------------------------------

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            order()

    def _spawn(self, waiting: _Waiting) -> None:
        try:
            sock, process = _start_process(self._settings)
        except Exception as error:
            self._loop.call_soon(self._failed, waiting, f"spawn: {error}")
        else:
            self._loop.call_soon(self._take, waiting, sock, process)


def _start_process(settings: Settings) -> tuple[socket.socket, Any]:
    # Here and not above: most programs fork, and multiprocessing is large.
    import multiprocessing
    from multiprocessing.connection import Connection

    from supervision.process import application, host

    # Ours must run before multiprocessing's, which would wait for actors that nobody has stopped.
    atexit.unregister(application.shutdown)
    atexit.register(application.shutdown)
    ours, theirs = socket.socketpair()
    life = Connection(os.dup(settings.lifeline), writable=False)
    limits = (settings.limits.frame_bytes, settings.limits.depth)
    try:
        process = multiprocessing.get_context("spawn").Process(
            target=host.run_spawned,
            args=(theirs, life, {"limits": limits, "rehearse": False, "withheld_env": list(settings.withheld_env)}),
            name="supervision",
        )
        process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        life.close()
    return ours, process


def _reap(process: Any) -> int | None:
    process.join()
    code: int | None = process.exitcode
    if code is not None:  # else it was reaped by another part of the program, which multiprocessing cannot tell
        process.close()
    return code


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
