"""What diagnostics might change in a process and must leave as it was."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import tracemalloc
from typing import Any, Final

__all__ = ["changes", "process_state"]

_OURS: Final = ("beamlens-watchdog",)  # ends a moment after the last skill that used it


def process_state() -> dict[str, Any]:
    """Return hooks, flags, levels and threads as they are now, by a name for people. Any thread."""
    root = logging.getLogger()
    return {
        "sys.excepthook": sys.excepthook,
        "sys.unraisablehook": sys.unraisablehook,
        "threading.excepthook": threading.excepthook,
        "sys.setprofile": sys.getprofile(),
        "sys.settrace": sys.gettrace(),
        "the switch interval": sys.getswitchinterval(),
        "the recursion limit": sys.getrecursionlimit(),
        "gc.enable": gc.isenabled(),
        "gc.set_threshold": gc.get_threshold(),
        "gc.set_debug": gc.get_debug(),
        "gc.callbacks": tuple(map(id, gc.callbacks)),
        "tracemalloc": tracemalloc.is_tracing(),
        "the root logger's level": root.level,
        "the root logger's handlers": tuple(map(id, root.handlers)),
        "logging.disable": logging.root.manager.disable,
        "signal handlers": tuple((number, signal.getsignal(number)) for number in sorted(signal.valid_signals())),
        "threads": tuple(sorted(thread.name for thread in threading.enumerate() if thread.name not in _OURS)),
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return in words what differs."""
    return [f"{name}: {before[name]!r} became {after[name]!r}" for name in before if before[name] != after[name]]
