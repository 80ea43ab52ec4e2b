"""Other software that starts a process anew when it died, measured in the same way as ours.

Each is one file, run in a process of its own with a limit of time; what is not installed is left out.
All are used with the settings they come with, but for what makes them restart at all.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

__all__ = ["PEERS", "Peer", "PeerError", "installed", "measure"]

_ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass(frozen=True, slots=True)
class Peer:
    """Describe one peer.

    Args:
        label: how tables call it.
        script: the module here that measures it.
        package: what must be importable; empty for none.
        executable: what must be on the PATH; empty for none.
        kills: how often its child is killed at most.
        arguments: what the module is given besides.
    """

    label: str
    script: str
    package: str = ""
    executable: str = ""
    kills: int = 10
    arguments: tuple[str, ...] = ()


class PeerError(Exception):
    """Tell why a peer could not be measured."""


PEERS: Final = (
    Peer("Erlang/OTP, its own light process", "erlang", executable="erl", kills=200, arguments=("process",)),
    Peer("Erlang/OTP, an OS process (cat)", "erlang", executable="erl", kills=100, arguments=("port",)),
    Peer("ProcessPoolExecutor, made anew by hand", "futures", kills=30),
    Peer("supervisord", "supervisord", package="supervisor"),
    Peer("xoscar", "xoscar_pool", package="xoscar"),
    Peer("Ray", "ray_actor", package="ray"),
    Peer("circus", "circusd", package="circus"),
)


def installed(peer: Peer) -> bool:
    """Tell whether a peer is there."""
    importable = not peer.package or importlib.util.find_spec(peer.package) is not None
    return importable and (not peer.executable or shutil.which(peer.executable) is not None)


def measure(peer: Peer, seconds: float) -> list[float]:
    """Return the seconds from SIGKILL to an answer, one for each kill.

    Args:
        peer: which one.
        seconds: for how long it may kill; to start and to stop it gets as much again, and 30 more.

    Raises:
        PeerError: it failed, or took too long.
    """
    command = [
        sys.executable,
        "-m",
        f"benchmarks.peers.{peer.script}",
        str(peer.kills),
        str(seconds),
        *peer.arguments,
    ]
    path = os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        said, complained = process.communicate(timeout=2 * seconds + 30)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"it took more than {error.timeout:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lines = [line for line in said.splitlines() if line.startswith("[")]
    if not lines:
        raise PeerError((complained.strip().splitlines() or ["it said nothing"])[-1])
    samples: list[float] = json.loads(lines[-1])
    return samples
