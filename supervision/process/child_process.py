"""One process of ours as the application sees it, from its fork to its end."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Protocol

from supervision.errors import ActorDown, ProtocolError
from supervision.exits import KILLED, ExitReason, crash, from_status
from supervision.process.channel import Channel
from supervision.process.loop import Loop, Timer
from supervision.process.poller import READ_ONCE
from supervision.process.protocol import GOODBYE, READY
from supervision.process.wire import Codec
from supervision.reports import report_event, report_log

__all__ = ["ChildProcess", "Owner"]

_STATUS_SECONDS = 1.0
_LEAVE_SECONDS = 5.0  # an actor that is over must not live on as a process, for a thread that it left running
_UNKILLABLE_SECONDS = 10.0  # the kernel may take this long to end a process that was killed
_PROCESS_GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP, <linux/pidfd.h>; the standard library does not name it


class Owner(Protocol):
    """Hear of a process. Loop thread."""

    def on_frame(self, content: list[object]) -> None:
        """Take a frame that is not a reply."""

    def on_dead(self) -> bool:
        """Hear that the process died, unasked, of a reason that is yet to be known; `on_gone` follows.

        Return whether a replacement takes messages already.
        """

    def on_gone(self, reason: ExitReason) -> None:
        """Hear that the process is gone, and why; every frame it sent was delivered before."""


class ChildProcess:
    """Hold the pid, the pidfd and the channel of a process. Loop thread only, but for the channel's sends.

    Death is the kernel's word, by pidfd. The precise reason is what the process said last; what it could
    not say comes from its exit status, which its parent, the fork server, reports.

    Args:
        loop: the loop of the application.
        codec: for its channel.
        sock: our end of its socketpair.
        pid: its process id.
        pidfd: a descriptor for it; None where the platform has none: then `sentinel` or `tell_status` is the notice.
        outbox_bytes: how much may wait to be written to it.
        owner: who hears of it first; changed by assignment.
        sentinel: a descriptor that becomes readable at its death, in place of a pidfd.
        reap: called once it is dead; has its parent reap it, which then tells its status.
    """

    def __init__(
        self,
        loop: Loop,
        codec: Codec,
        sock: socket.socket,
        pid: int,
        pidfd: int | None,
        outbox_bytes: int,
        owner: Owner,
        sentinel: int | None = None,
        *,
        reap: Callable[[ChildProcess], None],
    ) -> None:
        self.pid = pid
        self.owner = owner
        self.stacks_fd: int | None = None  # the number that its stack file has in that process
        self._loop = loop
        self._pidfd = pidfd
        self._sentinel = sentinel
        self._reap = reap
        self._status: int | None = None
        self._said: ExitReason | None = None
        self._dead = False
        self._expected = False
        self._replaced = False
        self._leaving: Timer | None = None
        self._deadline: Timer | None = None
        self._killed: Timer | None = None
        self._reaped = False
        self._gone = False
        self.channel = Channel(sock, loop, codec, self._on_frame, self._on_broken, outbox_bytes)
        self.channel.open()
        notice = pidfd if pidfd is not None else sentinel
        if notice is not None:
            loop.watch(notice, READ_ONCE, self._on_death)

    # -- what it says -------------------------------------------------------------------------

    def _on_frame(self, content: list[object]) -> None:
        kind = content[0]
        if kind == GOODBYE:
            if len(content) != 2 or not isinstance(content[1], ExitReason):
                raise ProtocolError("a goodbye must hold an exit reason")
            self._said = content[1]
            if not self._expected and self._leaving is None:
                self._leaving = self._loop.call_later(_LEAVE_SECONDS, self.kill)
            return
        if kind == READY:
            self.stacks_fd = content[1] if len(content) == 2 and isinstance(content[1], int) else None
        self.owner.on_frame(content)

    def _on_broken(self, error: ProtocolError) -> None:
        if not self._dead:
            self._said = crash(("protocol_error", str(error)))
            self.kill()

    # -- its end ------------------------------------------------------------------------------

    def signal(self, number: int) -> None:
        """Send a signal, to this process and no other: a recycled pid is never hit."""
        if self._dead:
            return
        try:
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, number)
            else:
                os.kill(self.pid, number)  # its parent has not told that it was reaped: the pid is its own
        except ProcessLookupError:
            return  # it ended by itself; the notice is on its way
        except PermissionError as error:
            report_log(logging.ERROR, "process %s may not be signalled: %s", self.pid, error)

    def kill(self) -> None:
        """End it now, whatever it does; one that does not end is given up for dead after a while."""
        self.expect_end()
        self.signal(signal.SIGKILL)
        if self._killed is None and not self._dead:
            self._killed = self._loop.call_later(_UNKILLABLE_SECONDS, self._abandon)

    def _abandon(self) -> None:
        """Go on without its death: it waits in the kernel, in a state (D) in which no signal reaches it.

        Its program will not run on, so a replacement never meets it. What is held for it stays until it is dead.
        """
        if self._dead:
            return
        text = "process %s has not ended %s s after SIGKILL; supervision goes on without it"
        report_log(logging.ERROR, text, self.pid, _UNKILLABLE_SECONDS)
        report_event("child", "abandoned", {}, {"pid": self.pid})
        self._said = self._said or KILLED
        self._finish()

    def expect_end(self) -> None:
        """Hear that its end is wanted: then it is told once nothing is left of the process, not even a zombie."""
        self._expected = True

    def say(self, reason: ExitReason) -> None:
        """Give the reason of an end that we bring about ourselves."""
        self._said = reason

    def tell_status(self, code: int | None) -> None:
        """Take its exit code, as `subprocess` counts it, now that it is reaped; None when nobody knows it."""
        self._reaped = True
        if code is not None:
            self._status = code
        if self._pidfd is None and self._sentinel is None and code is not None and not self._dead:
            self._dead = True
            self.channel.drain()
        if self._dead:
            self._finish()

    def _on_death(self, _ready: int) -> None:
        # Each system call on the way to the replacement gives other threads the interpreter: few of them.
        self._dead = True
        self._kill_group()
        self._replaced = not self._expected and self.owner.on_dead()
        self.channel.drain()
        if self._said is None and not self._reaped:
            self._status = _zombies_code(self.pid)
        if self._reaped or not (self._expected or (self._said is None and not self._status)):
            self._finish()  # an end that nobody expected: its replacement does not wait for the reaper
        if self._gone:
            self._loop.call_soon_after(self._clean_up)
        else:
            self._clean_up()

    def _clean_up(self) -> None:
        self._close_notices()
        if not self._reaped:
            if not self._gone:
                self._deadline = self._loop.call_later(_STATUS_SECONDS, self._finish)
            self._reap(self)

    def _kill_group(self) -> None:
        try:
            if not self._reaped:
                os.killpg(self.pid, signal.SIGKILL)  # its own number: its parent reaps it only when told to
            elif self._pidfd is not None:
                # Its zygote is gone and anybody may have reaped it; the pidfd still means its group (Linux 6.9).
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL, None, _PROCESS_GROUP)
        except OSError:
            return  # nobody is left in it, or the kernel is older

    def _close_notices(self) -> None:
        for fd in (self._pidfd, self._sentinel):
            if fd is not None:
                self._loop.unwatch(fd)
                os.close(fd)
        self._pidfd = self._sentinel = None

    def _finish(self) -> None:
        if self._gone:
            return
        self._gone = True
        for timer in (self._leaving, self._deadline, self._killed):
            if timer is not None:
                timer.cancel()  # else it would keep all of this in memory until it is due
        reason = self._said or self._reason_of_status()
        down = ActorDown(f"the actor's process {self.pid} ended: {reason}", reason)
        if self._replaced:
            self.channel.fail(down)  # who waits for an answer may ask the replacement already
            self.owner.on_gone(reason)
        else:
            self.owner.on_gone(reason)
            self.channel.fail(down)
        self._loop.call_soon_after(self.channel.close)

    def _reason_of_status(self) -> ExitReason:
        if self._status is None:
            return crash(("exit_status", "unknown"), "nobody could tell how the process ended")
        return from_status(self._status)

    @property
    def gone(self) -> bool:
        """Tell whether the process is known to be dead."""
        return self._dead

    def descriptors(self) -> set[int]:
        """Return the descriptors that are held for this process."""
        return {fd for fd in (self.channel.fileno(), self._pidfd, self._sentinel) if fd is not None}

    def discard(self) -> None:
        """Close our descriptors in a forked copy of the application."""
        self.channel.discard()
        for fd in (self._pidfd, self._sentinel):
            if fd is not None:
                os.close(fd)


def _zombies_code(pid: int) -> int | None:
    """Return the exit code of a process that is dead and not reaped, as `subprocess` counts it; None if not told.

    The 52nd field of /proc/PID/stat, man 5 proc. It reads as 0 also where the kernel keeps it to itself.
    """
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.waitstatus_to_exitcode(int(os.read(file, 4096).rsplit(b" ", 1)[1]))
    except (OSError, ValueError, IndexError):
        return None
    finally:
        os.close(file)
