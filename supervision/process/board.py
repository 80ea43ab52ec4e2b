"""What this program tells about its trees to whoever asks the kernel: a file in memory.

`python -m supervision tree PID` finds the file among the process' descriptors and reads it there. So the
program needs no thread and no socket for it, and is also seen when it hangs.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, Final

from supervision.process.loop import Loop
from supervision.reporter import reporter

__all__ = ["NAME", "Board", "pack", "supported", "unpack"]

NAME: Final = "supervision-tree"
"""What the file is called among the descriptors: /memfd:supervision-tree."""

_DELAY: Final = 0.25
_SHARE: Final = 50
_HEAD: Final = struct.Struct("<8sII")
_MAGIC: Final = b"suptree1"

logger = logging.getLogger("supervision")


def supported() -> bool:
    """Tell whether this system has files in memory that another process can find (Linux)."""
    return hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


def pack(content: dict[str, Any]) -> bytes:
    """Return the file's bytes for a description."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return _HEAD.pack(_MAGIC, len(body), zlib.crc32(body)) + body


def unpack(data: bytes) -> dict[str, Any] | None:
    """Return the description in the file's bytes; None while it is being written.

    Raises:
        ValueError: the file is not ours, or of another version.
    """
    if len(data) < _HEAD.size:
        return None
    magic, length, checksum = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("the tree was written by another version of supervision")
    body = data[_HEAD.size : _HEAD.size + length]
    if len(body) < length or zlib.crc32(body) != checksum:
        return None
    content: dict[str, Any] = json.loads(body)
    return content


class Board:
    """Keep the description of all trees in a file in memory, a moment behind.

    Args:
        loop: the application's loop.
        describe: returns the description of all trees; called on the loop's thread.
    """

    def __init__(self, loop: Loop, describe: Callable[[], list[dict[str, Any]]]) -> None:
        self._loop = loop
        self._describe = describe
        self._delay = _DELAY
        self._lock = threading.Lock()
        self._fd = os.memfd_create(NAME, os.MFD_CLOEXEC) if supported() else -1
        self._due = self._fd < 0  # without a file nothing is ever due

    def touch(self) -> None:
        """Hear that a tree changed. Loop thread."""
        if not self._due:
            self._due = True
            self._loop.call_later(self._delay, self._look)

    def descriptors(self) -> set[int]:
        """Return the file's descriptor, if there is one. Any thread."""
        return {self._fd} - {-1}

    def close(self) -> None:
        """Give the file back; nothing is written any more. Any thread."""
        with self._lock:
            self.discard()

    def discard(self) -> None:
        """Give the file back in a forked copy, where the lock may be held for ever."""
        fd, self._fd = self._fd, -1
        self._due = True
        if fd >= 0:
            os.close(fd)

    def _look(self) -> None:
        self._due = False
        began = time.monotonic()
        trees = self._describe()
        # A thousand children take milliseconds to describe: never more than a small part of the loop's time.
        self._delay = max(_DELAY, _SHARE * (time.monotonic() - began))
        reporter.put(lambda: self._write({"pid": os.getpid(), "time": time.time(), "trees": trees}))

    def _write(self, content: dict[str, Any]) -> None:
        data = pack(content)
        with self._lock:
            if self._fd >= 0:
                os.pwrite(self._fd, data, 0)
                os.ftruncate(self._fd, len(data))
