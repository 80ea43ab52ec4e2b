"""Ask who keeps objects alive: in a copy of the process where that can be made, else in place within a budget."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.heap.budget import StopBudget
from beamlens.skills.heap.copied import Copied, Send, copies, free_memory
from beamlens.skills.heap.linked import Linked, linked
from beamlens.skills.heap.retaining import Path, Search, Stopped
from beamlens.skills.heap.roots import Roots
from beamlens.skills.interpreter.procfs import process_memory

__all__ = ["MOST_SAMPLES", "keepers", "keepers_of_type", "search_in_copy"]

MOST_SAMPLES: Final = 8
"""Objects of one type that are asked for."""

_SECONDS: Final = 8.0
_DIRECT_PART: Final = 0.55  # of them, where the rest may be needed for objects that hold each other
_NEWER_PART: Final = 0.75
_HEAP_TYPE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: its objects refer to it
_NO_ROOT: Final = ("reference cycle", "not found", "outside Python")
_NOT_IN_COPY: Final = "what only a thread-local, or the current context of another thread holds, is not in the copy"

Scan = Callable[..., list[Any]]
Find = Callable[[Scan], list[Any]]


def keepers(values: list[Any], *, place: bool = False) -> dict[str, Any]:
    """Return who keeps objects alive.

    Args:
        values: the objects; nobody else of the caller's may hold them in a container.
        place: look in place, even if a copy could be made.

    Raises:
        SkillError: `refused`, with the reason, where neither a copy can be made nor looking in place is quick enough.
    """
    refusal = "asked in place" if place else copies.refusal()
    return _in_place(lambda _: values, refusal) if refusal else _in_copy(lambda _: values, values)


def keepers_of_type(kind: type, samples: int, *, place: bool = False) -> dict[str, Any]:
    """Return who keeps objects of a type alive: of some that have survived for a while, newer ones mostly.

    Args:
        kind: whose.
        samples: how many objects.
        place: look in place, even if a copy could be made; not for built-in types.

    Raises:
        SkillError: as for `keepers`.
    """
    built_in = not kind.__flags__ & _HEAP_TYPE

    def everyone(scan: Scan) -> list[Any]:
        return [value for value in (gc.get_objects() if built_in else scan(kind)) if type(value) is kind]

    def find(scan: Scan) -> list[Any]:
        found = everyone(scan)
        # By generations, and in each the oldest first: so the last part has survived but is not the oldest.
        first = int(len(found) * _NEWER_PART)
        return found[first :: max(1, (len(found) - first) // samples)][:samples]

    refusal = "asked in place" if place else copies.refusal() or _memory_refusal()
    if refusal and built_in:
        raise SkillError("refused", f"{refusal}; and objects of built-in types are looked for in a copy only")
    return _in_place(find, refusal) if refusal else _in_copy(find, None, None if built_in else everyone)


def _memory_refusal() -> str | None:
    """Return why there is too little memory to touch many objects in a copy: each page that is touched is copied."""
    free, used = free_memory(), process_memory().rss
    if free is None or used is None or free > used:
        return None
    return f"a copy of the process might need {used >> 20} MB more, and {free >> 20} MB are free"


def _in_copy(find: Find, pinned: list[Any] | None, everyone: Find | None = None) -> dict[str, Any]:
    roots = Roots(copy=True)
    try:
        copied = copies.run(lambda send: search_in_copy(find, roots, send, _SECONDS, everyone), _SECONDS + 1.0)
    finally:
        roots.forget_frames()
    if not copied.lines:
        return _in_place(find, copied.error or "the copy said nothing")
    return _told(copied, pinned)


def search_in_copy(find: Find, roots: Roots, send: Send, seconds: float, everyone: Find | None = None) -> None:
    """Search and send what was found; runs in the copy.

    Args:
        find: returns the targets, given what finds referrers.
        roots: made before the process was copied.
        send: to the process that was copied.
        seconds: how long it may take.
        everyone: returns all objects of the type; where the targets' own roots are too far away, the structure is
            looked for that they are a part of.
    """
    began, used = time.monotonic(), time.thread_time()
    targets = find(gc.get_referrers)
    asked = len(targets)
    roots.read_variables()
    search = Search(targets, roots, began + seconds * (1.0 if everyone is None else _DIRECT_PART), copy=True)
    paths = search.paths()
    # By processor time: the copy lets everybody else go first, the application itself would not.
    scan_ms = (time.thread_time() - used) * 1e3 / max(1, search.scans)
    stopped, structure = search.stopped, None
    if everyone is not None and all(path.root.kind == "not found" for path in paths):
        search.targets.clear()
        structure = linked(everyone(gc.get_referrers), MOST_SAMPLES, began + seconds)
        if structure is not None:
            asked = len(structure.entries)
            paths, stopped = _from_outside(structure, roots, began + seconds)
    send(
        {
            "paths": [asdict(path) for path in paths],
            "asked": asked,
            "stopped": stopped,
            "scan_ms": scan_ms,
            "linked": None if structure is None else structure.objects,
        }
    )


def _from_outside(structure: Linked, roots: Roots, deadline: float) -> tuple[list[Path], str | None]:
    search = Search(structure.entries, roots, deadline, copy=True, ignored=structure.ids)
    return search.paths(), search.stopped


def _told(copied: Copied, pinned: list[Any] | None) -> dict[str, Any]:
    said = copied.lines[0]
    paths, missing = said["paths"], [text for text in (said["stopped"], copied.error) if text]
    budget = StopBudget(expected_ms=said["scan_ms"])
    if _has_loose_end(paths) and pinned is not None:
        found, stopped = _searched(list(pinned), budget)
        paths, missing = (paths, [*missing, stopped]) if stopped else (found, missing)
    if _has_loose_end(paths) and budget.spent_ms == 0:
        missing.append(_NOT_IN_COPY)
    return {
        **_summed(paths, said["asked"]),
        "linked": said["linked"],
        "how": "in a copy of the process",
        "stop_ms": round(max(copied.pause_ms, budget.longest_ms), 2),
        "seconds": copied.seconds,
        "missing": missing,
    }


def _in_place(find: Find, refusal: str) -> dict[str, Any]:
    budget, began = StopBudget(), time.monotonic()
    try:
        targets = find(budget.scan)
    except Stopped as reason:
        raise SkillError("refused", f"{refusal}; and {reason}") from None
    asked = len(targets)
    paths, stopped = _searched(targets, budget)
    if stopped and not budget.spent_ms:
        raise SkillError("refused", f"{refusal}; and {stopped}")
    return {
        **_summed(paths, asked),
        "linked": None,
        "how": "in place",
        "stop_ms": round(budget.longest_ms, 2),
        "seconds": round(time.monotonic() - began, 3),
        "missing": [refusal, "variables of running functions", *([stopped] if stopped else [])],
    }


def _searched(targets: list[Any], budget: StopBudget) -> tuple[list[dict[str, Any]], str | None]:
    search = Search(targets, Roots(copy=False), time.monotonic() + _SECONDS, copy=False, scan=budget.scan)
    paths = [asdict(path) for path in search.paths()]
    # What was seen is let go of before anything else runs: an object that dies meanwhile would end with this list.
    targets.clear()
    return paths, search.stopped


def _has_loose_end(paths: Sequence[dict[str, Any]]) -> bool:
    return any(path["root"]["kind"] == "outside Python" for path in paths)


def _summed(paths: Sequence[dict[str, Any]], asked: int) -> dict[str, Any]:
    """Return equal paths once, the most frequent first."""
    rows: dict[str, dict[str, Any]] = {}
    for path in paths:
        row = rows.setdefault(
            path["text"],
            {
                "path": path["text"],
                "objects": 0,
                "root": path["root"]["kind"],
                "root_name": path["root"]["name"],
                "root_at": path["root"]["at"],
                "steps": path["steps"],
                "holders": list(path["holders"]),
                "bound": path["bound"],
                "items": path["items"],
            },
        )
        row["objects"] += 1
    kept = [row for row in rows.values() if row["root"] not in _NO_ROOT]
    return {
        "asked": asked,
        "kept": sum(row["objects"] for row in kept),
        "kept_without_bound": sum(row["objects"] for row in kept if row["bound"] is None),
        "garbage": sum(row["objects"] for row in rows.values() if row["root"] == "reference cycle"),
        "paths": sorted(rows.values(), key=lambda row: -row["objects"]),
    }
