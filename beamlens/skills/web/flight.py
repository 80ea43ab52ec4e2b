"""What the requests in flight wait for: the tasks and threads that work for each, and where these stand."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Mapping
from contextvars import Context
from types import FrameType
from typing import Any, Final

from beamlens.skills.eventloop.tasks import alive_tasks
from beamlens.skills.interpreter.threads import threads_by_ident
from beamlens.skills.waits.awaits import awaiting
from beamlens.skills.waits.running import Standing, standing, workers
from beamlens.skills.web.traffic import CURRENT, Request

__all__ = ["flight_rows"]

_MOST_TASKS: Final = 2000
_OUTER: Final = ("task", "tasks", "gather", "event", "queue get", "future")


def flight_rows(requests: list[Request]) -> list[dict[str, Any]]:
    """Return each request with its age and what it waits for.

    Args:
        requests: in flight; the fewer the cheaper.
    """
    frames, threads = sys._current_frames(), threads_by_ident()
    try:
        busy, tasks = workers(frames), _tasks_by_request()
        return [_row(request, _Around(frames, threads, busy, tasks)) for request in requests]
    finally:
        frames.clear()


class _Around:
    """Hold what is looked things up in."""

    def __init__(
        self,
        frames: Mapping[int, FrameType],
        threads: Mapping[int, threading.Thread],
        busy: Mapping[int, int],
        tasks: Mapping[int, list[Any]],
    ) -> None:
        self.frames, self.threads, self.busy, self.tasks = frames, threads, busy, tasks

    def standing(self, ident: int) -> Standing | None:
        frame, thread = self.frames.get(ident), self.threads.get(ident)
        return standing(frame, thread.native_id if thread is not None else None) if frame is not None else None


def _tasks_by_request() -> dict[int, list[Any]]:
    """Return the tasks that work for each request, by the request's identity, found by the context that they run in."""
    found: dict[int, list[Any]] = {}
    for task in alive_tasks()[:_MOST_TASKS]:
        request = _request_of(task)
        if request is not None:
            found.setdefault(id(request), []).append(task)
    return found


def _request_of(task: Any) -> Request | None:
    # Only from 3.12 on a task tells its context; the collector sees it on 3.11 too.
    context = next((each for each in gc.get_referents(task) if isinstance(each, Context)), None)
    return context.get(CURRENT) if context is not None else None


def _row(request: Request, around: _Around) -> dict[str, Any]:
    now = time.monotonic()
    told = _wsgi(request, around) if request.task is None else _asgi(request, around)
    return {
        "route": f"{request.method} {request.route()}",
        "kind": request.kind,
        "age_seconds": round(now - request.began, 3),
        "responding": request.first is not None,
        **told,
    }


def _wsgi(request: Request, around: _Around) -> dict[str, Any]:
    thread = around.threads.get(request.ident)
    stands = around.standing(request.ident)
    return {"task": None, "thread": thread.name[:80] if thread is not None else None, **_told(stands)}


def _asgi(request: Request, around: _Around) -> dict[str, Any]:
    assert request.task is not None
    own = request.task()
    others = [task for task in around.tasks.get(id(request), []) if task is not own and not task.done()]
    rows = [_of_task(task, around) for task in [*([own] if own is not None else []), *others]]
    # What a middleware waits for is the task that it started: the one that stands deepest in the application tells.
    chosen = max(reversed(rows), key=_telling, default=None)
    if chosen is None:
        return {"task": None, "thread": None, **_told(None)}
    return {"task": str(own.get_name())[:80] if own is not None else None, "tasks": len(rows), **chosen[1]}


def _telling(row: tuple[bool, dict[str, Any]]) -> tuple[bool, bool, bool]:
    # A middleware that runs the rest in a task of its own waits for what that puts into a queue.
    return row[0], row[1]["waits_for"] not in _OUTER, row[1]["waits_for"] != "queue get"


def _of_task(task: Any, around: _Around) -> tuple[bool, dict[str, Any]]:
    ident = around.busy.get(id(getattr(task, "_fut_waiter", None)))
    if ident is not None:
        stands, thread = around.standing(ident), around.threads.get(ident)
        own = stands is not None and stands.at is not None and stands.at.owner == "application"
        return own, {"thread": thread.name[:80] if thread is not None else None, **_told(stands)}
    waits = awaiting(task)
    return waits.at is not None and waits.at.owner == "application", {
        "thread": None,
        "at": waits.at.at if waits.at is not None else None,
        "func": waits.at.function if waits.at is not None else None,
        "waits_for": waits.kind,
        "doing": waits.doing,
    }


def _told(stands: Standing | None) -> dict[str, Any]:
    at = stands.at if stands is not None else None
    return {
        "at": at.at if at is not None else None,
        "func": at.function if at is not None else None,
        "waits_for": stands.kind if stands is not None else None,
        "doing": stands.doing if stands is not None else None,
    }
