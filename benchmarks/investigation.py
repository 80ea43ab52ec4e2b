"""What an investigation costs beside the model's time: a step, twelve operators at once, memory of the whole tree.

The model is a script in the gateway's process: it answers at once, so what is measured is ours. A step's overhead is
the time from one `iteration_start` to the next, without what the model took (`llm.stop` says it; the way to the
gateway and back is in it and is reported apart) and without the skill's own work.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

import psutil

from beamlens import Skill, telemetry
from beamlens.lens import Lens
from beamlens.supervisor import Beamlens
from beamlens.testing import StubAnthropic, tool_message
from benchmarks.memory import read_memory
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.runtime import runtime
from benchmarks.stats import summarize

__all__ = ["TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {
    "step_overhead_ms_p50": ("<=", 5.0),
    "tree_pss_mb": ("<=", 200.0),
    "tree_pss_no_sdk_mb": ("<=", 60.0),
}
OPERATORS: Final = 12
_STEPS: Final = 10
_KEY: Final = "BEAMLENS_BENCHMARK_KEY"
_COLUMNS: Final = ("p50", "p90", "p99", "count")


class Subject(Skill):
    """A subject that costs nothing to look at."""

    id = "subject"
    title = "Subject"
    description = "Something to look at"
    system_prompt = "You watch a subject."

    def snapshot(self) -> dict[str, Any]:
        """Return a small snapshot."""
        return {"size": 1, "names": ["a", "b"], "rate": 0.5}

    def callbacks(self) -> dict[str, Any]:
        """Return one callback."""
        return {"subject_size": lambda: 1}

    def callback_docs(self) -> str:
        """Return its documentation."""
        return "### subject_size()\nIts size."


def _finding(number: int) -> list[Any]:
    said = {"type": "size", "context": "c", "observation": f"size {number}", "severity": "warning"}
    return ["send_notification", {**said, "snapshot_ids": [{"$last_snapshot_id": True}]}]


SCRIPT: Final[list[Any]] = [
    ["take_snapshot", {}],
    ["execute", {"code": "return subject_size() + 1"}],
    ["set_state", {"state": "observing", "reason": "r"}],
    ["take_snapshot", {}],
    ["execute", {"code": "return subject_size() + 2"}],
    ["think", {"thought": "t"}],
    ["get_snapshots", {"limit": 2}],
    _finding(1),
    ["set_state", {"state": "warning", "reason": "r"}],
    ["done", {}],
]


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Investigation: what an operator's run costs beside its model")
    # The application's own provider keys, if there are any, have nothing to do with this.
    with runtime(spares=1), _tree(_scripted(), 1) as lens:
        _steps(options, report, lens)
    with runtime(spares=1), _tree(_scripted(), OPERATORS) as lens:
        report.figure("tree_pss_idle_mb", _memory(report, lens, "12 operators that have not run, no SDK"), 1)
        _all_at_once(options, report, lens)
        report.figure("tree_pss_no_sdk_mb", _memory(report, lens, "12 operators that have run, no SDK"), 1)
    with runtime(spares=1), StubAnthropic() as stub, _key(), _tree(_anthropic(stub.url), OPERATORS) as lens:
        stub.always(tool_message("done"))
        endings = {run.wait(timeout=120).ending for run in [each.run_async("look") for each in _handles(lens)]}
        if endings != {"done"}:
            raise AssertionError(f"runs that are done were expected: {endings}")
        report.figure("tree_pss_mb", _memory(report, lens, "12 operators that have run, the SDK in the gateway"), 1)
    report.verdicts(TARGETS)


# -- trees ---------------------------------------------------------------------------------------


def _scripted() -> dict[str, Any]:
    script = {"operator": {"steps": SCRIPT, "position": "turns"}}
    return {"provider": "scripted", "provider_options": {"script": script}}


def _anthropic(url: str) -> dict[str, Any]:
    return {"provider": "anthropic", "provider_options": {"base_url": url, "api_key_env": _KEY}}


@contextlib.contextmanager
def _key() -> Iterator[None]:
    os.environ[_KEY] = "sk-ant-of-a-benchmark"
    try:
        yield
    finally:
        del os.environ[_KEY]


@contextlib.contextmanager
def _tree(provider: dict[str, Any], count: int) -> Iterator[Lens]:
    operators = [{"name": f"subject{number}", "skill": Subject} for number in range(count)]
    lens = Beamlens.start(operators=operators, transcripts=False, control=False, **provider)
    try:
        yield lens
    finally:
        lens.stop()


def _handles(lens: Lens) -> list[Any]:
    return [lens.operator(name) for name in lens.operator_names()]


# -- the rows ------------------------------------------------------------------------------------


class _Clock:
    """Hear when steps begin, how long their model took, and what their tools were."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int, int]] = []  # run, iteration, nanoseconds
        self.model: dict[tuple[str, int], int] = {}
        self.tools: dict[tuple[str, int], str] = {}

    def hear(self, name: Any, measurements: Any, metadata: Any, _config: object) -> None:
        key = (str(metadata["trace_id"]), int(metadata.get("iteration", 0)))
        if name[1] == "operator":
            ended = name[2] == "run_stopped"
            self.begun.append((key[0], -1 if ended else key[1], measurements["system_time"]))
        elif name[1] == "llm":
            self.model[key] = measurements["duration"]
        else:
            self.tools[key] = metadata["tool_name"]

    def steps(self) -> Iterator[tuple[str, float, float]]:
        """Yield (tool, seconds of the step, seconds of its model with the way there) of each step."""
        for (run, iteration, begun), (next_run, _, ended) in zip(self.begun, self.begun[1:], strict=False):
            key = (run, iteration)
            if run == next_run and key in self.model:
                yield self.tools.get(key, "?"), (ended - begun) / 1e9, self.model[key] / 1e9


