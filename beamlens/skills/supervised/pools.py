"""Executors and pre-forking servers' workers, found where their own modules keep them: nothing is registered."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

__all__ = ["Pools"]


class Pools:
    """Find pools. Any thread.

    An executor is found by the threads that carry a weak reference to it. That of a broken process pool has ended, so
    executors that were seen are remembered, weakly, as long as the application holds them.
    """

    def __init__(self) -> None:
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def look(self) -> None:
        """Find executors that are new; a microsecond for each thread."""
        for thread in threading.enumerate():
            executor = _executor_of(thread)
            if executor is not None:
                self._known.add(executor)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each pool: `name`, `kind`, `workers`, `most`, `waiting` tasks, `broken`; those first."""
        self.look()
        rows = [*filter(None, map(_row, list(self._known))), *_gunicorn()]
        for number, row in enumerate(rows, 1):
            row["name"] = row["name"] or f"{row['kind']} {number}"
        return sorted(rows, key=lambda row: (not row["broken"], -row["workers"]))


def _executor_of(thread: threading.Thread) -> Any:
    """Return the executor that a thread works for or manages, from the weak reference that it carries."""
    reference = thread.__dict__.get("executor_reference")
    if reference is None:
        args = thread.__dict__.get("_args") or ()
        reference = args[0] if args else None
    return reference() if isinstance(reference, weakref.ref) else None


def _row(executor: Any) -> dict[str, Any] | None:
    held = getattr(executor, "__dict__", {})
    row = {"name": "", "most": held.get("_max_workers"), "broken": bool(held.get("_broken"))}
    if "_work_queue" in held:
        return row | {
            "name": str(held.get("_thread_name_prefix") or "")[:80],
            "kind": "thread pool",
            "workers": len(held.get("_threads") or ()),
            "waiting": held["_work_queue"].qsize(),
        }
    # One that breaks is marked as shut down, too; only the application's own call lets go of the manager's thread.
    over = held.get("_shutdown_thread") and not (row["broken"] and held.get("_executor_manager_thread"))
    if "_pending_work_items" in held and not over:
        return row | {
            "kind": "process pool",
            "workers": len(held.get("_processes") or ()),
            "waiting": len(held.get("_pending_work_items") or ()),
        }
    return None


def _gunicorn() -> list[dict[str, Any]]:
    arbiter = getattr(sys.modules.get("gunicorn.arbiter"), "Arbiter", None)
    workers = getattr(arbiter, "WORKERS", None)
    if not isinstance(workers, dict) or not workers:
        return []
    row = {"name": "gunicorn", "kind": "server", "workers": len(workers), "most": None, "waiting": None}
    return [row | {"broken": False}]
