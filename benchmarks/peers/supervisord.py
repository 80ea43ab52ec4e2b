"""Supervisord with a program that does nothing but answer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import service
from benchmarks.peers.harness import ask_service, kill_often, print_samples


def main() -> None:
    """Start the daemon in a folder of its own and kill its program."""
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "service")
        config = Path(folder) / "supervisord.conf"
        config.write_text(
            f"""[supervisord]
nodaemon=true
logfile={folder}/log
pidfile={folder}/pid
childlogdir={folder}

[program:service]
command={sys.executable} -S {service.__file__} {address}
autorestart=true
startsecs=0
startretries=1000000
"""
        )
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            print_samples(kill_often(lambda: ask_service(address)))
        finally:
            daemon.terminate()
            daemon.wait(10)


if __name__ == "__main__":
    main()