def _steps(options: Options, report: Report, lens: Lens) -> None:
    events = [("beamlens", "operator", "iteration_start"), ("beamlens", "operator", "run_stopped")]
    events += [("beamlens", "llm", "stop"), ("beamlens", "tool", "stop")]
    (operator,) = _handles(lens)
    operator.run("warm up", timeout=60)
    clock = _Clock()
    telemetry.attach_many("benchmark", events, clock.hear)
    try:
        for _ in range(options.count(60, 20, 2)):
            operator.run("look", timeout=60)
        _settle(clock)
    finally:
        telemetry.detach("benchmark")
    steps = list(clock.steps())
    report.header("one operator, a step (ms)", *_COLUMNS)
    _row(report, "step, the model's answer included", [step for _, step, _ in steps])
    _row(report, "the way to the gateway and back", [model for _, _, model in steps])
    for tool in dict.fromkeys(name for name, _, _ in steps):
        _row(report, f"  {tool}", [step for name, step, _ in steps if name == tool])
    # The scripted model takes no time: all of a step is ours, the way to the gateway and back as well.
    report.figure("step_overhead_ms_p50", summarize([step for _, step, _ in steps], 1e3).p50)
    report.figure("step_overhead_ms_p99", summarize([step for _, step, _ in steps], 1e3).p99)
    report.figure("gateway_round_trip_ms_p50", summarize([model for _, _, model in steps], 1e3).p50)


def _settle(clock: _Clock, seconds: float = 2.0) -> None:
    """Wait for events that are on their way still."""
    deadline, known = time.monotonic() + seconds, -1
    while known != len(clock.begun) and time.monotonic() < deadline:
        known = len(clock.begun)
        time.sleep(0.05)


def _row(report: Report, label: str, seconds: list[float]) -> None:
    found = summarize(seconds, 1e3)
    report.row(label, found.p50, found.p90, found.p99, found.count)


def _all_at_once(options: Options, report: Report, lens: Lens) -> None:
    handles = _handles(lens)
    taken: list[float] = []
    for _ in range(options.count(10, 4, 1)):
        began = time.perf_counter()
        runs = [handle.run_async("look") for handle in handles]
        completions = [run.wait(timeout=120) for run in runs]
        taken.append(time.perf_counter() - began)
        if any(each.ending != "done" or each.iterations != _STEPS for each in completions):
            raise AssertionError(f"runs of {_STEPS} steps were expected: {completions}")
    report.header(f"{len(handles)} operators at once, {_STEPS} steps each (s)", "p50", "low", "high", "count")
    report.row("all of them", statistics.median(taken), min(taken), max(taken), len(taken))
    report.figure("twelve_runs_s", statistics.median(taken))
    report.figure("twelve_runs_step_ms", statistics.median(taken) * 1e3 / (len(handles) * _STEPS))


def _memory(report: Report, lens: Lens, label: str) -> float:
    """Return the megabytes of all processes that the tree has started: fork servers, spares and Lua's included."""
    processes = psutil.Process().children(recursive=True)
    shares: dict[int, float] = {}
    for process in processes:
        with contextlib.suppress(OSError, psutil.Error):
            shares[process.pid] = read_memory(process.pid).share / 2**20
    operators = [lens["operators"][name].pid for name in lens.operator_names()]
    parts = {"gateway": lens["gateway"].pid, "coordinator": lens["coordinator"].pid}
    report.header(f"{label}: memory (PSS, MB)", "MB", "processes")
    for name, pid in parts.items():
        report.row(name, shares.get(pid, 0.0), 1)
    ours = sum(shares.get(pid, 0.0) for pid in operators)
    report.row(f"{len(operators)} operators", ours, len(operators))
    rest = sum(shares.values()) - ours - sum(shares.get(pid, 0.0) for pid in parts.values())
    report.row("fork servers, spares, Lua's server", rest, len(shares) - len(operators) - len(parts))
    report.row("all", sum(shares.values()), len(shares))
    return sum(shares.values())
