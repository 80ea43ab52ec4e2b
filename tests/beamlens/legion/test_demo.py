"""The task of the demo: with the scripted model and a kill, and through the real SDK."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import pytest

from beamlens.legion import Ok
from beamlens.legion.demo import SCRIPT, TASK, Clerk, Late, main
from beamlens.testing import StubAnthropic, tool_message
from tests.beamlens.legion.conftest import Tree

ANSWER = Ok(Late([1, 3], 220.0))


def test_the_demo_is_killed_and_answers() -> None:
    out = io.StringIO()
    assert main([], out) == 0
    told = out.getvalue()
    assert str(ANSWER) in told
    assert told.index("eval:stop ok") < told.index("SIGKILL") < told.rindex("agent:started")


def test_the_demo_without_a_kill() -> None:
    out = io.StringIO()
    assert main(["--no-kill"], out) == 0
    assert "SIGKILL" not in out.getvalue()
    assert out.getvalue().count("agent:started") == 1


def test_the_task_through_the_real_sdk(start: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    with StubAnthropic() as server:
        for step in SCRIPT["*"]["steps"]:
            server.enqueue(tool_message("reply", step["arguments"]))
        options: dict[str, Any] = {"base_url": server.url, "model": "claude-haiku-5-5"}
        assert start(provider="anthropic", provider_options=options).execute(Clerk, TASK) == ANSWER


@pytest.mark.slow
def test_it_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "beamlens.legion", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stderr
    assert "Late(numbers=[1, 3], dollars=220.0)" in done.stdout
    assert subprocess.run(command[:-1], capture_output=True, timeout=50).returncode == 2


def test_importing_it_is_light() -> None:
    code = (
        "import sys, beamlens.legion as legion; legion.Agent; legion.Ok; "
        "bad = {'anthropic', 'lupa', 'pydantic', 'psutil', 'sqlite3', 'psycopg'} & set(sys.modules); "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
