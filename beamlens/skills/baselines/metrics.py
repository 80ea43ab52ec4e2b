"""The numbers in a snapshot, by path. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["is_counter_name", "least_difference", "numbers"]

_DEPTH: Final = 4
_MOST: Final = 200
# What says how the looking went, or what time it is, and nothing of the program.
_NOT_MEASURED: Final = re.compile(
    r"(?:^|\.)(?:collector|cost_ms|missing|python|pid|seconds|uptime_seconds|timestamp|at)(?:\.|$)|_ago|(?:^|\.)since"
)
# An extreme, or what happened within a minute or more, tells of one event in many samples, as the counters beside it do
# not; how long a state has lasted, and from how much something was computed, are clocks and counts of the looking; and
# pages that are mapped, switches between threads and what the collector frees harm nobody, while each look makes some.
_NO_SAMPLE: Final = re.compile(
    r"(?:^|[._])(?:longest|largest|oldest|worst|peak|max)(?:_|$)|_(?:5m|15m|before)$|_1m(?:_|$)|last_minute"
    r"|(?:age|fragmented)_seconds$|(?:^|\.)samples$|(?:^|\.)minor(?:_|$)|_switches|(?:^|\.)generations\."
)

# The smallest difference in a unit that anybody cares for, however still a number was before.
_LEAST: Final = {"mb": 16.0, "ms": 10.0, "percent": 10.0}


def least_difference(path: str) -> float:
    """Return how far a number must at least be from usual to mean anything, by the unit at the end of its name.

    Where the name tells no unit that is known it is 0: the number's own straying decides alone.
    """
    return _LEAST.get(path.rpartition("_")[2] if "_" in path else path.rpartition(".")[2], 0.0)


def numbers(snapshot: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a snapshot by path, `memory.rss_mb`; texts, booleans, lists and nothing are no numbers.

    Left out is also what cannot be judged sample by sample: extremes, windows of minutes, ages.
    """
    found: dict[str, float] = {}
    for path, value in _walk(snapshot, "", _DEPTH):
        if len(found) >= _MOST:
            break
        found[path] = value
    return found


def _walk(node: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, float]]:
    for name, value in node.items():
        path = f"{prefix}{name}"
        if _NOT_MEASURED.search(path) or _NO_SAMPLE.search(path):
            continue
        if isinstance(value, Mapping):
            if depth > 1:
                yield from _walk(value, f"{path}.", depth - 1)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield path, float(value)


def is_counter_name(path: str) -> bool:
    """Tell whether a name says that the number only grows: `_total` at its end, as all built-in skills have it."""
    return path.endswith("_total")
