"""The fork server: a small process, exec'd, single-threaded, its garbage collector frozen.

It imports what actors need, then does nothing but fork when told, and reap. It is the parent of all
actors, so that the application's own SIGCHLD handling and waitpid(-1) never meet them. It holds the
control socket, the lifeline and standard streams, and refuses to fork when it finds another thread or
another descriptor: what the child would inherit of those is a deadlock or a leak.

Run as `python -m supervision.process.zygote CONTROL LIFELINE`, by the launcher alone.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any

import msgpack

from supervision.process import host
from supervision.process.orders import SCRIPT
from supervision.process.wire import Codec

__all__ = ["main"]

_MESSAGE = 1 << 20


class Zygote:
    """Fork on request, report every death.

    Args:
        control: a SEQPACKET socket to the application.
        life: the read end of the application's lifeline.
    """

    def __init__(self, control: socket.socket, life: int) -> None:
        self._control = control
        self._life = life
        self._children: set[int] = set()
        self._settings: dict[str, Any] = {}
        self._codec = Codec()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._known: set[int] = set()
        self._retired = False
        self._pidfds = False

    def run(self) -> None:
        """Serve until the application is gone; then end what is left."""
        self._prepare()
        self._pidfds = self._has_pidfds()
        if not self._pidfds:
            signal.signal(signal.SIGCHLD, lambda *_: None)
            signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._known = _open_descriptors()
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while self._turn(poll):
            continue
        self._end_all()

    def _turn(self, poll: select.poll) -> bool:
        ready = dict(poll.poll())
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            self._reap_all()
        if self._retired and not self._children:
            return False
        return self._control.fileno() not in ready or self._serve()

    # -- preparing ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        data = self._control.recv(_MESSAGE)
        self._settings = msgpack.unpackb(data)
        sys.path[:] = self._settings["sys_path"]
        sys.argv[:] = self._settings["argv"]
        failed = {}
        for name in self._settings["preload"]:
            try:
                if name.startswith(SCRIPT):
                    host.load_script(name.removeprefix(SCRIPT))
                else:
                    importlib.import_module(name)
            except BaseException:
                failed[name] = traceback.format_exc(limit=-3)
        self._codec = host.prepare(self._settings)
        threads = _threads()
        gc.collect()
        gc.freeze()
        self._send({"kind": "ready", "failed": failed, "threads": threads})

    # -- forking ------------------------------------------------------------------------------

    def _serve(self) -> bool:
        try:
            data = self._control.recv(_MESSAGE)
        except ConnectionError:
            return False
        if not data:
            return False
        message = msgpack.unpackb(data)
        self._retired = self._retired or bool(message.get("retire"))
        if "reap" in message:
            self._reap(message["reap"])
        for _ in range(message["fork"]):
            if not self._fork(rehearsed=message.get("rehearsed", True) and self._settings["rehearse"]):
                break
        return not self._retired or bool(self._children)

    def _fork(self, *, rehearsed: bool) -> bool:
        try:
            trouble = self._trouble()
            if trouble:
                self._send({"kind": "refused", "why": trouble})
                return False
            ours, theirs = socket.socketpair()
        except OSError as error:
            self._send({"kind": "refused", "why": f"no descriptor left: {error}"})
            return False
        try:
            self._fork_with(ours, theirs, rehearsed)
        except OSError as error:
            self._send({"kind": "refused", "why": f"fork: {error}"})
            return False
        finally:
            ours.close()
            theirs.close()
        return True

    def _fork_with(self, ours: socket.socket, theirs: socket.socket, rehearsed: bool) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_child(ours, theirs, rehearsed)
        self._children.add(pid)
        descriptors = [ours.fileno()]
        try:
            if self._pidfds:
                descriptors.append(os.pidfd_open(pid))
            told = {"kind": "forked", "pid": pid, "descriptors": len(descriptors)}
            socket.send_fds(self._control, [msgpack.packb(told)], descriptors)
        except OSError:
            os.kill(pid, signal.SIGKILL)  # nobody would hear of its death
            os.waitpid(pid, 0)
            self._children.discard(pid)
            raise
        finally:
            for pidfd in descriptors[1:]:
                os.close(pidfd)

    def _become_child(self, ours: socket.socket, theirs: socket.socket, rehearsed: bool) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._control.close()
            ours.close()
            code = host.run(theirs, self._life, self._codec, rehearsed=rehearsed)
        except SystemExit:
            code = 1  # a spare was asked to end
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _trouble(self) -> str:
        """Say what makes a fork unsafe, or nothing."""
        threads = _threads()
        if len(threads) > 1:
            return (
                f"the fork server has {len(threads)} threads ({', '.join(threads)}); a module it imported started one"
            )
        strange = _open_descriptors() - self._known
        if strange:
            named = ", ".join(f"{fd} -> {_target(fd)}" for fd in sorted(strange))
            return f"the fork server holds a descriptor it should not: {named}; a module it imported opened it"
        return ""

    # -- reaping ------------------------------------------------------------------------------

    def _has_pidfds(self) -> bool:
        """Tell whether the application hears of deaths itself; then it says when to reap."""
        pidfd = _pidfd(os.getpid())
        if pidfd is None:
            return False
        os.close(pidfd)
        return True

    def _reap(self, pid: int) -> None:
        if pid in self._children:
            _, status = os.waitpid(pid, 0)
            self._children.discard(pid)
            self._send({"kind": "exited", "pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def _reap_all(self) -> None:
        """Reap whoever is dead, where the application has no other notice of deaths."""
        while self._children:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return
            # While the dead leader is not reaped its number cannot be given to another group.
            _kill_group(found.si_pid)
            self._reap(found.si_pid)

    def _end_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)
        for pid in list(self._children):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _send(self, message: dict[str, object]) -> None:
        with contextlib.suppress(ConnectionError):
            self._control.send(msgpack.packb(message))


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None  # an old kernel or a strict sandbox: the report of the exit is the notice then


def _threads() -> list[str]:
    names = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/comm") as comm:
            names.append(comm.read().strip())
    return names


def _open_descriptors() -> set[int]:
    # The directory is open while it is listed; its own descriptor is the one that is gone afterwards.
    return {int(name) for name in os.listdir("/proc/self/fd") if _target(int(name))}


def _target(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def main(argv: list[str]) -> None:
    """Serve the application behind the two inherited descriptors."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # only the application ends this process
    with socket.socket(fileno=int(argv[0])) as control:
        Zygote(control, int(argv[1])).run()


if __name__ == "__main__":
    main(sys.argv[1:])
