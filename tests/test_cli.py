"""`python -m supervision tree PID`, against real programs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supervision import cli
from supervision.process import board
from supervision.process.application import shutdown
from supervision.testing import wait_until

pytestmark = pytest.mark.skipif(not board.supported(), reason="needs memfd_create and /proc")

ROOT = Path(__file__).parent.parent
PROGRAM = """
import json, os, sys
from supervision import ChildSpec, Supervisor
from supervision.demo.actors import Service
kwargs = {"children": [Service], "strategy": "one_for_all"}
nested = ChildSpec(id="web", start=(Supervisor, (), kwargs), type="supervisor")
tree = Supervisor.start([ChildSpec(id="cache", start=(Service, ())), nested], name="shop")
alone = Service.start()
print(json.dumps({"cache": tree["cache"].pid, "alone": alone.pid}), flush=True)
for line in sys.stdin:
    if line == "stop\\n":
        tree.stop()
    print("done", flush=True)
"""


class Program:
    """Run a program with a tree in a process of its own."""

    def __init__(self, source: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", source], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self.said: dict[str, int] = json.loads(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def do(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        assert self._line() == "done\n"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program(PROGRAM)
    wait_until(lambda: shown(made.pid)[0] == 0)
    yield made
    made.signal(signal.SIGCONT)
    made.end()


def shown(pid: int, *options: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "supervision", "tree", str(pid), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def tree_of(pid: int) -> dict[str, Any]:
    code, out, error = shown(pid, "--json")
    assert code == 0, error
    content: dict[str, Any] = json.loads(out)
    assert len(content["trees"]) == 1
    return content["trees"][0]  # type: ignore[no-any-return]


def refusal(pid: int) -> str:
    code, out, error = shown(pid)
    assert (code, out) == (1, "")
    assert error.startswith("supervision tree: ")
    assert error.count("\n") == 1, "one sentence and no traceback"
    return error


def test_the_tree_of_a_running_program_is_drawn(program: Program) -> None:
    code, out, error = shown(program.pid)
    assert (code, error) == (0, "")
    first, cache, web, service, _, last = out.splitlines()
    assert first == f"shop  supervisor, one_for_one, running, in process {program.pid}"
    assert cache.startswith(f"├─ cache  running  pid {program.said['cache']}  ")
    assert cache.endswith(" MB")
    assert web == "└─ web  running  supervisor, one_for_all"
    assert service.startswith("   └─ Service  running  pid ")
    assert last.startswith("last change ")


def test_json_has_what_the_drawing_has(program: Program) -> None:
    tree = tree_of(program.pid)
    cache, web = tree["children"]
    assert tree["strategy"] == "one_for_one"
    assert cache["pid"] == program.said["cache"]
    assert cache["restarts"] == 0
    assert cache["memory_bytes"] > 100_000
    assert [row["id"] for row in web["children"]] == ["Service"]


def test_a_restart_is_seen(program: Program) -> None:
    os.kill(program.said["cache"], signal.SIGKILL)
    wait_until(lambda: tree_of(program.pid)["children"][0]["restarts"] == 1)
    row = tree_of(program.pid)["children"][0]
    assert row["pid"] != program.said["cache"]
    assert row["state"] == "running"


def test_a_program_that_hangs_is_drawn_with_what_the_kernel_knows_of_its_children(program: Program) -> None:
    program.signal(signal.SIGSTOP)
    os.kill(program.said["cache"], signal.SIGKILL)
    wait_until(lambda: tree_of(program.pid)["children"][0]["state"] == "gone")
    code, out, _ = shown(program.pid)
    assert code == 0
    assert f"cache  gone  pid {program.said['cache']}" in out


def test_an_actor_names_the_program_that_it_belongs_to(program: Program) -> None:
    for pid in program.said.values():
        assert f"belongs to process {program.pid}: python -m supervision tree {program.pid}" in refusal(pid)


def test_a_program_whose_tree_was_stopped_has_none(program: Program) -> None:
    program.do("stop")
    wait_until(lambda: "no tree runs in it at the moment" in shown(program.pid)[2])


def test_a_program_without_supervision_has_no_tree() -> None:
    shutdown()  # else the program would belong to this process, as a subprocess of one that has actors
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert f"process {other.pid} runs no supervision tree" in refusal(other.pid)
        other.communicate()
        assert f"there is no process {other.pid}" in refusal(other.pid)


def test_a_process_that_nobody_waited_for_has_ended() -> None:
    other = subprocess.Popen([sys.executable, "-c", "pass"])
    wait_until(lambda: Path(f"/proc/{other.pid}/stat").read_text().rpartition(") ")[2][0] == "Z")
    assert "has ended; its parent has not waited for it yet" in refusal(other.pid)
    other.wait()


def test_another_users_process_is_refused_with_its_owner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(path: str) -> list[str]:
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", forbidden)
    monkeypatch.setattr(os, "getuid", lambda: 4_294_967_000)
    assert cli.main(["tree", str(os.getpid())]) == 1
    assert "another user's" in capsys.readouterr().err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become someone else")
def test_a_real_other_user_is_refused(program: Program) -> None:
    become = "import os, shutil, sys; from supervision.cli import main; os.setuid(65534); sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", become, "tree", str(program.pid)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "another user's (root)" in done.stderr


def test_a_system_without_memory_files_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    assert cli.main(["tree", str(os.getpid())]) == 1
    assert "needs Linux" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tree"],
        ["tree", "x"],
        ["tree", "0"],
        ["tree", "-1"],
        ["demo", "--seconds", "nan"],
        ["demo", "--seconds", "-1"],
        ["demo", "--kills-per-second", "0"],
        ["other"],
    ],
)
def test_wrong_arguments_are_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: supervision" in capsys.readouterr().err
