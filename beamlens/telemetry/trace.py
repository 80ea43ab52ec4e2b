"""Ids of runs."""

from __future__ import annotations

import os

__all__ = ["generate_trace_id"]


def generate_trace_id() -> str:
    """Return an id for a run: 16 random bytes, 32 lower-case hex characters (the form of a W3C trace id)."""
    return os.urandom(16).hex()
