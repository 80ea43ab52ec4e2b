"""Small real programs with worker processes, sick and healthy."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

_SPAWN = multiprocessing.get_context("spawn")  # a program with threads must not fork


def fail_soon() -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for what it prints at its end
    time.sleep(0.2)
    raise ValueError("the queue's password is hunter2hunter2")


def keep_one_alive(ended: threading.Event) -> None:
    """Be a manager that starts its failing worker again and again."""
    worker = _SPAWN.Process(target=fail_soon, name="mailer")
    worker.start()
    while not ended.wait(0.1):
        if not worker.is_alive():
            worker = _SPAWN.Process(target=fail_soon, name="mailer")
            worker.start()
    worker.join(10)


def break_the_pool(ended: threading.Event) -> None:
    with ProcessPoolExecutor(2, mp_context=_SPAWN) as pool:
        pid = pool.submit(os.getpid).result(20)
        ended.wait(2.0)
        os.kill(pid, signal.SIGKILL)
        while not ended.wait(0.1):
            try:
                pool.submit(os.getpid).result(20)
            except BrokenProcessPool:
                ended.wait()


def leave_zombies(ended: threading.Event) -> None:
    """Start processes and hold on to them without ever asking how they ended."""
    children = []
    for _ in range(8):
        if not ended.is_set():
            children.append(subprocess.Popen([sys.executable, "-S", "-c", ""]))
    ended.wait()
    for child in children:
        child.wait(10)


def busy_and_well(ended: threading.Event) -> None:
    """Run short subprocesses, replace workers that ended in order, and keep a pool busy."""
    with ProcessPoolExecutor(2, mp_context=_SPAWN) as pool:
        while not ended.wait(0.05):
            subprocess.run([sys.executable, "-S", "-c", "raise SystemExit(1)"], check=False)
            worker = _SPAWN.Process(target=os.getpid)
            worker.start()
            pool.submit(os.getpid).result(20)
            worker.join(10)
