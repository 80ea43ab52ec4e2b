"""The task of the demo: with the scripted model and a kill, and through the real SDK."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from beamlens.cli import legion_demo
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


@pytest.mark.parametrize(("provider", "killed"), [("scripted", True), ("stub", True), ("stub", False)])
def test_the_demo_as_one_line_of_json(provider: str, killed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")  # put back afterwards; the stub wants one, too
    out = io.StringIO()
    assert legion_demo.main(["--json", "--provider", provider, *([] if killed else ["--no-kill"])], out) == 0
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert (said["status"], said["value"]) == ("ok", {"numbers": [1, 3], "dollars": 220.0})
    assert (said["processes"], said["evaluations"], said["iterations"]) == (2 if killed else 1, 2, 2)
    assert isinstance(said["killed"], int) is killed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    piped, terminal = io.StringIO(), Terminal()
    assert main(["--no-kill"], piped) == main(["--no-kill"], terminal) == 0
    assert "\033" not in piped.getvalue()
    assert "\033[" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    main(["--no-kill"], plain)
    assert "\033" not in plain.getvalue()


@pytest.mark.parametrize("provider", ["nobody", "rules"])
def test_what_cannot_begin_is_told_in_a_line(provider: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--provider", provider], io.StringIO()) == 2
    said = capsys.readouterr().err
    assert said.startswith("beamlens legion demo: ")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m beamlens legion demo --no-kill | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=50, env=here())
    assert "agent:started Clerk" in done.stdout
    assert done.stderr == ""


def here() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": "."}


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
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=here())
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
