"""Have the fork server take any error of a fork for its own."""

import socket

from supervision.process.zygote import Zygote


def _fork(self: Zygote, *, rehearsed: bool) -> bool:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        self._fork_with(ours, theirs, rehearsed)
    return True


Zygote._fork = _fork  # type: ignore[method-assign]
