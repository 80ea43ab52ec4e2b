"""The whole demo, in programs of their own: what it is started for, it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from supervision.testing import wait_until

ROOT = Path(__file__).parents[3]


def _demo(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    environment = {name: value for name, value in os.environ.items() if name != "ANTHROPIC_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-m", "beamlens.demo", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, lines, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_fault_is_found_over_the_death_of_an_operator() -> None:
    code, lines, said = _demo("exceptions", "--json")
    assert code == 0, said
    result, total = lines
    assert result["found"] is True
    assert (result["fault"], result["cause"]) == ("exceptions", "exception_storm")
    assert result["crashes_survived"] == result["killed"] == 1
    assert result["false_alarms"] == []
    assert total["good"] is True


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_demo_shows_what_it_does_line_by_line(tmp_path: Path) -> None:
    code, _, said = _demo("lock", "--plain", "--keep", str(tmp_path))
    assert code == 0, said
    for part in (
        "nothing is wrong yet, and 0 warnings came",
        "SIGKILL for operator vm",
        "goes on in a new process",
        "What BeamLens says:",
        "What it really was:",
        "FOUND, ",
        "operators killed: 1, survived: 1",
    ):
        assert part in said, said
    assert list(tmp_path.glob("*.journal"))


@pytest.mark.slow
def test_a_demo_that_is_terminated_ends_all_that_it_started(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [sys.executable, "-m", "beamlens.demo", "lock", "--plain", "--provider", "rules"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert demo.stdout is not None
    started = next(line for line in demo.stdout if "the shop runs, process" in line)
    shop = int(started.partition("process ")[2].partition(",")[0])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("beamlens-demo-")]
    demo.terminate()
    demo.stdout.read()
    demo.stdout.close()
    assert demo.wait(60) == 130
    wait_until(lambda: not Path(f"/proc/{shop}").exists(), timeout=30)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("beamlens-demo-")] == []


@pytest.mark.slow
def test_a_provider_that_cannot_work_is_said_so() -> None:
    code, lines, said = _demo("lock", "--json", "--provider", "nobody")
    assert (code, lines) == (1, [])
    assert "beamlens demo: the shop ended too early" in said
    assert "nobody" in said
