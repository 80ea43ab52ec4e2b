"""What Python's and the C library's allocators hold: in use, free, and in which sizes."""

from __future__ import annotations

import ctypes
import re
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Malloc", "MallocGauge", "Pymalloc", "malloc_state", "pymalloc_state"]

_ARENAS: Final = re.compile(r"^\s*\d+ arenas \* \d+ bytes/arena\s*=\s*([\d,]+)", re.MULTILINE)
_USED: Final = re.compile(r"^# bytes in allocated blocks\s*=\s*([\d,]+)", re.MULTILINE)
_CLASS: Final = re.compile(r"^\s*\d+\s+(\d+)\s+\d+\s+(\d+)\s+(\d+)\s*$", re.MULTILINE)
_MALLOC_FIELDS: Final = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pymalloc:
    """Hold what Python's allocator of small objects (512 bytes and less) has, in bytes.

    Args:
        arenas: taken from the system.
        used: in live blocks.
        sizes: (block size, live blocks, free blocks in pools of this size), for each size that occurs.
    """

    arenas: int
    used: int
    sizes: tuple[tuple[int, int, int], ...]

    @property
    def free(self) -> int:
        """Return what was taken from the system and holds no live block."""
        return self.arenas - self.used


@dataclass(frozen=True, slots=True)
class Malloc:
    """Hold what the C library's `malloc` has, in bytes.

    Args:
        used: in live chunks of the heaps and in mappings of their own.
        free: in free chunks of the heaps.
        mapped: the part of `used` that are mappings of their own (large blocks).
        chunks: free chunks.
    """

    used: int
    free: int
    mapped: int
    chunks: int


def pymalloc_state() -> Pymalloc | None:
    """Return the state of Python's allocator; None where this build has none or does not say (free-threaded).

    It is printed by the interpreter into a stream in memory: about 1 us for each MB of arenas, with the interpreter
    lock held (0.5 ms with 10 million blocks).
    """
    printer = getattr(ctypes.pythonapi, "_PyObject_DebugMallocStats", None)
    text = None if printer is None else _printed(printer)
    arenas, used = (None, None) if text is None else (_ARENAS.search(text), _USED.search(text))
    if text is None or arenas is None or used is None:
        return None
    sizes = tuple((int(size), int(live), int(free)) for size, live, free in _CLASS.findall(text))
    return Pymalloc(_number(arenas[1]), _number(used[1]), sizes)


def _printed(printer: Any) -> str | None:
    library = ctypes.CDLL(None)
    opener, close, free = (getattr(library, name, None) for name in ("open_memstream", "fclose", "free"))
    if sys.platform == "win32" or opener is None or close is None or free is None:
        return None
    opener.restype, opener.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
    close.argtypes = free.argtypes = printer.argtypes = [ctypes.c_void_p]
    buffer, size = ctypes.c_void_p(), ctypes.c_size_t()
    stream = opener(ctypes.byref(buffer), ctypes.byref(size))
    if not stream:
        return None
    printer(stream)
    close(stream)
    if not buffer.value:
        return None
    text = ctypes.string_at(buffer.value, size.value).decode("ascii", "replace")
    free(buffer)
    return text


def _number(text: str) -> int:
    return int(text.replace(",", ""))


class _MallInfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLOC_FIELDS]


def malloc_state() -> Malloc | None:
    """Return the state of `malloc`; None where the C library has no `mallinfo2` (not glibc, or before 2.33).

    glibc walks all free chunks for it, holding the lock of each heap meanwhile: see `MallocGauge`.
    """
    asked = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if asked is None:
        return None
    asked.restype = _MallInfo2
    info = asked()
    return Malloc(
        used=info.uordblks + info.hblkhd, free=info.fordblks, mapped=info.hblkhd, chunks=info.ordblks + info.smblks
    )


class MallocGauge:
    """Ask `malloc` only where that cannot stop the application for long. Any thread.

    The cost grows with the free chunks, and they with the anonymous memory outside of Python's arenas. So what the
    last question cost, scaled by how much that memory has grown, bounds what the next one will.

    Args:
        limit_ms: the longest stop that is accepted.
        unknown_limit: bytes of such memory up to which a first question is asked at all. With the smallest chunks that
            Python asks `malloc` for (512 bytes) and 100 ns for each, 256 MiB take 50 ms at worst.
    """

    def __init__(self, limit_ms: float = 40.0, unknown_limit: int = 256 << 20) -> None:
        self._limit_ms = limit_ms
        self._unknown_limit = unknown_limit
        self._lock = threading.Lock()
        self._last: tuple[float, int] | None = None  # milliseconds, bytes

    def read(self, outside: int | None) -> tuple[Malloc | None, str | None]:
        """Return the state, or None and the reason why it was not asked.

        Args:
            outside: bytes of anonymous memory outside of Python's arenas; None if not known.
        """
        with self._lock:
            refusal = self._refusal(outside)
            if refusal is not None:
                return None, refusal
            began = time.perf_counter()
            state = malloc_state()
            if state is None:
                return None, "malloc: this C library does not tell its state"
            self._last = ((time.perf_counter() - began) * 1e3 + 0.05, max(outside or 0, 1 << 20))
            return state, None

    def _refusal(self, outside: int | None) -> str | None:
        if self._last is None:
            if outside is None or outside <= self._unknown_limit:
                return None
            return f"malloc: not asked, its {outside >> 20} MiB of heap could stop the application for too long"
        milliseconds, size = self._last
        expected = milliseconds * max(1.0, (outside or 0) / size)
        if expected <= self._limit_ms:
            return None
        return f"malloc: not asked, it could stop the application for {expected:.0f} ms"
