"""Classes of a program's own script: they work, or `start()` says at once what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = '''
"""A script with actors of its own."""
import os, sys
from dataclasses import dataclass
from enum import Enum
from supervision import *

@wire_value
@dataclass(frozen=True)
class Point:
    x: int

class Colour(Enum):
    RED = 1

class Other(ProcessActor):
    def on_receive(self, message):
        return ["other", message]

class Greeter(ProcessActor):
    def __init__(self, name="you"):
        super().__init__()
        self.name = name

    def on_receive(self, message):
        if message == "values":
            return [Point(1), Colour.RED]
        if message == "start another":
            return Other.start()
        if message == "proxy":
            return Other.start().proxy().on_receive(1).get()
        if isinstance(message, Point | Colour):
            return message
        return [f"hello {self.name}", os.getpid() != self.application]

    @property
    def application(self):
        return os.getppid()

def main():
    tree = Supervisor.start([ChildSpec(id="greeter", start=(Greeter, ("world",)))])
    greeter = tree["greeter"]
    print(greeter.ask("hi", timeout=20)[0])
    assert greeter.ask("values", timeout=20) == [Point(1), Colour.RED], greeter.ask("values")
    assert greeter.ask(Point(7), timeout=20) == Point(7)
    other = greeter.ask("start another", timeout=20)
    print(other.ask(1, timeout=20), other.actor_class is Other)
    print(greeter.ask("proxy", timeout=20))
    import signal
    from supervision.testing import wait_until
    pid = greeter.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: greeter.pid not in (pid, None))
    print(greeter.ask("hi", timeout=20)[0])
    tree.stop()
'''
GUARDED = SCRIPT + '\nprint("loaded as", __name__)\nif __name__ == "__main__":\n    main()\n'
EXPECTED = ["hello world", "['other', 1] True", "['other', 1]", "hello world"]

SENTENCE_OF_A_CELL = "write the class into a .py file and import it from there"
CELL = """
from supervision import *

class Cell(ProcessActor):
    pass

try:
    Cell.start()
except SpecError as error:
    print("refused:", error)
