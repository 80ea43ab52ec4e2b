"""Have the fork server keep the sockets of the children that it has forked, so that the next ones inherit them."""

import os
import socket

from supervision.process.zygote import Zygote


def _fork(self: Zygote, *, rehearsed: bool) -> bool:
    ours, theirs = socket.socketpair()
    self._fork_with(ours, theirs, rehearsed)
    os.dup(theirs.fileno())
    ours.close()
    theirs.close()
    return True


assert hasattr(Zygote, "_fork"), "what this switches off has another name now"
Zygote._fork = _fork  # type: ignore[method-assign]
