"""Types that become more in two windows, one after the other: what only filled up once is not among them."""

from __future__ import annotations

import time
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.heap.kinds import Counted, count_types

__all__ = ["grown_in_two_windows"]

_LEAST: Final = 20
_SHOWN: Final = 20


def grown_in_two_windows(seconds: float) -> dict[str, Any]:
    """Count three times and return the types that grew in both windows in between, the fastest first.

    Args:
        seconds: from the first count to the last.

    Raises:
        SkillError: `refused`, the objects cannot be counted now; the text says why.
    """
    counts: list[Counted] = []
    began = time.monotonic()
    for number in range(3):
        time.sleep(max(0.0, began + seconds * number / 2 - time.monotonic()))
        counted = count_types()
        if isinstance(counted, str):
            raise SkillError("refused", counted)
        counts.append(counted)
    first, middle, last = (each.types for each in counts)
    minutes = (time.monotonic() - began) / 60.0
    rows: list[dict[str, Any]] = [
        {
            "type": name,
            "count": count,
            "first": middle[name] - first[name],
            "second": count - middle[name],
            "per_minute": round((count - first[name]) / minutes, 1),
        }
        for name, count in last.items()
        if name in first and name in middle and min(middle[name] - first[name], count - middle[name]) >= _LEAST
    ]
    return {
        "growing": sorted(rows, key=lambda row: -row["per_minute"])[:_SHOWN],
        "objects": counts[-1].total,
        "seconds": round(minutes * 60.0, 1),
        "stop_ms": max(each.stop_ms for each in counts),
        "cost_ms": round(sum(each.cost_ms for each in counts), 1),
    }
