"""What the kernel says of this process and its threads, read from /proc; None where there is none."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "ProcessMemory",
    "RunDelay",
    "process_memory",
    "process_start_time",
    "thread_cpu_ns",
    "thread_delay_seconds",
    "thread_syscall",
]

_KIB: Final = 1024
_LINUX: Final = sys.platform == "linux"

# Numbers of system calls in which a thread waits. Source: the kernel's tables for these two architectures.
_X86_64: Final = {
    0: "read", 1: "write", 7: "poll", 23: "select", 35: "nanosleep", 42: "connect", 43: "accept", 44: "sendto",
    45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 61: "wait4", 72: "fcntl", 73: "flock", 74: "fsync",
    75: "fdatasync", 202: "futex", 230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid", 270: "pselect6",
    271: "ppoll", 281: "epoll_pwait", 288: "accept4",
}  # fmt: skip
_AARCH64: Final = {
    22: "epoll_pwait", 25: "fcntl", 32: "flock", 63: "read", 64: "write", 72: "pselect6", 73: "ppoll", 82: "fsync",
    83: "fdatasync", 95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 202: "accept",
    203: "connect", 206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 242: "accept4", 260: "wait4",
}  # fmt: skip
_CALLS: Final = {"x86_64": _X86_64, "aarch64": _AARCH64}.get(platform.machine(), {})


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Hold what the process occupies, in bytes; None where the platform does not say.

    Args:
        rss: resident memory: the sum of the three parts that follow.
        anonymous: heaps, stacks, anonymous mappings.
        files: mapped files: code, libraries.
        shared: shared memory.
        swap: swapped out, not in `rss`.
        peak: the highest `rss` so far.
    """

    rss: int | None = None
    anonymous: int | None = None
    files: int | None = None
    shared: int | None = None
    swap: int | None = None
    peak: int | None = None


def process_memory() -> ProcessMemory:
    """Return this process' memory, from /proc/self/status (10 us), or from psutil where there is no /proc."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _portable_memory()
    fields = dict(line.split(":", 1) for line in text.splitlines() if line.endswith(" kB"))
    return ProcessMemory(
        rss=_bytes(fields, "VmRSS"),
        anonymous=_bytes(fields, "RssAnon"),
        files=_bytes(fields, "RssFile"),
        shared=_bytes(fields, "RssShmem"),
        swap=_bytes(fields, "VmSwap"),
        peak=_bytes(fields, "VmHWM"),
    )


def _bytes(fields: dict[str, str], name: str) -> int | None:
    value = fields.get(name)
    return None if value is None else int(value.split()[0]) * _KIB


def _portable_memory() -> ProcessMemory:
    # Only where there is no /proc: psutil stays out of the application otherwise.
    import psutil

    return ProcessMemory(rss=psutil.Process().memory_info().rss)


def process_start_time() -> float | None:
    """Return when this process started, in seconds since the epoch; None where /proc does not say."""
    try:
        # The name in parentheses may contain anything, so fields are counted from its end; 22 is the start (proc(5)).
        ticks = int(Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def thread_cpu_ns(native_id: int | None) -> int | None:
    """Return the CPU time of a thread of this process, in nanoseconds; None if it is gone or cannot be told.

    The clock is named by the kernel's thread id, as the C library's `pthread_getcpuclockid` composes it; asked with
    the id of a thread that ended, the kernel answers with an error, where the C library could crash.

    Args:
        native_id: `threading.Thread.native_id`.
    """
    if native_id is None or not _LINUX:
        return None
    try:
        return time.clock_gettime_ns((~native_id << 3) | 6)
    except OSError:
        return None


def thread_delay_seconds(native_id: int | None) -> float:
    """Return how long a thread of this process has been ready to run without a processor, since it began.

    0 where that is not known. Costs 4 us. Source: proc(5), schedstat; a wait that goes on is not in it yet.

    Args:
        native_id: `threading.Thread.native_id`.
    """
    if native_id is None or not _LINUX:
        return 0.0
    try:
        file = os.open(f"/proc/self/task/{native_id}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0.0
    try:
        return int(os.read(file, 96).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
    finally:
        os.close(file)


class RunDelay:
    """Tell how long the thread that made this has waited for a processor; it keeps one descriptor until `close`.

    Read ten times a second, a file that is open costs a tenth of one that is opened each time.
    """

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1

    def read(self) -> int | None:
        """Return nanoseconds so far; None where the kernel does not say."""
        try:
            return int(os.pread(self._file, 96, 0).split()[1]) if self._file >= 0 else None
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        """Close the descriptor."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def thread_syscall(native_id: int | None) -> str | None:
    """Return the system call that a thread of this process waits in, `running` if in none, None if not known.

    Args:
        native_id: `threading.Thread.native_id`.
    """
    if native_id is None:
        return None
    try:
        text = Path(f"/proc/self/task/{native_id}/syscall").read_text()
    except OSError:
        return None
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    if first == "running":
        return first
    return _CALLS.get(int(first), f"system call {first}") if first.isdigit() and _CALLS else None
