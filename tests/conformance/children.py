"""The children of a scenario: how they behave, and the ledger of what happens to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from supervision.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, crash, shutdown

__all__ = ["FAILURES", "Behaviour", "Ledger", "exit_reason", "plain"]

Json = Any
FAILURES: Mapping[str, object] = {
    "error": "boom", "raise": ("EXIT", "boom"), "bad": "weird", "hold": "held",
}  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """Say how a simulated child behaves."""

    path: str
    starts: Sequence[str] = ()
    trap: bool = False
    on_shutdown: Json = "same"
    sup: Mapping[str, Json] | None = None

    def for_instance(self, prefix: str, instance: Mapping[str, Json]) -> Behaviour:
        """Return the behaviour of an instance of this template."""
        return Behaviour(
            prefix + instance["id"],
            instance.get("starts", self.starts),
            instance.get("trap", self.trap),
            instance.get("on_shutdown", self.on_shutdown),
            self.sup,
        )

    def at_stop(self, asked: ExitReason) -> tuple[float | None, ExitReason]:
        """Return how a child that is asked to stop ends: in how many seconds (None: never), and why."""
        if not self.trap:
            return 0.0, asked
        match self.on_shutdown:
            case "same":
                return 0.0, asked
            case "normal":
                return 0.0, NORMAL
            case "crash":
                return 0.0, crash("crash_on_stop")
            case ["shutdown", detail]:
                return 0.0, shutdown(detail)
            case ["slow", milliseconds]:
                return milliseconds / 1000, SHUTDOWN
        return None, KILLED


@dataclass
class Ledger:
    """Know the outcomes of starts, number the generations, write down events and reports."""

    attempts: dict[str, int] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    events: list[list[Json]] = field(default_factory=list)
    reports: list[list[Json]] = field(default_factory=list)

    def attempt(self, behaviour: Behaviour) -> str:
        """Return the outcome of the next attempt to start this path."""
        path, starts = behaviour.path, behaviour.starts
        number = self.attempts.get(path, 0)
        self.attempts[path] = number + 1
        last = starts[-1] if starts else "ok"
        outcome = starts[number] if number < len(starts) else ("hold" if last == "hold" else "ok")
        return "ok" if outcome == "hold" and path in self.released else outcome

    def started(self, path: str) -> int:
        """Write down a start and return its generation."""
        generation = self.generations[path] = self.generations.get(path, 0) + 1
        self.events.append(["start", path, generation])
        return generation

    def ignored(self, path: str) -> None:
        """Write down an ignored start."""
        self.events.append(["start_ignore", path])

    def failed(self, path: str, reason: object) -> None:
        """Write down a failed start, of a held child only once."""
        if reason == "held" and path in self.held:
            return
        if reason == "held":
            self.held.add(path)
        self.events.append(["start_error", path, plain(reason)])

    def exited(self, path: str, generation: int, reason: ExitReason) -> None:
        """Write down the end of a process."""
        self.events.append(["exit", path, generation, plain(reason)])

    def reported(self, context: str, path: str, reason: object, count: int | None = None) -> None:
        """Write down a supervisor's report, of a held child's start only once."""
        report = [context, path, plain(reason), *([] if count is None else [count])]
        if not (context == "start_error" and plain(reason) == "held" and self._was_reported(report)):
            self.reports.append(report)

    def take(self) -> dict[str, Json]:
        """Return what happened since the last time."""
        taken: dict[str, Json] = {"ev": self.events, "rep": self.reports}
        self.events, self.reports = [], []
        return taken

    _reported_held: set[str] = field(default_factory=set)

    def _was_reported(self, report: list[Json]) -> bool:
        if report[1] in self._reported_held:
            return True
        self._reported_held.add(report[1])
        return False


def exit_reason(given: str | list[str]) -> ExitReason:
    """Return the reason with which a scenario lets a child exit."""
    match given:
        case "normal":
            return NORMAL
        case "shutdown":
            return SHUTDOWN
        case "kill":
            return KILLED
        case ["shutdown", detail]:
            return shutdown(detail)
    return crash(given)


def plain(term: object) -> Json:
    """Return a term as JSON: tuples as arrays, an exit reason as OTP's term."""
    if isinstance(term, ExitReason):
        return plain(term.term())
    if isinstance(term, tuple | list):
        return [plain(item) for item in term]
    return term
