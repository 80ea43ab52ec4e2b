"""The sub-commands that talk to running programs, in processes of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervision.testing import wait_until
from tests.beamlens.control.program import OBSERVATION
from tests.beamlens.control.programs import ROOT, Running, environment, running


def beamlens(runtime: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    runtime.chmod(0o700)
    return subprocess.run(
        [sys.executable, "-m", "beamlens.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(runtime),
        timeout=50,
        check=False,
    )


def harmless(done: subprocess.CompletedProcess[str]) -> bool:
    return all(each.isprintable() or each == "\n" for each in done.stdout + done.stderr)


def test_where_nothing_runs_it_says_so(tmp_path: Path) -> None:
    done = beamlens(tmp_path, "ps")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no such program" in done.stderr
    assert json.loads(beamlens(tmp_path, "ps", "--json").stdout) == []
    for command in (["message", "vm", "hi"], ["run", "x"], ["tree"], ["events"], ["cancel"]):
        done = beamlens(tmp_path, *command)
        assert done.returncode == 3, command
        assert "no program of this user runs BeamLens" in done.stderr


def test_a_running_program_is_listed_drawn_and_asked(tmp_path: Path) -> None:
    with running(tmp_path, provider="rules") as program:
        done = beamlens(tmp_path, "ps")
        assert done.returncode == 0
        assert f"pid {program.process.pid}" in done.stdout
        assert "toy" in done.stdout
        assert harmless(done)
        assert r"Toy \x1b[31m" in done.stdout  # the skill's title
        found = json.loads(beamlens(tmp_path, "ps", "--json").stdout)
        assert [(each["pid"], each["answers"]) for each in found] == [(program.process.pid, True)]
        assert "└─ control  running  thread" in beamlens(tmp_path, "tree").stdout
        assert json.loads(beamlens(tmp_path, "tree", "--json").stdout)["pid"] == program.process.pid
        done = beamlens(tmp_path, "message", "toy", "what do you see?")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip()
        answer = json.loads(beamlens(tmp_path, "message", "toy", "what?", "--json").stdout)
        assert answer["operator"] == "toy"
        done = beamlens(tmp_path, "message", "nobody", "hi")
        assert done.returncode == 3
        assert "there is no operator 'nobody'; there are: toy" in done.stderr
        assert beamlens(tmp_path, "ps", "--pid", "1").returncode == 3
        assert beamlens(tmp_path, "events", "nope").returncode == 2


def test_a_run_shows_its_progress_and_its_outcome(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        done = beamlens(tmp_path, "run", "memory alert")
        assert done.returncode == 0
        assert harmless(done)
        assert "toy reports" in done.stderr
        assert "coordinator concludes" in done.stderr
        assert OBSERVATION in done.stdout
        assert "cause: A cache without bound." in done.stdout
        assert program.process.poll() is None


def test_a_quiet_run_gives_one_json_value(tmp_path: Path) -> None:
    with running(tmp_path):
        done = beamlens(tmp_path, "run", "x", "--json", "--quiet", "--operator", "toy")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["ending"] == "done"
        assert done.stdout.isascii()


def test_a_run_that_fails_is_told_by_the_exit_code(tmp_path: Path) -> None:
    with running(tmp_path, slow=True):
        done = beamlens(tmp_path, "run", "x", "--deadline", "0.5")
        assert done.returncode == 1
        assert "ended: deadline" in done.stdout


@contextmanager
def _start(runtime: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command; it is killed where a test did not end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "beamlens.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(runtime),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_cancels_the_run(tmp_path: Path) -> None:
    with running(tmp_path, slow=True) as program, _start(tmp_path, "run", "x") as command:
        wait_until(lambda: _runs(program), 20)
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=20)
        assert (command.returncode, "Traceback" in errors) == (130, False), errors
        wait_until(lambda: not _runs(program), 20)


def _runs(program: Running) -> bool:
    return bool(program.ask("ps")["coordinator"]["running"])


def test_events_are_followed_a_line_each(tmp_path: Path) -> None:
    with running(tmp_path) as program, _start(tmp_path, "events", "operator", "--follow") as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stderr.readline() == "listening ...\n"
        program.ask("run", reason="x")
        lines = [command.stdout.readline() for _ in range(5)]
        assert all("  operator." in line for line in lines)
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 130


def test_events_for_a_time_as_json(tmp_path: Path) -> None:
    with running(tmp_path) as program, _start(tmp_path, "events", "--seconds", "6", "--json") as command:
        over = threading.Event()

        def run_again_and_again() -> None:  # nobody says when the command listens
            while not over.is_set():
                program.ask("run", reason="x")

        thread = threading.Thread(target=run_again_and_again)
        thread.start()
        try:
            output, _ = command.communicate(timeout=40)
        finally:
            over.set()
            thread.join(20)
        assert command.returncode == 0
        assert output.isascii()
        names = {json.loads(line)["name"] for line in output.splitlines()}
        assert "beamlens.coordinator.run_started" in names


def test_of_several_trees_one_is_chosen(tmp_path: Path) -> None:
    with running(tmp_path, names=["one", "two"]) as program:
        done = beamlens(tmp_path, "tree")
        assert done.returncode == 2
        assert f"--pid {program.process.pid} --name one" in done.stderr
        assert beamlens(tmp_path, "tree", "--name", "two").stdout.startswith("two ")
        assert len(json.loads(beamlens(tmp_path, "ps", "--json").stdout)) == 2
        assert beamlens(tmp_path, "tree", "--name", "three").returncode == 3
