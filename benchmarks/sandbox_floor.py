"""The floor of starting a sandbox: a bare fork of the same fork server, which has prepared the same.

Run by `BareForks` alone, as the sandbox's own fork server is run.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
from typing import Final

__all__ = ["BareForks"]

_CODE: Final = "import sys; sys.path += sys.argv[2:]; from benchmarks.sandbox_floor import main; main(int(sys.argv[1]))"
_HOME: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class BareForks:
    """Start the process, and have it fork. For one thread; close it."""

    def __init__(self) -> None:
        from beamlens.sandbox.server import search_path

        self._control, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-I", "-S", "-B", "-c", _CODE, str(theirs.fileno()), *search_path(), _HOME]
            self._process = subprocess.Popen(command, env={}, cwd="/", pass_fds=(theirs.fileno(),))
        if self._control.recv(1) != b"+":
            raise RuntimeError("the process that forks bare did not start")

    def fork(self) -> float:
        """Return the seconds from the wish for a child to its first word."""
        begun = time.perf_counter()
        self._control.send(b"f")
        word = self._control.recv(1)
        elapsed = time.perf_counter() - begun
        if word != b"c" or self._control.recv(1) != b"r":
            raise AssertionError(f"the child said {word!r}")
        return elapsed

    def close(self) -> None:
        """End the process."""
        self._control.close()
        self._process.wait(10)


def main(descriptor: int) -> None:
    """Fork at each byte: the child says a byte and ends; it is waited for, and a byte said."""
    from beamlens.sandbox.child import prepare

    control = socket.socket(fileno=descriptor)
    kit = prepare()
    gc.collect()
    gc.freeze()
    control.send(b"+")
    while control.recv(1):
        pid = os.fork()
        if pid == 0:
            control.send(b"c")
            os._exit(0)
        os.waitpid(pid, 0)
        control.send(b"r")
    del kit
