"""The host's side: run Lua that nobody has read, and get data or an error."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from beamlens.errors import ConfigurationError
from beamlens.sandbox.callbacks import Callback
from beamlens.sandbox.evaluation import Evaluation
from beamlens.sandbox.limits import Limits
from beamlens.sandbox.session import Session

__all__ = ["Sandbox"]


class Sandbox:
    """Evaluate Lua in throw-away processes. Holds no process itself; any thread.

    Args:
        address: of a `SandboxServer` of the same user, in this process or another.
        limits: for evaluations that name none.
        allow_reduced: run Lua on a Linux machine without seccomp too; `describe_level` says what is missing.

    Raises:
        ConfigurationError: the address is no text.
    """

    def __init__(self, address: str, limits: Limits | None = None, *, allow_reduced: bool = False) -> None:
        if not isinstance(address, str) or not address:
            raise ConfigurationError(f"address is SandboxServer.start().address, a str, not {address!r}")
        self.address = address
        self.limits = limits or Limits()
        self.allow_reduced = allow_reduced

    def evaluate(
        self,
        code: str,
        callbacks: Mapping[str, Callback] | None = None,
        *,
        limits: Limits | None = None,
        bindings: Mapping[str, object] | None = None,
        globals_kept: bool = False,
        cancel: threading.Event | None = None,
    ) -> Evaluation:
        """Run one program in a process of its own, in a fresh Lua state. Blocks; never raises for what it does.

        The value is that of `return`, or of the code if it is one expression; several values are a list; no
        value is None. A table with keys 1 to n is a list, an empty one too; any other is a dict, its keys text.
        Text that is no UTF-8 is mended; not-a-number and the infinities are the text `nan`, `inf`, `-inf`; a
        function inside a table is the text `<function>`.

        A callback is called here, on a thread of the sandbox, with plain data, and its result reduced to plain
        data (see `plain.to_plain`). What it raises, its lateness too, is in Lua `nil, "Type: message"`.

        Args:
            code: Lua 5.4.
            callbacks: by the name that Lua knows them by; `tool.function` is a field of a table.
            limits: instead of the sandbox's.
            bindings: globals to set, as plain data; libraries and callbacks go before them.
            globals_kept: whether the result's `bindings` are the globals after it: plain data only.
            cancel: an event; when it is set, the process is killed.

        Raises:
            ConfigurationError: a callback's name cannot be one.
        """
        with self.session() as session:
            return session.evaluate(
                code, callbacks, limits=limits, bindings=bindings, globals_kept=globals_kept, cancel=cancel
            )

    def session(self) -> Session:
        """Return a session: one process for several evaluations, each in a fresh Lua state."""
        return Session(self.address, self.limits, allow_reduced=self.allow_reduced)
