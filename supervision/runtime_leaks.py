"""What the runtime itself holds, so that a test may leave it running and still find every leak."""

from __future__ import annotations

import sys
import threading
from typing import Any

from supervision.process import application

__all__ = ["actors_left", "belongs_to_runtime"]


def belongs_to_runtime(resource: Any) -> bool:
    """Tell whether a resource of the leak guard is the runtime's own: its loop, fork server, spares."""
    if _is_tracker(resource):
        return True
    app = application.current()
    if app is None:
        return False
    if resource.kind == "process":
        return resource.key[0] in app.own_pids()
    if resource.kind == "descriptor":
        return resource.key[0] in app.own_descriptors()
    if resource.kind == "thread":
        return isinstance(resource.key, threading.Thread) and resource.key.name.startswith("supervision-")
    return False


def _is_tracker(resource: Any) -> bool:
    """Tell whether it is multiprocessing's resource tracker, which stays once anything was spawned."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    tracker = getattr(module, "_resource_tracker", None)
    held = {"process": getattr(tracker, "_pid", None), "descriptor": getattr(tracker, "_fd", None)}
    return resource.kind in held and resource.key[0] == held[resource.kind]


def actors_left() -> list[str]:
    """Name the actors and trees that still run in this process."""
    app = application.current()
    return [] if app is None else app.actors()
