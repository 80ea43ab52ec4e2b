"""Real programs, each in its own process: what is sick is named, what is healthy but busy is not reported."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beamlens.skills.asyncio import Asyncio
from beamlens.skills.loop_blocks import LoopBlocks
from supervision.testing import wait_until
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.asyncio.program"
_FILE = "tests/beamlens/skills/asyncio/program.py"


def _finished_blocks(program: Watched, least: int) -> list[dict[str, Any]]:
    def blocks() -> list[dict[str, Any]] | None:
        found = [block for block in program.call("asyncio_blocks", 50) if block["over"]]
        return found if len(found) >= least else None

    return wait_until(blocks, timeout=60, interval=0.2) or []


@pytest.mark.parametrize(
    ("name", "function", "calls"),
    [
        ("sleeping", "blocks_by_sleeping", "time.sleep"),
        ("looping", "blocks_by_a_loop", None),
        ("in_c", "blocks_in_c", "sum"),
        ("pattern", "blocks_in_a_pattern", None),
    ],
)
def test_a_block_is_named_by_its_line_with_its_true_length(name: str, function: str, calls: str | None) -> None:
    with watched(Asyncio, _PROGRAM, name) as program:
        observation, *_, place, said = program.found("loop_blocked")
        assert said == function
        assert place.startswith(f"{_FILE}:")
        assert calls is None or calls in observation
        blocks, true = _finished_blocks(program, 3), program.call("true_lengths")
        # A machine that is busy otherwise adds blocks of its own, so each length is looked for among all.
        errors = [min(abs(block["ms"] - length) / length for block in blocks) for length in true[: len(blocks)]]
        assert sorted(errors)[len(errors) // 2] <= 0.1, (blocks, true)
        # Where C code holds the interpreter lock there is one look, at its end; it may come a moment too late.
        named = [block for block in blocks if block["func"] is not None]
        assert {block["func"] for block in named} == {function}
        assert 2 * len(named) >= len(blocks)
        whole = sum(block["whole_process"] for block in named)
        assert 2 * whole > len(named) if name in ("in_c", "pattern") else whole == 0, blocks


@pytest.mark.parametrize(
    ("name", "function"),
    [("in_c", "blocks_in_c"), ("pattern", "blocks_in_a_pattern"), ("sleeping", "blocks_by_sleeping")],
)
def test_a_block_is_named_while_it_lasts(name: str, function: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with watched(Asyncio, _PROGRAM, name, str(tmp_path)) as program, _outside(program, tmp_path) as outside:
        now = wait_until(lambda: _blocked_now(outside), timeout=30)
        assert now is not None
        assert now["func"] == function
        assert now["at"].startswith(f"{_FILE}:")
        assert not now["over"]
        assert any(function in frame for frame in now["stack"])
        over = wait_until(lambda: [row for row in outside.recent(50) if row["over"]], timeout=30)[-1]
        true = program.call("true_lengths")[0]
        assert over["ms"] == pytest.approx(true, rel=0.15)


@contextmanager
def _outside(program: Watched, directory: Path) -> Iterator[LoopBlocks]:
    outside = LoopBlocks(str(directory))
    outside.pid = program.process.pid
    outside.start()
    yield outside
    outside.stop()


def _blocked_now(outside: LoopBlocks) -> dict[str, Any] | None:
    rows = [loop["blocked_now"] for loop in outside.snapshot()["loops"]]
    return next((row for row in rows if row is not None and row["at"] is not None), None)


def test_without_a_signal_nothing_is_seen_from_outside(tmp_path: Path) -> None:
    with watched(Asyncio, _PROGRAM, "in_c") as program, _outside(program, tmp_path) as outside:
        program.found("loop_blocked")
        assert outside.snapshot()["watching"] is False
        assert "dump_signal" in outside.snapshot()["missing"][0]


def test_leaking_tasks_are_named_by_where_they_wait_and_who_creates_them() -> None:
    with watched(Asyncio, _PROGRAM, "leaking") as program:
        observation, context, *_, at, runs, born = program.found("task_growth")
        assert runs == "wait_for_an_answer"
        assert at.startswith(f"{_FILE}:")
        assert born.startswith(f"{_FILE}:")
        assert "leak_tasks" in context
        assert "event" in context
        assert "0 ended" in observation
        assert len(program.call("asyncio_oldest_tasks", 3)) == 3


def test_a_coroutine_that_nobody_awaits_is_named_with_the_line() -> None:
    with watched(Asyncio, _PROGRAM, "forgetful") as program:
        *_, runs, at = program.found("coroutine_never_awaited")
        assert runs == "save_order"
        assert at.startswith(f"{_FILE}:")
        assert program.call("asyncio_unawaited")["coroutines"][0]["dropped_in"] == "forget_to_await"


def test_tasks_that_wait_for_each_other_are_named() -> None:
    with watched(Asyncio, _PROGRAM, "circle") as program:
        observation, *_ = program.found("tasks_wait_for_each_other")
        assert "follower-0" in observation
        assert "follower-1" in observation


def test_a_process_that_was_stopped_from_outside_is_not_blocked_by_a_line_of_its_own() -> None:
    with watched(Asyncio, _PROGRAM, "healthy") as program:
        wait_until(lambda: program.look()["loops"])
        for _ in range(5):
            program.process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            wait_until(lambda since=stopped: time.monotonic() - since > 0.6)  # type: ignore[misc]
            program.process.send_signal(signal.SIGCONT)
            assert program.alarms(0.6) == []
        assert _finished_blocks(program, 5)[0]["whole_process"]


def test_a_loop_that_only_waits_for_a_processor_is_not_blocked() -> None:
    with watched(Asyncio, _PROGRAM, "starved") as program:
        wait_until(lambda: _lag(program) > 150, timeout=30, interval=0.1)
        assert program.alarms(12) == []
        assert program.look()["loops"][0]["lag_ms_p95"] > 150


def test_without_asking_the_kernel_it_would_be() -> None:
    with watched(Asyncio, _PROGRAM, "not_asked") as program:
        assert {block["func"] for block in _finished_blocks(program, 3)} & {"compute_a_little"}


def test_a_loop_that_waits_for_a_lock_whose_holder_waits_for_a_processor_is_not_blocked() -> None:
    with watched(Asyncio, _PROGRAM, "holder_starved") as program:
        wait_until(lambda: _lag(program) > 150, timeout=30, interval=0.1)
        # The kernel counts a wait when it is over; on a machine that is short of processors one can go on for seconds.
        assert set(program.alarms(12)) <= {"loop_stuck"}


def test_without_asking_for_the_other_threads_it_would_be() -> None:
    with watched(Asyncio, _PROGRAM, "holder_not_asked") as program:
        wait_until(lambda: _finished_blocks(program, 3), timeout=60, interval=0.5)


def _lag(program: Watched) -> float:
    loops = program.look()["loops"]
    return loops[0]["lag_ms_p95"] or 0.0 if loops else 0.0


@pytest.mark.parametrize("name", ["healthy", "busy"])
def test_connections_pools_jobs_and_threads_that_compute_are_no_findings(name: str) -> None:
    with watched(Asyncio, _PROGRAM, name) as program:
        assert program.alarms(16) == []
        assert all(each["errors"] == 0 for each in program.look()["collector"])
        assert sum(each["core_percent"] for each in program.look()["collector"]) < 1.0
