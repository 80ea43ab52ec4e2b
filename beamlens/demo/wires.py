"""Lines of JSON between the demo and the programs that it starts."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final, TextIO

__all__ = ["Peer", "Sender"]

_END_SECONDS: Final = 20.0


class Sender:
    """Write lines of JSON to a stream from any thread, none of which waits for the reader.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="demo-sender", daemon=True)
        self._thread.start()

    def send(self, message: dict[str, Any]) -> None:
        """Have a message written."""
        self._lines.put(message)

    def close(self) -> None:
        """Return when all is written."""
        self._lines.put(None)
        self._thread.join(_END_SECONDS)

    def _write(self) -> None:
        while (message := self._lines.get()) is not None:
            try:
                self._stream.write(json.dumps(message) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # nobody reads any more


class Peer:
    """A program that was started: told lines of JSON on its input, heard on its output. One thread tells.

    Args:
        module: what is run, with the interpreter of this process.
        arguments: of the program.
        inbox: gets (the peer's name, message) of each line; (name, None) at the end.
        name: of the peer.
    """

    def __init__(self, module: str, arguments: Sequence[str], inbox: queue.SimpleQueue[Any], name: str) -> None:
        self.name = name
        self._inbox = inbox
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C is the demo's: it stops them in order
        )
        self._reader = threading.Thread(target=self._read, name=f"demo-{name}", daemon=True)
        self._reader.start()

    def tell(self, message: Any) -> None:
        """Send one message; a peer that is gone hears nothing."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return  # its end is in the inbox

    def close(self) -> int:
        """End its input, wait for its end, and return its exit code; killed where it does not end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # it is gone
            self._process.stdin.close()
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(_END_SECONDS)
        self._process.stdout.close()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._inbox.put((self.name, json.loads(line)))
            except ValueError:
                self._inbox.put((self.name, {"kind": "said", "text": line.rstrip()}))
        self._inbox.put((self.name, None))
