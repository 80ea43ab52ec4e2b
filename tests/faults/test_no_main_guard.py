"""A script that starts actors at its top level and has no guard: a sentence, and no storm of processes."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from supervision.testing import wait_until
from tests.faults.helpers import MARK, ROOT, marked

# Each process that loads the script says so. Without the defence each would start others that load it, and
# so on: the script itself ends that at a depth of four.
SCRIPT = """
import os, sys
depth = int(os.environ.get("DEPTH", "0"))
with open(__file__ + ".loads", "a") as file:
    file.write(f"{depth}\\n")
if depth > 4:
    raise SystemExit("enough")
os.environ["DEPTH"] = str(depth + 1)

from supervision import *
from supervision.process import context
if sys.argv[1:] == ["undefended"]:
    context.set_loading_script(False)
    context._spawning = lambda: False

class Mine(ProcessActor):
    pass

CALL
"""
CALLS = {
    "a tree": "Supervisor.start([ChildSpec(id=n, start=(Mine, ())) for n in range(3)])",
    "an actor": "for _ in range(3): Mine.start()",
}


def run(folder: Path, call: str, launcher: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[int]]:
    """Run the script until it ends and nothing is left of it; return how it ended and the depth of each load."""
    script = folder / "program.py"
    script.write_text(SCRIPT.replace("CALL", CALLS[call]))
    mark = secrets.token_hex(8)
    done = subprocess.run(
        [sys.executable, script.name, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SUPERVISION_LAUNCHER": launcher, MARK: mark},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    wait_until(lambda: not marked(mark))
    return done, [int(line) for line in (folder / "program.py.loads").read_text().split()]


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
@pytest.mark.parametrize("call", CALLS)
def test_it_ends_with_a_sentence_and_after_few_loads(tmp_path: Path, call: str, launcher: str) -> None:
    done, depths = run(tmp_path, call, launcher)
    assert done.returncode == 1
    assert 'put what starts them under `if __name__ == "__main__":`' in done.stderr
    # The program, the fork server, and the process of the actor, which has the fork server's environment.
    assert depths in ([0, 1], [0, 1, 2]), "a process that loaded the script started another one that did"


def test_without_the_defence_each_load_starts_further_ones(tmp_path: Path) -> None:
    """By the fork server alone: `multiprocessing` has a check of its own, which forbids the second start."""
    _, depths = run(tmp_path, "a tree", "zygote", "undefended")
    assert max(depths) > 4
