"""An operator that runs without an end: it tells what is new, and goes back to healthy slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beamlens.llm.model import Message, ModelRequest
from beamlens.llm.rules import operator
from beamlens.llm.rules.compaction import sum_up
from beamlens.skills.checks import Check, Threshold, Trend
from tests.beamlens.llm.rules.operator_simulator import OperatorSimulator, ToolFailed

BLOCKED = Check(
    "loop_blocked",
    Threshold("lag_ms", ">", 100),
    "the loop is {value} ms late at {drill.site}",
    drill="return vm_loops()",
    entities=("{drill.site}",),
)
LEAK = Check("threads", Trend("threads", least_change=5, snapshots=4), "threads grew from {first} to {last}")


def watching(
    lag: Callable[[float], float], threads: Callable[[float], float] = lambda at: 10, **options: Any
) -> OperatorSimulator:
    return OperatorSimulator(
        (BLOCKED, LEAK),
        lambda at: {"lag_ms": lag(at), "threads": threads(at)},
        mode="continuous",
        max_iterations=10**9,
        **options,
    )


def go(run: OperatorSimulator, until: float) -> None:
    """Step until the simulated clock reads so many seconds."""
    while run.clock < until and not run.ended:
        run.step()


def test_it_goes_on_for_good_and_says_nothing_of_what_is_well() -> None:
    run = watching(lambda at: 1)
    go(run, 60)
    assert not run.ended
    assert run.notifications == []
    assert set(run.states) <= {"healthy"}
    assert len(run.snapshots) > 50


def test_a_finding_that_lasts_is_told_once() -> None:
    run = watching(lambda at: 500 if at > 10 else 1, drill=lambda code: {"site": "a.py:1"})
    go(run, 90)
    assert [told.observation for told in run.notifications] == ["the loop is 500 ms late at a.py:1"]
    assert run.states == ["observing", "warning"]
    assert len(run.called("execute")) == 1


def test_it_is_healthy_again_only_after_three_quiet_snapshots() -> None:
    run = watching(lambda at: 500 if 10 < at < 20 else 1, drill=lambda code: {"site": "a.py:1"})
    go(run, 60)
    assert run.states == ["observing", "warning", "healthy"]
    quiet = [snapshot.data["lag_ms"] for snapshot in run.snapshots[: _snapshots_before(run, "healthy")]]
    assert quiet[-3:] == [1, 1, 1]
    assert quiet[-4] == 500


def _snapshots_before(run: OperatorSimulator, state: str) -> int:
    place = next(
        place for place, call in enumerate(run.calls) if call.name == "set_state" and call.arguments["state"] == state
    )
    return sum(call.name == "take_snapshot" for call in run.calls[:place])


def test_one_quiet_snapshot_does_not_change_the_state() -> None:
    run = watching(lambda at: 1 if at < 5 or int(at) % 3 == 0 else 500, drill=lambda code: {"site": "a.py:1"})
    go(run, 60)
    assert run.states == ["observing", "warning"]


def test_without_the_three_quiet_snapshots_the_state_would_flutter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "CLEAR", 1)
    run = watching(lambda at: 1 if at < 5 or int(at) % 3 == 0 else 500, drill=lambda code: {"site": "a.py:1"})
    go(run, 60)
    assert run.states.count("healthy") > 3


def test_the_same_finding_at_another_place_is_told_and_at_the_same_place_it_is_not() -> None:
    sites = {10: "a.py:1", 30: "b.py:2", 50: "a.py:1"}
    run = watching(lambda at: 500 if int(at) // 5 * 5 in sites else 1)
    run.drill = lambda code: {"site": sites[int(run.clock) // 5 * 5]}
    go(run, 80)
    assert [told.entities for told in run.notifications] == [("a.py:1",), ("b.py:2",)]
    assert len(run.called("execute")) == 3
    assert run.state == "healthy"


def test_a_leak_is_told_and_over_when_the_growth_is_over() -> None:
    run = watching(lambda at: 1, threads=lambda at: 10 + min(at, 30))
    go(run, 90)
    assert [told.anomaly_type for told in run.notifications] == ["threads"]
    assert run.states == ["warning", "healthy"]


def test_a_compacted_conversation_tells_nothing_twice() -> None:
    run = watching(lambda at: 500 if at > 5 else 1, drill=lambda code: {"site": "a.py:1"})
    for end in range(10, 90, 10):
        go(run, end)
        run.messages = [Message("user", sum_up(ModelRequest("", tuple(run.messages)))), *run.messages[-4:]]
    assert len(run.notifications) == 1
    assert run.state == "warning"


def test_snapshots_that_fail_slow_it_down_and_do_not_end_it() -> None:
    run = watching(lambda at: 1)
    run.data = lambda at: _fail(at) if 5 < at < 30 else {"lag_ms": 1, "threads": 1}
    go(run, 60)
    assert not run.ended
    assert run.snapshots[-1].data == {"lag_ms": 1, "threads": 1}
    waits = [call.arguments["ms"] for call in run.called("wait")]
    assert max(waits) > 2 * min(waits)


def _fail(at: float) -> dict[str, Any]:
    raise ToolFailed("timeout")


def test_a_limit_of_steps_ends_even_a_run_without_an_end() -> None:
    run = watching(lambda at: 500, drill=lambda code: {"site": "a.py:1"})
    run.max_iterations = 20
    assert run.run().ending == "done"
