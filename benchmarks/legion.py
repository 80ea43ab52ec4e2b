"""Legion: what a turn costs beside its model, a hundred agents at once, the memory of each.

The model is scripted and answers at once, in the gateway's process, so that all of a turn's time is ours: two
processes' messages, the checkpoints, a sandbox that is forked for the one evaluation, a tool that is called.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from beamlens import legion
from benchmarks.legion_agents import Adder
from benchmarks.memory import read_memory
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.stats import summarize

TARGETS: Final[dict[str, Target]] = {
    "turn_overhead_ms_p50": ("<=", 15.0),
    "agents_at_once": (">=", 100.0),
}

_AT_ONCE: Final = 100
_TURNS: Final = 15
_STEP: Final = {"tool": "reply", "arguments": {"action": "eval_and_complete", "code": "return add(1, 2)"}}
_PLAIN: Final = {"tool": "reply", "arguments": {"action": "return", "result": 3}}
_COLUMNS: Final = ("p50", "p90", "p99", "count")


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Legion: turns with a scripted model")
    report.header("a turn (ms)", *_COLUMNS)
    _turns(options, report, _STEP, "one evaluation with a tool", "turn_overhead_ms_p50")
    _turns(options, report, _PLAIN, "no evaluation", "turn_without_eval_ms_p50")
    _executions(options, report)
    _many(options, report)
    report.verdicts(TARGETS)


def _tree(step: dict[str, Any]) -> Any:
    script = [{**step, "repeat": "forever"}]
    return legion.Legion.start(provider="scripted", provider_options={"script": script})


def _turns(options: Options, report: Report, step: dict[str, Any], label: str, key: str) -> None:
    tree = _tree(step)
    try:
        taken = []
        for _ in range(options.count(30, 10, 1)):
            agent = tree.start_agent(Adder)  # another one now and then: what is measured should not be a long history
            _turn(agent)
            taken += [_turn(agent) for _ in range(_TURNS)]
            agent.stop()
        _row(report, label, taken, key)
    finally:
        tree.stop()


def _executions(options: Options, report: Report) -> None:
    """Measure an agent that is started, solves one task and ends."""
    tree = _tree(_STEP)
    try:
        taken = []
        for _ in range(options.count(100, 30, 2)):
            began = time.perf_counter()
            _check(tree.execute(Adder, "1 + 2?"))
            taken.append(time.perf_counter() - began)
        _row(report, "execute: start, one turn, end", taken, "execute_ms_p50")
    finally:
        tree.stop()


def _many(options: Options, report: Report) -> None:
    count = options.count(_AT_ONCE, _AT_ONCE, 4)
    tree = _tree(_STEP)
    try:
        with ThreadPoolExecutor(count) as pool:
            began = time.perf_counter()
            agents = list(pool.map(lambda _: tree.start_agent(Adder), range(count)))
            started = time.perf_counter() - began
            began = time.perf_counter()
            list(pool.map(_turn, agents))
            turned = time.perf_counter() - began
        memory = [read_memory(agent.ref.pid) for agent in agents]
    finally:
        tree.stop()
    own = sorted(each.own / 1e6 for each in memory)[len(memory) // 2]
    report.header("agents at once", "started s", "turns s", "each MB")
    report.row(f"{count} agents", started, turned, own)
    report.figure("agents_at_once", count)
    report.figure("agents_start_s", started)
    report.figure("agents_turn_s", turned)
    report.figure("agent_uss_mb", own, 2)


def _turn(agent: Any) -> float:
    began = time.perf_counter()
    _check(agent.call("1 + 2?"))
    return time.perf_counter() - began


def _check(result: Any) -> None:
    if result != legion.Ok(3):
        raise AssertionError(f"Ok(3) expected: {result}")


def _row(report: Report, label: str, taken: list[float], key: str) -> None:
    sums = summarize(taken, 1e3)
    report.row(label, sums.p50, sums.p90, sums.p99, len(taken))
    report.figure(key, sums.p50)
