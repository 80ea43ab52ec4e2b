"""A child that runs Python instead of Lua: what an attacker has who broke out of the interpreter entirely.

Run as `-c "...; main()" CONNECTION DEFENCES`, by `run_payload` alone; the defences that are named are put
up by the very functions that a child of the sandbox uses.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import subprocess
import sys
from typing import Any

import msgpack

from beamlens.sandbox import confine, seccomp
from beamlens.sandbox.child import prepare
from beamlens.sandbox.frames import DONE, EVALUATE, frame, read_frame, write_all
from beamlens.sandbox.server import search_path

__all__ = ["ALL", "main", "run_payload"]

ALL = ("descriptors", "user", "limits", "seccomp")

_KEPT: list[mmap.mmap] = []

_CODE = (
    "import sys; end = sys.argv.index('--'); sys.path += sys.argv[1:end]; del sys.argv[1 : end + 1]; "
    "from tests.beamlens.sandbox.payload_child import main; main()"
)


def run_payload(source: str, defences: tuple[str, ...] = ALL) -> Any:
    """Run Python in a confined child; return what it leaves in `found`, "died" where it ended before.

    Args:
        source: statements.
        defences: those that are put up.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-I", "-S", "-B", "-c", _CODE, *search_path(), "--"]
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), ",".join(defences)],
                env={},
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        try:
            ours.sendall(frame(EVALUATE, source.encode()))
            data = b""
            while chunk := ours.recv(65536):
                data += chunk
        finally:
            process.kill()
            process.wait()
    return msgpack.unpackb(data[5:]) if data else "died"


def main() -> None:
    """Read a program, put up the defences, run it, answer, end."""
    connection, defences = int(sys.argv[1]), sys.argv[2].split(",")
    kit = prepare()
    source = compile(read_frame(connection)[1], "payload", "exec")
    scope: dict[str, Any] = {"ctypes": ctypes, "os": os, "socket": socket, "mmap": mmap, "subprocess": subprocess}
    scope["thirty_two_bit"] = _thirty_two_bit()
    scope["libc"] = ctypes.CDLL(None, use_errno=True)
    if "descriptors" in defences:
        confine.keep_descriptors(connection, None)
    else:
        os.dup2(connection, confine.CONNECTION)
    if "user" in defences:
        confine.drop_root()
    confine.die_with_parent(os.getppid())
    if "limits" in defences:
        confine.limit_resources(confine.Bounds(32 << 20, 2), kit.base_bytes)
    if "seccomp" in defences:
        confine.refuse_system_calls(seccomp.build(confine.CONNECTION))
    exec(source, scope)  # what is tested here is that it may
    write_all(confine.CONNECTION, frame(DONE, msgpack.packb(scope["found"])))
    os._exit(0)


def _thirty_two_bit() -> Any:
    """Return a function that makes a system call of i386; its memory is made executable before that is refused."""
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid); int 0x80; ret
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    _KEPT.append(memory)
    return function
