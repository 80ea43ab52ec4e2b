"""Start programs with trees in processes of their own, and ask them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beamlens.control.client import Program, ask, programs

ROOT = Path(__file__).parents[3]


class Running:
    """A program that runs, and the directory of its control socket."""

    def __init__(self, process: subprocess.Popen[str], directory: Path, said: list[str]) -> None:
        self.process = process
        self.directory = directory
        self.said = said

    @property
    def found(self) -> list[Program]:
        return programs(self.directory)

    def ask(self, op: str, *, seconds: float = 20.0, hear: Any = None, **args: Any) -> Any:
        return ask(self.found[0].path, op, args, hear=hear, seconds=seconds)

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)


def environment(runtime: Path) -> dict[str, str]:
    return {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT), "NO_COLOR": ""}


@contextmanager
def running(runtime: Path, **given: Any) -> Iterator[Running]:
    """Run a program; it is ended, or killed where a test did not end it."""
    runtime.chmod(0o700)
    arguments = [sys.executable, "-m", "tests.beamlens.control.program", json.dumps(given)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(runtime)
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        try:
            for line in process.stdout:
                if line.strip() == "up":
                    break
                said.append(line)
            program = Running(process, runtime / "beamlens", said)
            yield program
            if process.poll() is None:
                program.end()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=30)
