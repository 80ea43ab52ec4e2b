"""The child's side: from a forked spare to a running actor, and out again.

A spare binds its life to the application's, sets its signals, rehearses a promotion (which copies the
memory pages that a real one will write to), says that it is ready, and waits. The message that makes it
an actor names the class; from then on the actor's loop runs on this, the main thread.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import fcntl
import importlib.machinery
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import time
from types import ModuleType
from typing import Any, Final

from supervision.process import child_telemetry, context, lifeline
from supervision.process.actor_loop import ActorLoop
from supervision.process.child_node import ChildNode
from supervision.process.envelopes import outer
from supervision.process.frames import frame
from supervision.process.link import Link
from supervision.process.protocol import ASK, PROMOTE, READY, START_FAILED, STOP
from supervision.process.wire import Codec, Limits, alias_module

__all__ = ["STACKS_SIGNAL", "load_script", "prepare", "run", "run_spawned"]

_REHEARSALS: Final = 64
_OOM_SCORE: Final = 500
_REHEARSAL: Final = {
    "class": "supervision.rehearsal:Rehearsal",
    "urn": "urn:rehearsal",
    "rehearsal": True,
    "args": [],
    "kwargs": {},
    "interests": [],
}
_stacks: int | None = None
_own: set[int] = set()  # the fork server's own pid, in it alone

STACKS_SIGNAL: Final = signal.SIGRTMAX - 1 if hasattr(signal, "SIGRTMAX") else signal.SIGUSR2


def prepare(settings: dict[str, Any]) -> Codec:
    """Do what all children share, once, before the first fork: each page written later is a copy in each child.

    Sets the signals, registers where stacks go, and plays promotions until the interpreter has adapted
    its bytecode, which it does by writing into it.

    Args:
        settings: `limits` (frame bytes, depth) and `rehearse`, as the launcher sent them.

    Returns:
        The codec for all children.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)  # a terminal's signals are the application's to act on
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the application may ignore or block signals: not so its actors
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGTERM, _on_terminate)
    _own.add(os.getpid())
    if sys.__stderr__ is not None:
        with contextlib.suppress(ValueError, OSError):
            faulthandler.enable(sys.__stderr__)
    if hasattr(os, "memfd_create") and hasattr(faulthandler, "register"):
        faulthandler.register(STACKS_SIGNAL, file=_reserve_stacks(), all_threads=True, chain=False)
    codec = Codec(Limits(*settings["limits"]))
    for _ in range(_REHEARSALS if settings.get("rehearse", True) else 1):
        rehearse(codec)
    importlib.util.find_spec("supervision_has_no_such_module")  # fills the caches of all directories on the path
    return codec


def run(sock: socket.socket, life: int, codec: Codec, *, rehearsed: bool) -> int:
    """Live as a spare, then as an actor; return the exit code. The process' main thread.

    Args:
        sock: this child's end of its socketpair.
        life: the read end of the application's lifeline.
        codec: of `prepare`.
        rehearsed: whether to play a promotion ahead.
    """
    _own.clear()
    if os.getpgrp() != os.getpid():
        os.setsid()  # a group of its own: Ctrl-C does not reach it, and it can be killed with its offspring
    lifeline.arm(life)
    stacks = _open_stacks()
    _offer_to_the_oom_killer()
    if rehearsed:
        rehearse(codec)
    link = Link(sock, codec, _wake_on_signals())
    os.register_at_fork(after_in_child=link.disown)
    child_telemetry.enter(link)
    link.send([READY, stacks])
    code = promote(link)
    _leave()
    return code


def run_spawned(sock: socket.socket, life: Any, settings: dict[str, Any]) -> None:
    """Live in an interpreter that multiprocessing spawned. Never returns."""
    code = 1
    for name in settings.get("withheld_env", ()):
        os.environ.pop(name, None)  # multiprocessing hands on the whole environment
    try:
        code = run(sock, os.dup(life.fileno()), prepare(settings), rehearsed=False)
    finally:
        os._exit(code)


def promote(link: Link, *, rehearsal: bool = False) -> int:
    """Wait for the message that makes this spare an actor, run the actor, return the exit code."""
    node = ChildNode(link, ("", 0))
    if not rehearsal:
        node.enter()  # before anything is read: the arguments may hold refs
    link.hold()
    content = link.next(None)
    if content is None or content[0] != PROMOTE:
        return 1
    orders: Any = link.codec.decode(content[2])  # type: ignore[arg-type]
    orders["incarnation"] = content[1]
    os.environ.update(orders.get("environment", {}))
    try:
        began = time.perf_counter()
        actor_class = _find_class(orders)
        if orders.get("module") is not None:
            orders["import_seconds"] = time.perf_counter() - began
        if "given" in orders:
            orders["args"], orders["kwargs"] = link.codec.decode(orders["given"])  # type: ignore[misc]
        link.release()
    except BaseException as error:
        link.send([START_FAILED, "error", error])
        return 1
    node.address = (str(orders["urn"]), int(orders["incarnation"]))
    return ActorLoop(link, node, actor_class, orders).run()


