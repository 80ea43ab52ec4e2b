"""Identities and times of BeamLens' values."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import UTC, datetime

__all__ = ["new_id", "new_trace_id", "node_name", "now"]


def new_id() -> str:
    """Return an id for a snapshot, notification or insight: 8 random bytes, 16 lower-case hex characters."""
    return secrets.token_hex(8)


def new_trace_id() -> str:
    """Return an id for a run: 16 random bytes, 32 lower-case hex characters (the form of a W3C trace id)."""
    return secrets.token_hex(16)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def node_name(pid: int | None = None) -> str:
    """Name a process among those of several hosts: `host:pid`; this process unless `pid` says another."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"
