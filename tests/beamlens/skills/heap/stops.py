"""A program with millions of objects and a heartbeat that measures how long each call of `gc` and `caches` stops it.

Prints one JSON object: milliseconds by call, and the snapshots' processor time.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from beamlens.errors import SkillError
from beamlens.skills.caches import Caches
from beamlens.skills.gc import Gc
from beamlens.skills.skill import Skill
from supervision.testing import wait_until
from tests.beamlens.skills.vm.stops import Heartbeat

_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "gc_holders": ("__main__.Node", 5),
    "gc_measure": (1.0,),
    "caches_info": ("__main__.STORE.nodes",),
    "caches_who_keeps": ("__main__.STORE.nodes",),
    "caches_anywhere": (0.5, 5),
}


class Node:
    __slots__ = ("below", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.below: list[int] | None = [] if number % 2 else None


class Store:
    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {}


STORE = Store()


def _stop_of(call: Callable[[], Any]) -> float:
    beat = Heartbeat()
    try:
        call()
    except SkillError as error:
        assert error.kind == "refused", error.text  # noqa: PT017
    return round(beat.stop(), 2)


def _snapshot_ms(skill: Skill) -> dict[str, float]:
    times = []
    for _ in range(200):
        began = time.thread_time()
        skill.snapshot()
        times.append((time.thread_time() - began) * 1e3)
    times.sort()
    return {"p50": round(times[100], 3), "p99": round(times[197], 3)}


def main(count: int) -> None:
    gc.disable()
    for number in range(count):
        STORE.nodes[number] = Node(number)
    gc.enable()
    result: dict[str, Any] = {"negative control": _stop_of(lambda: gc.get_referrers(STORE))}
    skills: list[Skill] = [Gc(), Caches()]
    for skill in skills:
        skill.start()
        result[f"{skill.id} begins"] = _stop_of(
            lambda skill=skill: wait_until(lambda: not _first(skill), timeout=60, interval=0.1)  # type: ignore[misc]
        )
        result[f"{skill.id} snapshot"] = _stop_of(skill.snapshot)
        for name, call in skill.callbacks().items():
            result[name] = _stop_of(lambda call=call, name=name: call(*_ARGUMENTS.get(name, ())))  # type: ignore[misc]
        result[f"{skill.id} snapshot_ms"] = _snapshot_ms(skill)
    result["objects"] = skills[0].snapshot()["types"]["objects"]
    for skill in skills:
        result[f"{skill.id} collector"] = skill.snapshot()["collector"]
        skill.stop()
    print(json.dumps(result, indent=1))


def _first(skill: Skill) -> bool:
    """Say whether it has not looked for the first time yet."""
    return bool(skill.snapshot()["collector"]["looks"] == 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
