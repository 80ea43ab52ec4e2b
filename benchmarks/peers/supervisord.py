"""Supervisord with a program that does nothing but answer."""

from __future__ import annotations

import sys

from benchmarks.peers.harness import measure_daemon

__all__ = ["main"]


def configuration(folder: str, program: str) -> str:
    """Return what supervisord is told: keep its files in the folder, restart the program whenever it ends."""
    return f"""[supervisord]
nodaemon=true
logfile={folder}/log
pidfile={folder}/pid
childlogdir={folder}

[program:service]
command={program}
autorestart=true
startsecs=0
startretries=1000000
"""


def main() -> None:
    """Start the daemon and kill its program."""
    measure_daemon(configuration, [sys.executable, "-m", "supervisor.supervisord", "-c"])


if __name__ == "__main__":
    main()
