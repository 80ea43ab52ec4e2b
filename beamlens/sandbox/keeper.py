"""An actor of the application that keeps one sandbox server for a tree, and starts it anew when it is gone."""

from __future__ import annotations

from typing import Any, Final

import pykka

from beamlens.sandbox.server import SandboxServer
from supervision import Registry

__all__ = ["SandboxKeeper"]

_REGISTER: Final = "register"


class SandboxKeeper(pykka.ThreadingActor):
    """Answer `"address"` with the address of a sandbox server that lives. A thread of the application.

    The server is started when it is first wanted, and again when it was found dead.

    Args:
        tree: names the registry of the tree.
    """

    def __init__(self, tree: str) -> None:
        super().__init__()
        self._tree = tree
        self._server: SandboxServer | None = None

    def on_start(self) -> None:
        """Make itself known, once it can be found."""
        self.actor_ref.tell(_REGISTER)

    def on_receive(self, message: Any) -> Any:
        """Answer with the address, or with the server's process id (`"pid"`; None where there is none)."""
        if message == _REGISTER:
            return Registry(self._tree).register("sandbox")
        if message == "pid":
            return self._server.pid if self._server is not None and self._server.is_alive() else None
        if self._server is None or not self._server.is_alive():
            self._end()
            self._server = SandboxServer.start()
        return self._server.address

    def on_stop(self) -> None:
        """Stop the server."""
        self._end()

    def on_failure(self, *_: Any) -> None:
        """Stop the server; the next keeper starts its own."""
        self._end()

    def _end(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
