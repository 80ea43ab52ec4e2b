"""Stacks that the interpreter's fault handler writes on a signal: asked for here, and read by another process.

The signal goes to one thread, which stands still while its stack is written. Stacks of all threads cannot be had so:
the others run meanwhile, and the handler reads their frames as these come and go. That ends the process within some
hundred signals (measured on 3.11 with busy threads). Nor is it safe while the thread itself runs Python code, which
makes and drops frames (measured on 3.13: some hundred signals, too). So a thread is asked only where it stands: in a
call that waits, or in C code that keeps the interpreter lock. Of Python code the process' own looking thread can tell.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import platform
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from beamlens.errors import SkillError
from beamlens.skills.interpreter.places import owner_of, shown_file

__all__ = ["Frame", "SignalDumps", "ask_thread", "blocking_frame", "caught", "read_stack", "rests"]

_FRAME: Final = re.compile(r'  File "(?P<file>[^"\n]*)", line (?P<line>\d+) in (?P<name>[^\n]*)')
_STACK: Final = re.compile(r"^Stack \(most recent call first\):\n(?P<frames>(?:  [^\n]*\n)*)", re.MULTILINE)
_TGKILL: Final = {"x86_64": 234, "aarch64": 131}
"""The system call tgkill(2) by architecture; glibc has a function for it only since 2.30."""
_NEVER: Final = ("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGFPE", "SIGABRT", "SIGBUS", "SIGILL", "SIGCHLD", "SIGALRM")


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold one line of a stack: where, in which function, and whose code it is."""

    file: str
    line: int
    function: str
    owner: str

    @property
    def at(self) -> str:
        """Return `shop/cart.py:12`."""
        return f"{self.file}:{self.line}"


def caught(pid: int, number: int) -> bool | None:
    """Say whether a process has a handler for a signal; None where /proc does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    mask = next((line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:")), None)
    return None if mask is None else bool(int(mask, 16) >> (number - 1) & 1)


def ask_thread(pid: int, thread: int, number: int) -> bool:
    """Send a signal to one thread of a process; return whether that could be done.

    Args:
        pid: of the process.
        thread: the kernel's id of the thread.
        number: of the signal, for which the process has a handler: else it would end.
    """
    call = _TGKILL.get(platform.machine())
    if call is None or thread <= 0:
        return False
    return bool(ctypes.CDLL(None).syscall(call, pid, thread, number) == 0)


def rests(pid: int, thread: int) -> tuple[int, int] | None:
    """Return how often a thread has been switched to and from so far, None unless it rests now or this is not known.

    Twice the same answer means that it rested all along in between.

    Args:
        pid: of the process.
        thread: the kernel's id of the thread.
    """
    try:
        lines = Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
    except OSError:
        return None
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    if told.get("State", "").strip()[:1] not in ("S", "D"):
        return None
    return int(told["voluntary_ctxt_switches"]), int(told["nonvoluntary_ctxt_switches"])


class SignalDumps:
    """Have a thread's stack written to a file whenever a signal comes to it; from C, without the interpreter lock.

    Args:
        number: of the signal: one that nothing else in the program uses.
        path: of the file.

    Raises:
        SkillError: `refused`: the signal has a handler already, is ignored, or cannot be used; the text says which.
    """

    def __init__(self, number: int, path: Path) -> None:
        self._number = _free(number)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115  kept open as long as signals may come
        os.chmod(path, 0o600)
        faulthandler.register(self._number, file=self._file, all_threads=False, chain=False)

    def close(self) -> None:
        """Put the signal back as it was. Whoever sends it must have been told before."""
        faulthandler.unregister(self._number)
        self._file.close()


def _free(number: int) -> int:
    try:
        chosen = signal.Signals(number)
    except ValueError:
        raise SkillError("refused", f"dump_signal is {number!r}; a signal's number is expected") from None
    if chosen.name in _NEVER:
        raise SkillError("refused", f"dump_signal is {chosen.name}, which has a meaning of its own; try SIGUSR2")
    if signal.getsignal(chosen) is not signal.SIG_DFL or caught(os.getpid(), chosen):
        raise SkillError("refused", f"{chosen.name} is in use in this process; choose a signal that is free")
    return chosen


def read_stack(text: str) -> list[Frame]:
    """Return the last stack in what a fault handler wrote, innermost first; empty if there is none.

    Args:
        text: of one or several dumps.
    """
    stacks = [each["frames"] for each in _STACK.finditer(text)]
    if not stacks:
        return []
    return [
        Frame(shown_file(each["file"]), int(each["line"]), each["name"][:200], owner_of(each["file"]))
        for each in _FRAME.finditer(stacks[-1])
    ]


def blocking_frame(stack: list[Frame]) -> Frame | None:
    """Return the application's innermost line of a stack, or the innermost of a library, or of anybody."""
    for owner in ("application", "library"):
        found = next((frame for frame in stack if frame.owner == owner), None)
        if found is not None:
            return found
    return stack[0] if stack else None
