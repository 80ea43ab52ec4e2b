"""Circus with a program that does nothing but answer."""

from __future__ import annotations

import sys

from benchmarks.peers.harness import measure_daemon

__all__ = ["main"]


def configuration(folder: str, program: str) -> str:
    """Return what circusd is told: keep its files in the folder, run the program once."""
    return f"""[circus]
endpoint = ipc://{folder}/endpoint
pubsub_endpoint = ipc://{folder}/pubsub
logoutput = {folder}/log

[watcher:service]
cmd = {program}
numprocesses = 1
"""


def main() -> None:
    """Start the daemon and kill its program."""
    measure_daemon(configuration, [sys.executable, "-c", "from circus.circusd import main; main()"])


if __name__ == "__main__":
    main()
