"""The part of a tree that a shell can talk to."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import Any

import pykka

from beamlens.control.directory import ControlDirectoryError, control_directory, listen, prepare, remove_stale
from beamlens.control.finding import find_lens
from beamlens.control.listener import Bounds, Listener
from beamlens.control.operations import Places, serve

__all__ = ["ControlServer"]

logger = logging.getLogger("beamlens.control")


class ControlServer(pykka.ThreadingActor):
    """Listen on a socket that only this user can reach. A thread of the application, and one that sleeps on the socket.

    Where no such socket can be made the tree runs without, and a warning says why.

    Args:
        tree: names the registry of the tree.
        directory: where the socket is; None for the usual place.
        bounds: what clients can take up.
    """

    def __init__(self, tree: str, directory: Path | None = None, bounds: Bounds | None = None) -> None:
        super().__init__()
        self._tree = tree
        self._directory = directory
        self._bounds = bounds
        self._listener: Listener | None = None

    def on_start(self) -> None:
        """Begin to listen."""
        directory = self._directory or control_directory()
        try:
            prepare(directory)
            remove_stale(directory)
            listening, path = listen(directory, f"{os.getpid()}.{self._tree}")
        except (ControlDirectoryError, OSError) as error:
            logger.warning("`beamlens ps` will not find this program: %s", error)
            return
        self._listener = Listener(
            listening, path, partial(serve, partial(find_lens, self._tree), Places()), self._bounds
        )
        self._listener.start()

    def on_receive(self, message: Any) -> Any:
        """Take no messages: clients come through the socket."""
        return None

    def on_stop(self) -> None:
        """Listen no more."""
        self._end()

    def on_failure(self, *_: Any) -> None:
        """Listen no more; the next server has a socket of its own."""
        self._end()

    def _end(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