"""


def run(*command: str, folder: Path, given: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        input=given,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_a_script_with_a_main_guard_works(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "program.py").write_text(GUARDED)
    lines = lines_of(run("program.py", folder=tmp_path, SUPERVISION_LAUNCHER=launcher))
    assert lines[0] == "loaded as __main__"
    assert [line for line in lines if not line.startswith("loaded as")] == EXPECTED
    assert lines.count("loaded as __main__") == 1  # in actors' processes the guard does not fire


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
@pytest.mark.parametrize("module", ["package.program", "package"])
def test_a_module_run_with_m_works(tmp_path: Path, launcher: str, module: str) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "program.py").write_text(GUARDED)
    (package / "__main__.py").write_text(GUARDED)
    lines = lines_of(run("-m", module, folder=tmp_path, SUPERVISION_LAUNCHER=launcher))
    assert [line for line in lines if not line.startswith("loaded as")] == EXPECTED
    assert lines.count("loaded as __main__") == 1


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_a_script_without_a_main_guard_is_refused_with_a_sentence(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "program.py").write_text(SCRIPT + "\nmain()\n")
    done = run("program.py", folder=tmp_path, SUPERVISION_LAUNCHER=launcher)
    assert done.returncode == 1
    assert 'put what starts them under `if __name__ == "__main__":`' in done.stderr
    assert "StartError" in done.stderr


def test_a_script_without_actors_of_its_own_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    (tmp_path / "program.py").write_text("import mine\nmine.main()\n")
    assert lines_of(run("program.py", folder=tmp_path)) == EXPECTED


def test_a_script_in_another_folder_and_with_an_odd_name_works(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "my program-2.py").write_text(GUARDED)
    lines = lines_of(run("deep/my program-2.py", folder=tmp_path))
    assert [line for line in lines if not line.startswith("loaded as")] == EXPECTED


def test_a_script_that_raises_when_it_is_loaded_says_so(tmp_path: Path) -> None:
    source = SCRIPT + '\nif __name__ != "__main__":\n    raise RuntimeError("not twice")\nelse:\n    main()\n'
    (tmp_path / "program.py").write_text(source)
    done = run("program.py", folder=tmp_path)
    assert done.returncode == 1
    assert "RuntimeError: not twice" in done.stderr


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
@pytest.mark.parametrize("way", ["c", "stdin", "interactive", "notebook"])
def test_a_class_that_only_a_session_knows_is_refused_with_a_sentence(tmp_path: Path, way: str, launcher: str) -> None:
    # A notebook's cells are run by exec in a `__main__` that has neither file nor spec.
    notebook = (
        "import sys, types\nmain = types.ModuleType('__main__')\nsys.modules['__main__'] = main\n"
        f"exec(compile({CELL!r}, '<ipython-input-1>', 'exec'), main.__dict__)\n"
    )
    arguments: dict[str, tuple[list[str], str | None]] = {
        "c": (["-c", CELL], None),
        "stdin": (["-"], CELL),
        "interactive": (["-i", "-q"], CELL.replace("\ntry", "\n\ntry").replace("error)\n", "error)\n\n")),
        "notebook": (["-c", notebook], None),
    }
    command, given = arguments[way]
    done = run(*command, folder=tmp_path, given=given, SUPERVISION_LAUNCHER=launcher)
    assert "refused: Cell is defined in an interactive session or a notebook cell" in done.stdout, done.stderr
    assert SENTENCE_OF_A_CELL in done.stdout


def test_a_class_typed_after_a_script_was_run_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """`python -i script.py`: the script has a file, which does not have the class."""
    (tmp_path / "program.py").write_text("x = 1\n")
    given = (
        "from supervision import *\nclass Typed(ProcessActor): pass\n\n"
        "try: Typed.start()\nexcept Exception as error: print('refused:', type(error).__name__, error)\n\n"
    )
    done = run("-i", "program.py", folder=tmp_path, given=given)
    assert "refused: SpecError Typed is defined in an interactive session" in done.stdout, done.stderr


def test_imported_classes_work_in_a_session(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    source = "import mine\nref = mine.Greeter.start('cell')\nprint(ref.ask('hi', timeout=20)[0])\nref.stop()\n"
    assert lines_of(run("-c", source, folder=tmp_path)) == ["hello cell"]
    assert lines_of(run("-", folder=tmp_path, given=source)) == ["hello cell"]


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_the_portable_launcher_does_what_the_zygote_does(tmp_path: Path, launcher: str) -> None:
    source = """
from supervision import *
from supervision.process import application
from tests.actors.actors import BrokenInit, NoSuper, Subject
from tests.actors.actors import Recorder
from supervision.testing import wait_until

def outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error).splitlines()[0]

recorder = Recorder.start()
one, two = Subject.start(recorder), Subject.start(recorder)
print(one.ask(("ask", two, ("echo", 1)), timeout=20))
print(outcome(lambda: one.ask(("ask", two, ("ask", one, ("echo", 1))), timeout=20))[0])
print(outcome(BrokenInit.start))
print(outcome(NoSuper.start)[0])
print(outcome(lambda: one.ask(("sys_exit", 3), timeout=20))[0])
print(wait_until(lambda: two.ask(("async_ask", recorder, "all"), timeout=20)[0]))
print(two.stop(), outcome(lambda: two.ask(("echo", 1), timeout=20))[0])
print(recorder.ask("all"))
print(type(application.application().launcher).__name__)
"""
    lines = lines_of(run("-c", source, folder=tmp_path, SUPERVISION_LAUNCHER=launcher))
    assert lines == [
        "1",
        "AskCycle",
        "('StartError', 'BrokenInit did not start: RuntimeError: no luck in __init__')",
        "StartError",
        "RemoteError",
        "['on_stop']",
        "True ActorDown",
        "['on_stop', 'on_stop']",
        "ZygoteLauncher" if launcher == "zygote" else "SpawnLauncher",
    ]
