"""A filter of system calls for a process that computes and nothing else (Linux seccomp, classic BPF).

Allowed are memory without execution, time, and reading from and writing to one descriptor. Everything
else fails with EPERM; a system call of another architecture kills the process. The program is built once,
in the fork server, and installed by each child with one call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["Filter", "build", "supported", "why_not"]


class _Machine(NamedTuple):
    """Name an architecture to the kernel: its audit number and its system calls."""

    audit: int
    seccomp: int
    calls: Mapping[str, int]


# <asm/unistd_64.h> and <asm-generic/unistd.h>; the audit numbers are in <linux/audit.h>.
_MACHINES: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(
        audit=0xC000003E,
        seccomp=317,
        calls={
            "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigprocmask": 14,
            "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28, "setitimer": 38, "exit": 60,
            "gettimeofday": 96, "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231,
            "getrandom": 318,
        },
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        seccomp=277,
        calls={
            "read": 63, "write": 64, "exit": 93, "exit_group": 94, "futex": 98, "setitimer": 103,
            "clock_gettime": 113, "sched_yield": 124, "restart_syscall": 128, "rt_sigprocmask": 135,
            "rt_sigreturn": 139, "gettimeofday": 169, "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222,
            "mprotect": 226, "madvise": 233, "getrandom": 278,
        },
    ),
}  # fmt: skip

_ON_ONE_DESCRIPTOR: Final = ("read", "write")
_WITHOUT_EXECUTION: Final = ("mmap", "mprotect")
_PROT_EXEC: Final = 4

# <linux/bpf_common.h>, <linux/seccomp.h>, <linux/prctl.h>
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_GET_ACTION_AVAILABLE: Final = 2
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    """Be `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class Filter:
    """Hold a filter that is ready to be installed.

    Args:
        code: the BPF program.
    """

    def __init__(self, code: bytes) -> None:
        self._code = code
        self._program = _Program(len(code) // 8, code)
        self._libc = ctypes.CDLL(None, use_errno=True)

    def install(self) -> None:
        """Bind this process to the filter, for good.

        Raises:
            OSError: the kernel refused.
        """
        self._prctl(_PR_SET_NO_NEW_PRIVS, 1)
        self._prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(self._program))

    def _prctl(self, option: int, first: int, second: object = 0) -> None:
        if self._libc.prctl(ctypes.c_int(option), ctypes.c_ulong(first), second, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def why_not() -> str | None:
    """Return why no filter can be installed here, None when one can. Changes nothing."""
    if sys.platform != "linux":
        return f"seccomp is a feature of Linux, this is {sys.platform}"
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return f"the numbers of system calls are known for {', '.join(_MACHINES)}, not for {os.uname().machine}"
    libc = ctypes.CDLL(None, use_errno=True)
    action = ctypes.c_uint32(_ERRNO)
    if libc.syscall(machine.seccomp, _GET_ACTION_AVAILABLE, 0, ctypes.byref(action)) != 0:
        return f"this kernel has no seccomp filters ({os.strerror(ctypes.get_errno())})"
    return None


def supported() -> bool:
    """Tell whether a filter can be installed here."""
    return why_not() is None


def build(descriptor: int) -> Filter:
    """Build the filter for this machine.

    Args:
        descriptor: the only one that may be read from and written to.

    Raises:
        KeyError: the architecture is unknown; `why_not` says so beforehand.
    """
    machine = _MACHINES[os.uname().machine]
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_JUMP_EQUAL, machine.audit, 1, 0),
        _line(_RETURN, _KILL_PROCESS),
        _line(_LOAD, _NUMBER),
    ]
    for name, number in machine.calls.items():
        lines += _rule(name, number, descriptor)
    lines.append(_line(_RETURN, _ERRNO | errno.EPERM))
    return Filter(b"".join(lines))


def _rule(name: str, number: int, descriptor: int) -> list[bytes]:
    if name in _ON_ONE_DESCRIPTOR:
        body = [_line(_LOAD, _ARGUMENTS), _line(_JUMP_EQUAL, descriptor, 0, 1), _line(_RETURN, _ALLOW)]
    elif name in _WITHOUT_EXECUTION:
        body = [_line(_LOAD, _ARGUMENTS + 16), _line(_JUMP_SET, _PROT_EXEC, 1, 0), _line(_RETURN, _ALLOW)]
    else:
        return [_line(_JUMP_EQUAL, number, 0, 1), _line(_RETURN, _ALLOW)]
    body.append(_line(_RETURN, _ERRNO | errno.EPERM))
    return [_line(_JUMP_EQUAL, number, 0, len(body)), *body]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
