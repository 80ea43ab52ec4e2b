"""Programs that use the sandbox and are killed in the middle, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType

__all__ = ["Host"]

_HOME = str(Path(__file__).resolve().parents[3])

_PROGRAM = """
import os, sys, time
sys.path.insert(0, {home!r})
from beamlens.sandbox import Limits, Sandbox, SandboxServer
{body}
"""


class Host:
    """Run a program that says words, a line each; for a `with` block.

    Args:
        body: Python; what it prints is what `word` returns.
    """

    def __init__(self, body: str) -> None:
        program = _PROGRAM.format(home=_HOME, body=body)
        self.process = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True)

    def word(self) -> str:
        """Return the next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the program ended"
        return line.strip()

    def kill(self) -> None:
        """Send SIGKILL and wait for it."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
