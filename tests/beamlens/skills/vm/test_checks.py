"""Each check on a snapshot that calls for it, and on the same one with the sign taken away."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from beamlens.llm.rules.conditions import matches
from beamlens.llm.rules.findings import findings
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.templates import Surroundings, fill
from beamlens.skills.vm_checks import CHECKS

_HEALTHY: dict[str, Any] = {
    "memory": {
        "rss_mb": 300.0, "blocks": 10_000, "allocator_free_mb": 20.0, "allocator_free_part": 0.1,
        "fragmented_seconds": 0.0,
        "rss_growth": {"mb": 0.5, "per_minute": 0.5, "seconds": 60.0, "steady": False},
    },
    "containers": {"growing_count": 0, "growing": []},
    "threads": {"count": 9, "growing": []},
    "locks": {"waiting": 0, "worst": None},
    "loops": [
        {
            "thread": "MainThread", "kind": "asyncio.Loop", "lag_ms_p50": 0.5, "lag_ms_p95": 2.0, "blocked_ms": 0.0,
            "blocked_now": None, "blocks": 0, "blocks_last_minute": 0, "longest_block": None, "usual_place": None,
        }
    ],
    "cpu": {"percent_5s": 100.0},
    "gil": {"wait_ms_p50": 15.0},
}  # fmt: skip

_GREW = {"mb": 60.0, "per_minute": 60.0, "seconds": 60.0, "steady": True}
_PLACE = {"at": "shop/a.py:3", "func": "f", "doing": "time.sleep", "ms": 900.0, "part": 0.9}
_WORST = {
    "lock": "shop: LOCK", "waiting_mean": 3.0, "waiting_max": 4, "longest_wait_ms": 900.0, "contended_part": 0.9,
    "looks": 100, "waits_at": "shop/a.py:9", "holder_at": "shop/a.py:3", "holder_function": "f",
    "holder_thread": "t", "holder_doing": "socket.recv", "holder_waits_part": 0.9,
}  # fmt: skip

_SIGNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "container_growth": (
        {
            "memory.rss_growth": _GREW,
            "containers": {"growing_count": 1, "growing": [{"key": "shop.CACHE", "items": 5000}]},
        },
        {
            "growing": True, "path": "shop.CACHE", "kind": "dict", "items": 5000, "change": 4000, "per_minute": 9.0,
            "seconds": 30.0, "file": "shop/a.py", "verdict": "leak", "why": "because",
        },
    ),
    "memory_growth": ({"memory.rss_growth": _GREW}, {"verdict": "leak", "why": "because"}),
    "native_memory_growth": ({"memory.rss_growth": _GREW}, {"verdict": "native", "why": "because"}),
    "fragmentation": (
        {"memory.allocator_free_mb": 900.0, "memory.allocator_free_part": 0.8, "memory.fragmented_seconds": 120.0},
        {"verdict": "fragmentation", "why": "because"},
    ),
    "thread_growth": (
        {"threads.growing": [{"key": "shop/a.py:3", "change": 40, "seconds": 30.0, "per_minute": 80.0}]},
        {
            "growing": True, "count": 50, "daemon": 50, "runs": "f", "stands_at": "shop/a.py:9", "names": "t-#",
            "born_in": "serve",
        },
    ),
    "loop_blocked": (
        {"loops.0.usual_place": _PLACE, "loops.0.blocks_last_minute": 9, "loops.0.longest_block": _PLACE},
        {},
    ),
    "loop_stuck": ({"loops.0.blocked_ms": 4000.0, "loops.0.blocked_now": _PLACE}, {}),
    "lock_held_over_io": ({"locks.worst": _WORST}, _WORST),
    "lock_contention": ({"locks.worst": {**_WORST, "holder_waits_part": 0.1}}, _WORST),
    "gil_contention": (
        {"loops.0.lag_ms_p50": 90.0},
        {"cpu_percent": 100.0, "busy_threads": 4.0, "at": "a.py:1", "function_name": "f", "part": 0.5, "entry": "g"},
    ),
}  # fmt: skip


def _with(changes: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(_HEALTHY)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place: Any = data
        for parent in parents:
            place = place[int(parent)] if parent.isdigit() else place[parent]
        place[last] = value
    return data


def _names(data: dict[str, Any]) -> list[str]:
    return [found.check.name for found in findings(CHECKS, [Moment("1", 0.0, data)], settled=True, anywhere=False)]


def test_every_check_has_its_sign_here() -> None:
    assert {check.name for check in CHECKS} == set(_SIGNS)


def test_a_busy_program_without_a_sign_has_no_finding() -> None:
    assert _names(_HEALTHY) == []
    assert _names({}) == [], "what is missing never holds"


@pytest.mark.parametrize("name", list(_SIGNS))
def test_a_check_holds_by_its_sign_and_says_it_in_full(name: str) -> None:
    changes, drill = _SIGNS[name]
    data = _with(changes)
    found = findings(CHECKS, [Moment("1", 0.0, data)], settled=True, anywhere=False)
    finding = next(each for each in found if each.check.name == name)
    check = finding.check
    if check.confirm is not None:
        assert matches(check.confirm, [Moment("drill", None, drill)])
        assert not matches(check.confirm, [Moment("drill", None, {})]), "without its proof nothing is reported"
    around = Surroundings(finding.match, data, drill)
    texts = [check.observation, check.context, check.hypothesis or "", check.remedy or "", *check.entities]
    filled = [fill(text, around) for text in texts]
    assert all(each.complete for each in filled), [each.text for each in filled]
    assert check.cause
    assert check.remedy


@pytest.mark.parametrize("name", ["container_growth", "lock_held_over_io", "loop_blocked", "loop_stuck"])
def test_half_of_a_sign_is_none(name: str) -> None:
    changes, _ = _SIGNS[name]
    first = next(iter(changes))
    half: dict[str, Any] = {key: value for key, value in changes.items() if key != first}
    if name == "lock_held_over_io":
        half = {"locks.worst": {**_WORST, "waiting_max": 1}}
    if name == "loop_stuck":
        half = {"loops.0.blocked_ms": 500.0, "loops.0.blocked_now": _PLACE}
    assert name not in _names(_with(half))
