"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

__all__ = ["is_own_user", "peer_uid"]

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid


def peer_uid(connection: socket.socket) -> int | None:
    """Return the user id of the process that connected, as the kernel noted it; None where it does not say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    except OSError:
        return None
    return int(_CREDENTIALS.unpack(found)[1])


def is_own_user(connection: socket.socket) -> bool:
    """Tell whether this process' user is at the other end.

    Where the system has no SO_PEERCRED, the directory that only this user can enter is what keeps others out.
    """
    uid = peer_uid(connection)
    return uid == os.geteuid() if uid is not None else not hasattr(socket, "SO_PEERCRED")
