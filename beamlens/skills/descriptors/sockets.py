"""What a process' sockets are connected to, and their states: from /proc/PID/net."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Queues", "Sockets", "decoded_address", "read_sockets"]

# Source: include/net/tcp_states.h of the Linux kernel.
_STATES: Final = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
    "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING",
}  # fmt: skip
_TABLES: Final = ("tcp", "tcp6", "udp", "udp6")
_MOST_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Queues:
    """Hold the bytes in a socket that are not sent or not read yet; `unread` of a listening one is connections."""

    unsent: int = 0
    unread: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    protocol: str
    local: tuple[str, int]
    remote: tuple[str, int]
    state: str
    queues: Queues = Queues()


@dataclass(frozen=True, slots=True)
class Sockets:
    """Hold the sockets of a network namespace by inode."""

    rows: dict[str, _Row] = field(default_factory=dict)
    listening: frozenset[int] = frozenset()

    def state(self, inode: str) -> str | None:
        """Return the state of a TCP socket; None for all others."""
        row = self.rows.get(inode)
        return row.state if row is not None and row.protocol == "tcp" else None

    def queues(self, inode: str) -> Queues | None:
        """Return what waits in a socket; None where that is not known."""
        row = self.rows.get(inode)
        return row.queues if row is not None else None

    def describe(self, inode: str) -> str:
        """Say what a socket is connected to: `tcp to 10.0.0.5:5432`, `tcp accepted on :8000`, `tcp listening`."""
        row = self.rows.get(inode)
        if row is None:
            return "unix or other"
        if row.state == "LISTEN":
            return f"{row.protocol} listening on :{row.local[1]}"
        closing = " CLOSE_WAIT" if row.state == "CLOSE_WAIT" else ""
        if row.local[1] in self.listening:
            return f"{row.protocol} accepted on :{row.local[1]}{closing}"
        return f"{row.protocol} to {row.remote[0]}:{row.remote[1]}{closing}"


def read_sockets(pid: int) -> Sockets:
    """Return the sockets of the network namespace that a process is in; none where there is no /proc.

    Args:
        pid: of the process.
    """
    rows = {inode: row for table in _TABLES for inode, row in _rows(pid, table)}
    return Sockets(rows, frozenset(row.local[1] for row in rows.values() if row.state == "LISTEN"))


def decoded_address(text: str) -> tuple[str, int]:
    """Return host and port of `0100007F:1F90`, as the kernel writes addresses: words in the machine's byte order.

    Args:
        text: of the file.
    """
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)


def _rows(pid: int, table: str) -> Iterator[tuple[str, _Row]]:
    try:
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
            lines = file.readlines(_MOST_ROWS * 150)[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[9] != "0":
            protocol = table.removesuffix("6")
            state = _STATES.get(fields[3], fields[3]) if protocol == "tcp" else "-"
            local, remote = decoded_address(fields[1]), decoded_address(fields[2])
            yield fields[9], _Row(protocol, local, remote, state, _queues(fields[4]))


def _queues(text: str) -> Queues:
    """Return what `00000000:0000001E` says: unsent and unread, in hexadecimal digits."""
    unsent, _, unread = text.partition(":")
    return Queues(int(unsent, 16), int(unread, 16))
