"""The whole demo, in programs of their own: what it is started for, it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
