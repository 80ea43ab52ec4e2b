"""Have the kernel refuse to fork, from one SIGUSR2 to the next."""

import errno
import os
import signal

_fork = os.fork
_failing = False


def _toggle(_number: int, _frame: object) -> None:
    global _failing
    _failing = not _failing


def _refuse() -> int:
    if _failing:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()


os.fork = _refuse
signal.signal(signal.SIGUSR2, _toggle)
