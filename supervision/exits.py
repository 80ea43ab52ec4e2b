"""How a process ended: OTP's exit reasons as values."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass, replace
from typing import Final, Literal

__all__ = [
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "ExitReason",
    "crash",
    "from_status",
    "shutdown",
]

Kind = Literal["normal", "shutdown", "crash", "signal", "killed", "noproc"]


@dataclass(frozen=True, slots=True)
class ExitReason:
    """Say why a process ended.

    Args:
        kind: `normal`, `shutdown`, `crash`, `signal`, `killed` (SIGKILL) or `noproc` (it was not there).
        detail: what the process gave as its reason: X of (shutdown, X), an exception's description,
            an exit code, a signal's name.
        text: the traceback or another explanation for people; never part of equality in reports.
    """

    kind: Kind
    detail: object = None
    text: str = ""

    @property
    def is_normal(self) -> bool:
        """Tell whether OTP counts this as a normal end: normal, shutdown, (shutdown, X)."""
        return self.kind in ("normal", "shutdown")

    def term(self) -> object:
        """Return OTP's term: `"normal"`, `("shutdown", x)`, `"killed"`, `("signal", "SIGSEGV")`, a crash's detail."""
        if self.kind == "shutdown" and self.detail is not None:
            return ("shutdown", self.detail)
        if self.kind == "signal":
            return ("signal", self.detail)
        if self.kind == "crash":
            return self.detail
        return self.kind

    def with_text(self, text: str) -> ExitReason:
        """Return the same reason with an explanation for people."""
        return replace(self, text=text)

    def __str__(self) -> str:
        return str(self.term()) if not isinstance(self.term(), tuple) else repr(self.term())


NORMAL: Final = ExitReason("normal")
SHUTDOWN: Final = ExitReason("shutdown")
KILLED: Final = ExitReason("killed")
NOPROC: Final = ExitReason("noproc")


def shutdown(detail: object) -> ExitReason:
    """Return the reason (shutdown, detail): an orderly end that says why."""
    return ExitReason("shutdown", detail)


def crash(detail: object, text: str = "") -> ExitReason:
    """Return an abnormal reason with a detail and the traceback's text."""
    return ExitReason("crash", detail, text)


def from_status(code: int) -> ExitReason:
    """Translate a process' exit code, negative for a signal as in `subprocess`, to a reason."""
    if code == 0:
        return NORMAL
    if code == -signals.SIGKILL:
        return KILLED
    if code < 0:
        return ExitReason("signal", _signal_name(-code))
    return crash(("exit_status", code))


def _signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"SIG{number}"
