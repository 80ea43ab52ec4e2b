"""The way in which every peer is measured."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.peers import service

__all__ = ["ask_service", "kill_often", "measure_daemon", "print_samples", "wanted"]

_PAUSE = 0.05
_RETRY = 0.001
_GIVE_UP_SECONDS = 30.0


def wanted() -> tuple[int, float]:
    """Return how many kills, and seconds, the command line allows."""
    return int(sys.argv[1]), float(sys.argv[2])


def kill_often(ask: Callable[[], int]) -> list[float]:
    """Kill the process that answers until time is up; return the seconds until another one answered.

    Args:
        ask: returns the process id of whoever answers; may raise anything while nobody does.
    """
    kills, seconds = wanted()
    end = time.monotonic() + seconds
    victim = _await_other(ask, 0)
    samples: list[float] = []
    while len(samples) < kills and (time.monotonic() < end or len(samples) < 3):
        time.sleep(_PAUSE)
        begun = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        victim = _await_other(ask, victim)
        samples.append(time.perf_counter() - begun)
    return samples


def _await_other(ask: Callable[[], int], victim: int) -> int:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        try:
            pid = ask()
        except Exception:
            time.sleep(_RETRY)  # nobody is there yet
            continue
        if pid != victim:
            return pid
    raise TimeoutError(f"no answer in {_GIVE_UP_SECONDS:.0f} s")


def measure_daemon(configuration: Callable[[str, str], str], command: Sequence[str]) -> None:
    """Start a supervisor of programs in a folder of its own, kill its program, print the samples.

    Args:
        configuration: returns the text of its configuration, given the folder and the program's command line.
        command: what starts it; the path of the configuration comes last.
    """
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/service"
        config = Path(folder) / "daemon.ini"
        config.write_text(configuration(folder, f"{sys.executable} -S {service.__file__} {address}"))
        daemon = subprocess.Popen([*command, str(config)], stdout=subprocess.DEVNULL)
        try:
            print_samples(kill_often(lambda: ask_service(address)))
        finally:
            daemon.terminate()
            daemon.wait(10)


def ask_service(path: str) -> int:
    """Ask the service that listens on a Unix socket for its process id."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_GIVE_UP_SECONDS)
        sock.connect(path)
        return int(sock.recv(32))


def print_samples(samples: list[float]) -> None:
    """Print the result for whoever started this process."""
    print(json.dumps(samples), flush=True)
