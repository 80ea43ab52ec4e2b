"""Which line of the application sent a statement, also where SQLAlchemy switched to a greenlet of its own."""

from __future__ import annotations

import sys
import threading
from asyncio import _get_running_loop, current_task
from types import FrameType
from typing import Any

from beamlens.skills.interpreter.places import Place, application_place

__all__ = ["sender_frame", "sender_name", "sender_place"]


def sender_frame(frame: FrameType | None) -> FrameType | None:
    """Return the frame from which to look for the application's line: that of the awaiting coroutine, if there is one.

    An asynchronous engine works in a greenlet, whose stack ends where it begins; its parent's goes on from there.
    """
    greenlets: Any = sys.modules.get("greenlet")
    if greenlets is None or _get_running_loop() is None:
        return frame
    parent = greenlets.getcurrent().parent
    outer = parent.gr_frame if parent is not None else None
    return outer if outer is not None else frame


def sender_place(frame: FrameType | None) -> Place | None:
    """Return the application's innermost line that led to `frame`, of this thread."""
    return application_place(sender_frame(frame))


def sender_name() -> str:
    """Return the name of the task that runs, or of the thread."""
    task = current_task() if _get_running_loop() is not None else None
    return f"task {task.get_name()}" if task is not None else f"thread {threading.current_thread().name}"
