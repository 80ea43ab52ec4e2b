"""Say what this machine can and cannot do for BeamLens, and what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Finding", "report"]

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Tell one thing that was looked at.

    Args:
        part: which part of BeamLens it concerns, for example `sandbox`.
        status: `ok`; `warning`, it works with less than it could; `problem`, it does not work.
        text: what was found.
        advice: what to do; empty where nothing need be done.
    """

    part: str
    status: Status
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.part}: {self.status}: {self.text}" + (f" ({self.advice})" if self.advice else "")


def report() -> list[Finding]:
    """Look at everything; return what was found, a finding or more for each part.

    Starts and ends processes of its own; takes less than a second. Never raises for what it finds.
    """
    return [finding for part, look in _PARTS.items() for finding in _look(part, look)]


def _look(part: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except Exception as error:  # a doctor that dies of the patient's illness helps nobody
        return [Finding(part, "problem", f"looking at it raised {type(error).__name__}: {error}")]


def _sandbox() -> list[Finding]:
    from beamlens.sandbox import Level, describe_level, level

    found = level()
    advice = {
        Level.FULL: "",
        Level.LIMITS: "run on a kernel or in a container that allows seccomp, or set allow_reduced",
        Level.PROCESS: "run on Linux for the full level",
    }
    status: Status = "ok" if found is Level.FULL else "warning"
    return [Finding("sandbox", status, describe_level(), advice[found]), _one_evaluation()]


def _one_evaluation() -> Finding:
    from beamlens.sandbox import Sandbox, SandboxServer, SandboxStartError

    try:
        with SandboxServer.start() as server:
            found = Sandbox(server.address).evaluate("return 6 * 7")
    except SandboxStartError as error:
        return Finding("sandbox", "problem", str(error), "see docs/sandbox.md")
    if found.value == 42:
        return Finding("sandbox", "ok", f"a program was evaluated in {found.seconds * 1000:.1f} ms")
    return Finding("sandbox", "problem", str(found.error or f"6 * 7 gave {found.value!r}"), "see docs/sandbox.md")


_PARTS: Final[dict[str, Callable[[], list[Finding]]]] = {"sandbox": _sandbox}
