"""Nobody outlives the application: a pipe whose write end only the application holds.

When the application is gone, however it went, the pipe hangs up. Each process of ours has asked the
kernel to turn that into SIGKILL for itself (O_ASYNC with F_SETSIG), so that a process that is stopped,
or busy in C, dies as well. The request belongs to an open file description, so each process opens the
pipe anew through /proc. PR_SET_PDEATHSIG would not do: it names the process that forked, which is the
zygote, and fires when the thread that forked ends.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading

__all__ = ["arm", "hung_up"]

_F_SETSIG = 10  # <fcntl.h>, Linux; the standard library does not name it


def arm(lifeline: int) -> int:
    """Bind this process' life to the pipe; return the descriptor to keep open.

    Args:
        lifeline: the read end, as inherited.

    Exits at once when the application is gone already. Where the kernel cannot do it (not Linux), a
    daemon thread reads the pipe; that does not end a stopped process.

    Raises:
        OSError: no descriptor was left; a process that is not bound must not live.
    """
    try:
        own = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        threading.Thread(target=_watch, args=(lifeline,), name="supervision-lifeline", daemon=True).start()
        return lifeline
    fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(own, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    os.close(lifeline)
    if hung_up(own):  # it went before the kernel was asked
        os._exit(1)
    return own


def hung_up(lifeline: int) -> bool:
    """Tell whether the application is gone."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    return bool(poll.poll(0))


def _watch(lifeline: int) -> None:
    while os.read(lifeline, 1):
        continue
    os._exit(1)
