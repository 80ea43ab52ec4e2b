"""Large containers anywhere on the heap, those too that no module names: looked for in two copies, a while apart."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.heap.copied import Copied, Send, copies, free_memory
from beamlens.skills.heap.edges import type_name
from beamlens.skills.heap.retaining import Search
from beamlens.skills.heap.roots import Roots
from beamlens.skills.interpreter.procfs import process_memory

__all__ = ["growing_anywhere"]

_LARGE: Final = 300
_KEPT: Final = 2000
_SECONDS: Final = 8.0
_LOOK_SECONDS: Final = 4.0
_CHECK_EVERY: Final = 4096
_SMALL: Final = 64
_BASES: Final = (dict, list, set, deque)
_HEAP_TYPE: Final = 1 << 9
_OWN: Final = ("beamlens.skills.", "beamlens.probe.", "supervision.", "thread beamlens.")


def growing_anywhere(seconds: float, limit: int) -> dict[str, Any]:
    """Return the containers that grew within a while, and who keeps them; waits that long.

    Args:
        seconds: between the two looks.
        limit: containers at most.

    Raises:
        SkillError: `refused`, with the reason.
    """
    refusal = copies.refusal() or _memory_refusal()
    if refusal is not None:
        raise SkillError("refused", f"all objects are looked at in a copy of the process only: {refusal}")
    first = _copied(_look)
    sizes = dict(_line(first)["sizes"])
    time.sleep(seconds)
    second = _copied(lambda roots, send: _look_again(sizes, limit, roots, send))
    said = _line(second)
    return {
        "growing": [row for row in said["rows"] if not row["path"].startswith(_OWN)],
        "looked_at": said["looked_at"],
        "complete": said["complete"],
        "seconds": seconds,
        "stop_ms": max(first.pause_ms, second.pause_ms),
        "missing": [text for text in (said["stopped"], second.error) if text],
    }


def _copied(work: Callable[[Roots, Send], None]) -> Copied:
    roots = Roots(copy=True)
    try:
        return copies.run(lambda send: work(roots, send), _SECONDS + 1.0)
    finally:
        roots.forget_frames()


def _memory_refusal() -> str | None:
    free, used = free_memory(), process_memory().rss
    if free is None or used is None or free > used:
        return None
    return f"it might need {used >> 20} MB more, and {free >> 20} MB are free"


def _line(copied: Copied) -> dict[str, Any]:
    if not copied.lines:
        raise SkillError("refused", copied.error or "the copy said nothing")
    return copied.lines[0]


def _look(roots: Roots, send: Send) -> None:
    found, _, _ = _large(roots)
    send({"sizes": [(id(value), size) for value, size in found]})


def _look_again(before: dict[int, int], limit: int, roots: Roots, send: Send) -> None:
    began = time.monotonic()
    roots.read_variables()
    found, looked_at, complete = _large(roots)
    grown = [(value, size, size - before[id(value)]) for value, size in found if size > before.get(id(value), size)]
    grown.sort(key=lambda row: -row[2])
    # The search is to find nothing of this function: it gets the only list that holds the containers.
    targets, sizes = [row[0] for row in grown[:limit]], [row[1:] for row in grown[:limit]]
    found.clear()
    grown.clear()
    kinds = [type_name(type(value)) for value in targets]
    own_bounds = [value.maxlen if isinstance(value, deque) else None for value in targets]
    search = Search(targets, roots, began + _SECONDS, copy=True)
    paths = search.paths()
    rows = [
        {"kind": kind, "items": items, "change": change, **_shown(asdict(path), own_bound)}
        for kind, (items, change), path, own_bound in zip(kinds, sizes, paths, own_bounds, strict=True)
    ]
    send({"rows": rows, "looked_at": looked_at, "complete": complete, "stopped": search.stopped})


def _shown(path: dict[str, Any], own_bound: int | None) -> dict[str, Any]:
    root = path["root"]
    return {
        "path": path["text"],
        "root": root["kind"],
        "root_name": root["name"],
        "root_at": root["at"],
        "bound": path["bound"] if own_bound is None else own_bound,
    }


def _large(roots: Roots) -> tuple[list[tuple[Any, int]], int, bool]:
    """Return the largest containers, how many objects were looked at, and whether these were all."""
    deadline = time.monotonic() + _LOOK_SECONDS
    found: dict[int, tuple[Any, int]] = {}
    objects = gc.get_objects()
    looked_at, complete = len(objects), True
    for number, value in enumerate(objects):
        if number % _CHECK_EVERY == 0 and time.monotonic() > deadline:
            looked_at, complete = number, False
            break
        for each in _candidates(value):
            _note(found, each)
    for value in roots.variable_values():
        _note(found, value)
    for own in (objects, found):
        found.pop(id(own), None)
    kept = sorted(found.values(), key=lambda item: -item[1])[:_KEPT]
    return [item for item in kept if item[0] is not objects], looked_at, complete


def _note(found: dict[int, tuple[Any, int]], value: Any) -> None:
    kind = type(value)
    for base in _BASES:
        if issubclass(kind, base):
            size = base.__len__(value)
            if size >= _LARGE:
                found[id(value)] = (value, size)
            return


def _candidates(value: Any) -> Iterator[Any]:
    """Yield an object, and those dictionaries below it that the collector does not track (of texts and numbers)."""
    yield value
    kind = type(value)
    small = kind in (dict, list, tuple) and len(value) <= _SMALL
    if small or kind.__flags__ & _HEAP_TYPE or kind.__name__ == "cell":
        for each in gc.get_referents(value):
            if type(each) is dict and not gc.is_tracked(each):
                yield each
