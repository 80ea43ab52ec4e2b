"""Actors that misbehave when told to: other processes import them from here."""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib
import logging
import operator
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import Any, NoReturn

from supervision import ExitReason, ProcessActor
from supervision.process import context


def own_socket() -> Any:
    """Return the socket to the application: what a defect in a C library would write to."""
    return context.node().link._sock  # type: ignore[attr-defined]


class Subject(ProcessActor):
    """Do what a message names: `("echo", 1)` calls `do_echo(1)`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        name, *args = message
        return getattr(self, f"do_{name}")(*args)

    def do_echo(self, value: Any) -> Any:
        return value

    def do_answer_unknown(self, name: str) -> Any:
        """Answer, or raise, a value of a module that nobody else has imported."""
        values = importlib.import_module("tests.faults.unknown_values")
        if name == "raised":
            raise ValueError("with it", values.Shade.DARK)
        return values.VALUES[name]

    def do_text(self, length: int) -> str:
        return "x" * length

    def do_pid(self) -> int:
        return os.getpid()

    def do_keep(self, value: Any) -> None:
        self.seen.append(value)

    def do_seen(self) -> list[Any]:
        return self.seen

    # -- what it is made of

    def do_descriptors(self) -> dict[int, str]:
        found = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
        return found

    def do_status(self) -> dict[str, str]:
        with open("/proc/self/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)

    def do_threads(self) -> int:
        return len(os.listdir("/proc/self/task"))

    def do_random(self) -> float:
        return random.random()

    def do_modules(self) -> list[str]:
        return sorted(sys.modules)

    def do_oom_score(self) -> int:
        with open("/proc/self/oom_score_adj") as file:
            return int(file.read())

    def do_session(self) -> int:
        return os.getsid(0)

    # -- offspring

    def do_popen(self, command: str, new_session: bool = False) -> int:
        self.child = subprocess.Popen(["sh", "-c", command], start_new_session=new_session)
        return self.child.pid

    def do_hold_stdout(self) -> int:
        """Leave a grandchild that holds this process' standard output, and end."""
        return subprocess.Popen(["sleep", "60"]).pid

    def do_run(self, code: int) -> int:
        return subprocess.run([sys.executable, "-S", "-c", f"raise SystemExit({code})"], check=False).returncode

    # -- ends

    def do_exit(self, code: int) -> NoReturn:
        os._exit(code)

    def do_signal(self, number: int) -> None:
        os.kill(os.getpid(), number)

    def do_raise(self, text: str) -> NoReturn:
        raise ValueError(text)

    def do_interrupt(self) -> NoReturn:
        raise KeyboardInterrupt

    def do_end(self, detail: str) -> NoReturn:
        self.exit(ExitReason("shutdown", detail))

    def do_leave_a_thread(self, seconds: float) -> NoReturn:
        """Crash, with a thread running that is no daemon."""
        threading.Thread(target=time.sleep, args=(seconds,)).start()
        raise ValueError("crashed with a thread left")

    def do_allocate(self, limit: int) -> int:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return len(bytearray(limit))

    def do_sigterm_just_before_the_next_read(self, wakes: bool) -> None:
        """Have the signal come when the interpreter has looked for signals and the read has not yet begun.

        Args:
            wakes: whether the read also waits for the descriptor that a signal makes readable.
        """
        link: Any = context.node().link  # type: ignore[attr-defined]
        if not wakes:
            link._readable.unregister(link._wake)
        link._readable = SigtermThenPoll(link._readable)

    # -- busy and deaf

    def do_ignore_sigterm(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def do_busy_in_c(self) -> int:
        return sum(range(10**13))

    def do_busy_in_a_pattern(self) -> None:
        import re

        re.match(r"(a+)+$", "a" * 40 + "b")

    def do_deaf_sleep(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        a_deaf_sleep_that_a_stack_shows()

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    # -- its socket

    def do_raw(self, data: bytes) -> None:
        own_socket().sendall(data)

    def do_raw_and_die(self, data: bytes) -> NoReturn:
        own_socket().sendall(data)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def do_raw_and_sleep(self, data: bytes) -> None:
        own_socket().sendall(data)
        time.sleep(60)

    def do_close_socket(self) -> None:
        """Hang up and live on: a defect that closes a descriptor too many."""
        import socket

        own_socket().shutdown(socket.SHUT_WR)
        time.sleep(60)

    # -- streams and the end of the program

    def do_log(self, name: str, text: str) -> None:
        logging.getLogger(name).warning(text)

    def do_print(self, text: str) -> None:
        print(text, end="")

    def do_print_to_stderr(self, text: str) -> None:
        print(text, end="", file=sys.stderr)

    def do_at_exit(self, path: str, text: str) -> None:
        def write() -> None:
            with open(path, "a") as file:
                file.write(text)

        atexit.register(write)

    def do_use_a_pool(self) -> list[int]:
        import multiprocessing

        self.pool = multiprocessing.get_context("spawn").Pool(2)
        return [process.pid for process in self.pool._pool]  # type: ignore[attr-defined]


class SigtermThenPoll:
    """Stand in for a `select.poll`: its first use is preceded by SIGTERM, and no bytecode runs between the two."""

    def __init__(self, poll: Any) -> None:
        self._poll = poll
        self._kill = functools.partial(ctypes.CDLL(None).kill, os.getpid(), signal.SIGTERM)

    def poll(self, patience: float | None) -> Any:
        calls = [self._kill, functools.partial(self._poll.poll, patience)]
        self._kill = functools.partial(int)
        return list(map(operator.call, calls))[1]


def a_deaf_sleep_that_a_stack_shows() -> None:
    while True:
        time.sleep(1)


class Polite(Subject):
    """Take a moment to stop."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds

    def on_stop(self) -> None:
        time.sleep(self.seconds)


class SlowToEnd(Subject):
    """Take half a second to end; leave a mark before and after."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def on_stop(self) -> None:
        with open(f"{self.path}.begun", "w"):
            time.sleep(0.5)
        with open(f"{self.path}.done", "w"):
            return


class Deaf(Subject):
    """Ignore everything from the first moment on."""

    def on_start(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.actor_ref.tell(("deaf_sleep",))


class ExitsInInit(ProcessActor):
    """Be gone before it is ready."""

    def __init__(self) -> None:
        super().__init__()
        os._exit(7)


class RaisesInOnStart(ProcessActor):
    """Fail to start."""

    def on_start(self) -> None:
        raise RuntimeError("the database is away")


class HangsInInit(ProcessActor):
    """Never come up."""

    def __init__(self) -> None:
        super().__init__()
        time.sleep(600)


class SlowStart(Subject):
    """Take its time to start."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_start(self) -> None:
        time.sleep(self.seconds)


class LeavesAMark(ProcessActor):
    """Append one byte to a file at each start, and die."""

    def __init__(self, path: str, lives: bool = False) -> None:
        super().__init__()
        with open(path, "a") as file:
            file.write("a")
        if not lives:
            self.actor_ref.tell("die")

    def on_receive(self, message: Any) -> Any:
        if message == "die":
            os._exit(3)
        return message


class NonsenseInInit(ProcessActor):
    """Write what is no frame before being ready."""

    def __init__(self) -> None:
        super().__init__()
        own_socket().sendall(b"\xff\xff\xff\xff")
        time.sleep(60)
