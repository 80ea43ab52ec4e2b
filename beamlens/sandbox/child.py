"""The process that runs user code: confine yourself, then answer programs until the host is gone.

A child serves one session of one host. It holds nothing but its connection. Each program gets a Lua state
of its own; the next one is made while the host thinks.
"""

from __future__ import annotations

import array
import os
import signal
import socket
import sys
from typing import Final, NoReturn

import msgpack

from beamlens.sandbox import seccomp
from beamlens.sandbox.confine import (
    CONNECTION,
    LIFELINE,
    Bounds,
    ConfinementError,
    arm_lifeline,
    die_with_parent,
    drop_root,
    keep_descriptors,
    limit_cpu,
    limit_resources,
    refuse_system_calls,
)
from beamlens.sandbox.frames import (
    CALL,
    DONE,
    EVALUATE,
    FAILED,
    HELLO,
    READY,
    REPLY,
    SET_UP,
    ChannelClosed,
    frame,
    read_frame,
    write_all,
)
from beamlens.sandbox.interpreter import Interpreter, Program, compiled

__all__ = ["Kit", "become", "main", "prepare"]

_GONE: Final = 0
_BROKEN: Final = 70  # EX_SOFTWARE of <sysexits.h>


class Kit:
    """Hold what is made ahead, once, in the fork server: what a child would else have to make.

    Args:
        prelude: the prelude as bytecode.
        filter_: the filter of system calls; None where there is none.
        why_no_filter: the reason.
        base_bytes: the address space of the process.
    """

    __slots__ = ("base_bytes", "filter", "interpreter", "prelude", "why_no_filter")

    def __init__(
        self, prelude: bytes, filter_: seccomp.Filter | None, why_no_filter: str | None, base_bytes: int
    ) -> None:
        self.prelude = prelude
        self.filter = filter_
        self.why_no_filter = why_no_filter
        self.base_bytes = base_bytes
        self.interpreter = Interpreter(prelude, ask_host)


def prepare() -> Kit:
    """Make the kit and run a program once, so that everything is imported: a confined child opens no file."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lua_prelude.lua"), "rb") as file:
        prelude = compiled(file.read())
    _rehearse(prelude)
    why = seccomp.why_not()
    filter_ = seccomp.build(CONNECTION) if why is None else None
    return Kit(prelude, filter_, why, _address_space())


def become(kit: Kit, connection: int, parent: int, lifeline: int | None = None) -> NoReturn:
    """Be a child until the host is gone.

    Args:
        kit: what `prepare` returned.
        connection: the socket to the host.
        parent: the process id that must still be the parent's.
        lifeline: the read end of the host's pipe; None has the child make the pipe, and send the other end.
    """
    try:
        _confine(kit, connection, parent, lifeline)
        _serve(kit)
    except ChannelClosed:
        os._exit(_GONE)
    except ConfinementError as error:
        _tell_failure(str(error))
    except BaseException as error:  # whatever it was, the host must hear of it and nothing may go on
        _tell_failure(f"{type(error).__name__}: {error}")
    finally:
        os._exit(_BROKEN)


def main() -> NoReturn:
    """Be the child of one session, exec'd for it: `main` with the numbers of connection and lifeline in argv."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection, lifeline = (int(argument) for argument in sys.argv[1:3])
    become(prepare(), connection, os.getppid(), lifeline)


def ask_host(call: bytes) -> bytes:
    """Have the host run a callback; return its packed answer. Ends the process when the host is gone."""
    try:
        write_all(CONNECTION, frame(CALL, call))
        tag, answer = read_frame(CONNECTION)
        if tag == REPLY:
            return answer
    except BaseException:
        os._exit(_GONE)  # an exception here would enter Lua as an object
    os._exit(_BROKEN)


# -- before user code --------------------------------------------------------------------------------


def _confine(kit: Kit, connection: int, parent: int, lifeline: int | None) -> None:
    keep_descriptors(connection, lifeline)
    drop_root()
    die_with_parent(parent)
    if lifeline is None:
        _hello()
    else:
        write_all(CONNECTION, frame(HELLO, msgpack.packb(os.getpid())))
    arm_lifeline(LIFELINE)
    tag, body = read_frame(CONNECTION)
    if tag != SET_UP:
        raise ConfinementError(f"the host sent {tag!r} where its settings were expected")
    memory_bytes, cpu_seconds, reduced = msgpack.unpackb(body)
    limit_resources(Bounds(memory_bytes, cpu_seconds), kit.base_bytes)
    if kit.filter is not None:
        refuse_system_calls(kit.filter)
    elif not reduced:
        raise ConfinementError(f"{kit.why_no_filter}; Sandbox(allow_reduced=True) runs Lua without it")
    write_all(CONNECTION, frame(READY, b""))


def _hello() -> None:
    """Send the process id, a pidfd of this process, and the end of the pipe that keeps it alive."""
    own, hosts = os.pipe2(os.O_CLOEXEC)
    if own != LIFELINE:
        os.dup2(own, LIFELINE, inheritable=False)
        os.close(own)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, CONNECTION) as sock:
        pidfd = os.pidfd_open(os.getpid())
        descriptors = array.array("i", [pidfd, hosts])
        sock.sendmsg([frame(HELLO, msgpack.packb(os.getpid()))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        sock.detach()
    os.close(pidfd)
    os.close(hosts)


def _tell_failure(text: str) -> None:
    try:
        write_all(CONNECTION, frame(FAILED, text.encode(errors="replace")))
    except ChannelClosed:
        os._exit(_GONE)


# -- user code ---------------------------------------------------------------------------------------


def _serve(kit: Kit) -> NoReturn:
    interpreter = kit.interpreter
    while True:
        tag, body = read_frame(CONNECTION)
        if tag != EVALUATE:
            os._exit(_BROKEN)
        cpu_seconds, *program = msgpack.unpackb(body)
        limit_cpu(cpu_seconds)
        outcome = interpreter.run(Program(*program))
        write_all(CONNECTION, frame(DONE, msgpack.packb(outcome)))
        interpreter = Interpreter(kit.prelude, ask_host)


def _rehearse(prelude: bytes) -> None:
    def answer(call: bytes) -> bytes:
        reply: bytes = msgpack.packb([True, msgpack.unpackb(call)])
        return reply

    program = Program(
        memory_bytes=8 << 20,
        code=b"kept = {1, x = 'y'}; os.date('*t'); return probe(1.5, nil, kept), os.time(), pcall(error, {})",
        names=msgpack.packb(["probe"]),
        bindings=msgpack.packb({"given": 1}),
        instructions=100_000,
        argument_bytes=1000,
        result_bytes=1000,
        error_bytes=1000,
        bindings_bytes=1000,
        depth=8,
        globals_kept=True,
    )
    status, _, _ = outcome = Interpreter(prelude, answer).run(program)
    frame(DONE, msgpack.packb(outcome))
    if status != b"ok":
        raise RuntimeError(f"the rehearsal of the sandbox ended with {outcome!r}")


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 256 << 20  # no /proc: more than an interpreter of this size has
