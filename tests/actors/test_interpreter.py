"""Actors run in the interpreter that the program runs in: its switches, its path, its surroundings."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from supervision import Ref
from supervision.testing import wait_until
from tests.faults.actors import Subject
from tests.faults.helpers import ROOT, Program, own_runtime, zygote_pid

SWITCHES = """
import sys
sys.path.insert(0, sys.argv[1])  # -I and -E hide PYTHONPATH
sys.path.insert(0, sys.argv[2])
from supervision import ProcessActor
from switches_actor import Switches
if __name__ == "__main__":
    told = Switches.start().ask("switches", timeout=30)
    print(told == [Switches.own(), True], told)
"""
ACTOR = """
import sys, warnings
from supervision import ProcessActor
class Switches(ProcessActor):
    @staticmethod
    def own():
        return [repr(sys.flags), repr(sys._xoptions), repr(sys.warnoptions), __debug__]
    def on_receive(self, message):
        return [self.own(), True]
"""


def run(folder: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("switches", ["", "-O", "-W error", "-X dev", "-b", "-I", "-E -s", "-P"])
def test_actors_have_the_programs_switches_and_nothing_is_said(tmp_path: Path, switches: str) -> None:
    (tmp_path / "switches_actor.py").write_text(ACTOR)
    (tmp_path / "program.py").write_text(SWITCHES)
    done = run(tmp_path, *switches.split(), "program.py", ROOT, tmp_path)
    assert done.stdout.startswith("True"), done.stdout + done.stderr
    assert done.stderr == ""


def test_a_file_of_the_working_directory_is_not_taken_for_a_module_of_pythons(tmp_path: Path) -> None:
    """As where an installed command is run: its path does not have the working directory."""
    for name in ("socket", "selectors", "contextlib", "msgpack", "logging", "random"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
    program = tmp_path / "elsewhere" / "program.py"
    program.parent.mkdir()
    program.write_text("from tests.actors_for_smoke import Counter\nprint(Counter.start(3).ask('up', timeout=30))\n")
    done = run(tmp_path, program, SUPERVISION_LAUNCHER="zygote")
    assert done.stdout.strip() == "4", done.stderr
    assert done.stderr == ""


SCRIPT = """#!{python}
from supervision import ProcessActor
class Mine(ProcessActor):
    def on_receive(self, message):
        return message + 1
if __name__ == "__main__":
    print(Mine.start().ask(4, timeout=30))
"""


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_a_script_that_is_run_by_its_name_needs_no_suffix(tmp_path: Path, launcher: str) -> None:
    script = tmp_path / "serve"
    script.write_text(SCRIPT.format(python=sys.executable))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "SUPERVISION_LAUNCHER": launcher}
    done = subprocess.run([script], env=variables, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout.strip() == "5", done.stderr


def test_a_script_in_an_archive_is_refused_with_a_sentence(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
        archive.writestr("__main__.py", SCRIPT)
    done = run(tmp_path, "program.zip")
    assert "write the class into a .py file and import it from there" in done.stderr


class Where(Subject):
    """Say what surrounds it."""

    def do_where(self, name: str) -> list[Any]:
        return [os.environ.get(name), os.getcwd()]


def test_a_fork_server_that_is_replaced_makes_no_difference_to_what_surrounds_actors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment and working directory are those of the first start."""
    monkeypatch.setenv("SUPERVISION_TEST_ONE", "first")
    with own_runtime(spares=0):
        before = _where(Where.start())
        monkeypatch.setenv("SUPERVISION_TEST_ONE", "second")
        monkeypatch.chdir(tmp_path)
        assert _where(Where.start()) == before == ["first", str(ROOT)]
        first = zygote_pid()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: zygote_pid() != first)
        assert _where(Where.start()) == before
    with own_runtime(spares=0):
        assert _where(Where.start()) == ["second", str(tmp_path)]


def _where(ref: Ref) -> Any:
    try:
        return ref.ask(("where", "SUPERVISION_TEST_ONE"), timeout=20)
    finally:
        ref.stop()


def test_a_working_directory_that_is_gone_hinders_nothing() -> None:
    source = """
import tempfile
folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)
ref = Subject.start()
first = zygote_pid()
os.kill(first, signal.SIGKILL)
wait_until(lambda: zygote_pid() != first)
say([ref.ask(("echo", 1), timeout=20), Subject.start().ask(("echo", 2), timeout=20)])
"""
    with Program(source) as program:
        assert program.hear() == [1, 2]
        assert program.end() == 0


def test_few_descriptors_are_enough_for_a_few_actors() -> None:
    source = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (26, 4096))
configure(spares=0)
refs = [Subject.start() for _ in range(3)]
say([ref.ask(("echo", 1), timeout=20) for ref in refs])
say(type(application.application().launcher).__name__)
"""
    with Program(source) as program:
        assert program.hear() == [1, 1, 1]
        assert program.end() == 0
        assert program.errors() == ""
