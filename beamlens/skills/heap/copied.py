"""Do heavy looking in a forked copy of the process, so that the application stands still only while it is copied.

The copy shares its memory with the application until one of them writes. It closes all descriptors but one pipe,
blocks all signals but the alarm that ends it, gives way to everybody else, and leaves without running any clean-up.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from beamlens.skills.interpreter.procfs import process_memory

__all__ = ["Copied", "ForkGauge", "Send", "copies", "free_memory"]

Send = Callable[[dict[str, Any]], None]

_MIB: Final = 1 << 20
_LIMIT_MS: Final = 40.0
_FIRST_MS_PER_MIB: Final = 0.06  # measured: 0.015 to 0.05 on machines from quiet to busy
_LEAST_MS: Final = 1.0
_END: Final = "end"
_NUMBER: Final = "copy"
_LARGEST_ANSWER: Final = 4 * _MIB
_ALL_DESCRIPTORS: Final = 1 << 20
_ACCELERATED: Final = ("torch", "cupy", "tensorflow", "jax")
_DEVICES: Final = ("/dev/nvidiactl", "/dev/kfd")
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Copied:
    """Hold what a copy said.

    Args:
        lines: what it sent, in order.
        complete: it came to its end; else it was ended by its time, or died.
        pause_ms: how long the application stood still for it.
        seconds: from its start to its end.
        error: what went wrong in it.
    """

    lines: tuple[dict[str, Any], ...]
    complete: bool
    pause_ms: float
    seconds: float
    error: str | None = None


class ForkGauge:
    """Copy the process where that stops it for no longer than is accepted, one copy at a time. Any thread.

    Copying takes as long as there are page tables, so what the last copy took for each MB bounds the next.

    Args:
        limit_ms: the longest stop that is accepted.
    """

    def __init__(self, limit_ms: float = _LIMIT_MS) -> None:
        self._limit_ms = limit_ms
        self._per_mib = _FIRST_MS_PER_MIB
        self._busy = threading.Lock()

    def refusal(self) -> str | None:
        """Return why no copy can be made now; None if it can."""
        reason = _unsafe()
        if reason is not None:
            return reason
        expected = self.expected_ms()
        if expected <= self._limit_ms:
            return None
        return f"copying the process would stop it for about {expected:.0f} ms; {self._limit_ms:g} ms are accepted"

    def expected_ms(self) -> float:
        """Return how long the next copy is expected to stop the application."""
        return _LEAST_MS + self._per_mib * (process_memory().rss or 0) / _MIB

    def run(self, work: Callable[[Send], None], seconds: float) -> Copied:
        """Run `work` in a copy and return what it sent; `refusal` is to be asked before.

        Args:
            work: looks, and sends plain data; it must not import, log, lock or start anything.
            seconds: how long the copy may live.
        """
        with self._busy:
            began = time.perf_counter()
            read, write = os.pipe()
            try:
                pid, pause_ms = _fork(work, write, seconds)
            except OSError as error:
                os.close(read)
                os.close(write)
                return Copied((), False, 0.0, 0.0, f"the process could not be copied: {error}")
            os.close(write)
            self._learn(pause_ms)
            text = b""
            try:
                text = _read(read, began + seconds + 1.0)
            finally:
                os.close(read)
                _end(_number_in(text) if pid is None else pid)
        return _answer(text, pause_ms, time.perf_counter() - began)

    def _learn(self, pause_ms: float) -> None:
        measured = max(0.0, pause_ms - _LEAST_MS) / max(1.0, (process_memory().rss or 0) / _MIB)
        self._per_mib = max(measured, 0.8 * self._per_mib)


copies: Final = ForkGauge()
"""The one of this process: there is one process to copy."""


def _unsafe() -> str | None:
    if sys.platform != "linux" or not hasattr(os, "fork"):
        return f"a running process is not copied on {sys.platform}: it is safe on Linux only"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "a process of a free-threaded Python is not copied: its other threads may be anywhere"
    if any(name in sys.modules for name in _ACCELERATED) and any(os.path.exists(device) for device in _DEVICES):
        return "a process that computes on a graphics card is not copied"
    return None


def free_memory() -> int | None:
    """Return how many bytes may still be used before this machine or its container runs out; None if not known."""
    known = [_available(), _container_free()]
    return min((each for each in known if each is not None), default=None)


def _available() -> int | None:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, StopIteration):
        return None


def _container_free() -> int | None:
    """Return what the container's limit (cgroup v2) leaves; None where there is no limit."""
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        return None if limit == "max" else max(0, int(limit) - int((_CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        return None


def _fork(work: Callable[[Send], None], write: int, seconds: float) -> tuple[int | None, float]:
    # Of this thread only: a signal for the process goes to another one meanwhile, and none ever reaches the copy.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        began = time.perf_counter()
        pid: int | None = None
        # Where warnings are errors, Python 3.14 says only now, in the application, that it has threads: the copy lives,
        # and tells its number itself.
        with contextlib.suppress(DeprecationWarning):
            pid = os.fork()
        if pid == 0:
            _live(work, write, seconds)
        return pid, (time.perf_counter() - began) * 1e3
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live(work: Callable[[Send], None], write: int, seconds: float) -> NoReturn:
    """Be the copy."""
    code = 1
    try:
        gc.disable()
        sys.settrace(None)
        sys.setprofile(None)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals() - {signal.SIGALRM})
        # A connection that the application closes must not stay open because its copy lives.
        os.closerange(0, write)
        os.closerange(write + 1, _ALL_DESCRIPTORS)
        _step_back()
        _send(write, {_NUMBER: os.getpid()})
        work(lambda line: _send(write, line))
        _send(write, {_END: True})
        code = 0
    except BaseException as error:
        _send(write, {"error": f"{type(error).__name__} in the copy"})
    finally:
        os._exit(code)


def _step_back() -> None:
    """Let everybody else go first, for the processor and for memory, and leave no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    try:
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    os.write(file, b"1000")
    os.close(file)


def _send(write: int, line: dict[str, Any]) -> None:
    left = json.dumps(line).encode() + b"\n"
    while left:
        left = left[os.write(write, left) :]


def _read(read: int, deadline: float) -> bytes:
    """Return all that the copy sent until its end, its death or the deadline."""
    parts: list[bytes] = []
    poll = select.poll()
    poll.register(read, select.POLLIN)
    while sum(map(len, parts)) < _LARGEST_ANSWER:
        if not poll.poll(max(0.0, deadline - time.perf_counter()) * 1e3):
            break
        part = os.read(read, 1 << 16)
        parts.append(part)
        # Not the end of the file: another copy of this process, made at the same time, may hold the pipe too.
        if not part or b'{"' + _END.encode() + b'": true}\n' in b"".join(parts[-2:]):
            break
    return b"".join(parts)


def _number_in(text: bytes) -> int | None:
    """Return the number of the copy's process, which is the first that it sends."""
    first, ended, _ = text.partition(b"\n")
    return int(json.loads(first)[_NUMBER]) if ended else None


def _end(pid: int | None) -> None:
    """Wait for the copy; one that is late is ended."""
    if pid is None:
        return  # nobody knows it; its alarm ends it
    try:
        for _ in range(20):
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # somebody in the application waits for any child; it is gone


def _answer(text: bytes, pause_ms: float, seconds: float) -> Copied:
    lines = [json.loads(line) for line in text.split(b"\n")[:-1]]
    complete = bool(lines) and _END in lines[-1]
    error = next((line["error"] for line in lines if set(line) == {"error"}), None)
    if not complete and error is None:
        error = "the copy was ended before it had an answer"
    kept = tuple(line for line in lines if set(line) not in ({_NUMBER}, {_END}, {"error"}))
    return Copied(kept, complete, round(pause_ms, 2), round(seconds, 3), error)
