"""Circus with a program that does nothing but answer."""

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
        config = Path(folder) / "circus.ini"
        config.write_text(
            f"""[circus]
endpoint = ipc://{folder}/endpoint
pubsub_endpoint = ipc://{folder}/pubsub
logoutput = {folder}/log

[watcher:service]
cmd = {sys.executable} -S {service.__file__} {address}
numprocesses = 1
"""
        )
        code = "from circus.circusd import main; main()"
        daemon = subprocess.Popen([sys.executable, "-c", code, str(config)], stdout=subprocess.DEVNULL)
        try:
            print_samples(kill_often(lambda: ask_service(address)))
        finally:
            daemon.terminate()
            daemon.wait(10)


if __name__ == "__main__":
    main()