def rehearse(codec: Codec) -> None:
    """Play a promotion, one message and the end, so that a real one finds its pages and caches warm."""
    ours, theirs = socket.socketpair()
    try:
        for content in (
            [
                PROMOTE,
                1,
                codec.encode(_REHEARSAL | {"sys_path": sys.path, "log_level": logging.getLogger().level}),
            ],
            [ASK, 1, {"a": 1, "b": "two", "c": [3.0, None, True]}],
            [STOP, 0, "normal"],
        ):
            ours.sendall(frame(outer(codec).encode(content)))
        link = Link(theirs, codec)
        child_telemetry.enter(link)
        promote(link, rehearsal=True)
    finally:
        ours.close()
        theirs.close()


def _find_class(orders: dict[str, object]) -> type:
    path = orders.get("sys_path")
    if path != sys.path and isinstance(path, list):
        sys.path[:] = path
    module_name, _, qualname = str(orders["class"]).partition(":")
    loaded = module_name in sys.modules and (module_name != "__main__" or "__mp_main__" in sys.modules)
    orders["module"] = None if loaded else module_name
    module = load_script(str(orders["main"])) if module_name == "__main__" else importlib.import_module(module_name)
    found: object = module
    for part in qualname.split("."):
        found = getattr(found, part)
    if not isinstance(found, type):
        raise TypeError(f"{orders['class']} is {found!r} in this process; an actor class is expected")
    return found


def load_script(path: str) -> ModuleType:
    """Load the application's script under a name of its own, so that its main guard does not fire."""
    known = sys.modules.get("__mp_main__")
    if known is not None and getattr(known, "__file__", None) == path:
        alias_module("__main__", known)  # where multiprocessing has loaded it
        return known
    # A loader of its own, since the name of an executable script need not end in .py.
    loader = None if path.endswith(".pyc") else importlib.machinery.SourceFileLoader("__mp_main__", path)
    spec = importlib.util.spec_from_file_location("__mp_main__", path, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load the script {path!r} to find the actor class in it")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules["__main__"]
    sys.modules["__mp_main__"] = sys.modules["__main__"] = module
    alias_module("__main__", module)
    context.set_loading_script(True)
    try:
        spec.loader.exec_module(module)
    except BaseException:  # half a script must not be found later in place of a whole one
        sys.modules["__main__"] = before
        del sys.modules["__mp_main__"]
        raise
    finally:
        context.set_loading_script(False)
    return module


def _ignore(_number: int, _stack: object) -> None:
    """Do nothing. Ignored by SIG_IGN, the signal would be ignored by the programs that an actor starts as well."""


def _wake_on_signals() -> int:
    """Return a descriptor that becomes readable when a signal comes."""
    wake, written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    return wake


def _on_terminate(_number: int, _stack: object) -> None:
    if os.getpid() in _own:
        return  # the fork server: only the application ends it
    # Once: the clean-up that this begins must not be torn by a second one.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


def _reserve_stacks() -> int:
    """Set aside the number that each child's stack file will have."""
    global _stacks
    void = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _stacks = fcntl.fcntl(void, fcntl.F_DUPFD_CLOEXEC, 32)
    except OSError:  # fewer than that are allowed here
        _stacks = fcntl.fcntl(void, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(void)
    return _stacks


def _open_stacks() -> int | None:
    """Give the stacks of this process a file in its memory; return its descriptor.

    A signal then has all stacks written there, also while C code holds the GIL.
    """
    if _stacks is None:
        return None
    descriptor = os.memfd_create("supervision-stacks")
    os.dup2(descriptor, _stacks, inheritable=False)
    os.close(descriptor)
    return _stacks


def _offer_to_the_oom_killer() -> None:
    # Out of memory, one child and not the application should go: it can be started again.
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_RDWR)
    except OSError:
        return
    try:
        if int(os.read(descriptor, 16)) < _OOM_SCORE:  # never below the application's own, which is inherited
            os.write(descriptor, b"%d" % _OOM_SCORE)
    except OSError as error:
        logging.getLogger("supervision").debug("oom_score_adj: %s", error)
    finally:
        os.close(descriptor)


def _leave() -> None:
    """Do what a Python program does at its end, without tearing down what the fork server shares."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
