"""One performance: the shop starts healthy, something goes wrong, an operator is killed, the cause is explained."""

from __future__ import annotations

import queue
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from beamlens.demo.faults import Fault
from beamlens.demo.judge import Verdict, judge, warnings
from beamlens.demo.views import View
from beamlens.demo.wires import Peer

__all__ = ["Performance", "Result", "StageError"]

_START_SECONDS: Final = 30.0
_WARM_UP_SECONDS: Final = 3.0
_BETWEEN_LOOKS: Final = 3.0
_HEALTHY_SECONDS: Final = 12.0  # as long as the slowest fault works before somebody complains
_TREE_SECONDS: Final = 0.5
_QUESTION: Final = "is all well with the shop?"
_COMPLAINT: Final = "customers say that something is wrong with the shop"


class StageError(Exception):
    """The demo itself does not work: a program did not start, or ended too early."""


@dataclass(frozen=True, slots=True)
class Result:
    """Say how a performance ended.

    Args:
        fault: what was wrong; None: nothing.
        verdict: whether it was found; of a healthy program, whether nothing was.
        seconds: from the first program's start to the end.
        found_after: seconds from the fault's beginning to the insight.
        crashes_survived: deaths of operators, in runs that went on.
        killed: how often somebody was killed.
        false_alarms: what was reported while nothing was wrong.
        outcome: of the last run, as plain data.
    """

    fault: Fault | None
    verdict: Verdict
    seconds: float
    found_after: float | None
    crashes_survived: int
    killed: int
    false_alarms: tuple[str, ...] = ()
    outcome: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Tell whether the truth was found, and nothing but the truth, over all that was killed."""
        return self.verdict.found and not self.false_alarms and self.crashes_survived == self.killed

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, for machines."""
        return {
            "fault": self.fault.name if self.fault is not None else "none",
            "found": self.verdict.found,
            "cause": self.verdict.cause,
            "seconds": round(self.seconds, 1),
            "crashes_survived": self.crashes_survived,
            "killed": self.killed,
            "found_after_seconds": None if self.found_after is None else round(self.found_after, 1),
            "false_alarms": list(self.false_alarms),
            "why": self.verdict.why,
        }


class Performance:
    """Play once, in programs that are started for it. A context manager; the main thread.

    Args:
        fault: what goes wrong; None: nothing.
        provider: who thinks.
        view: shows it.
        seconds: how long at most.
        keep: a directory for transcripts; None: they are thrown away.
    """

    def __init__(
        self, fault: Fault | None, provider: str, view: View, seconds: float, keep: Path | None = None
    ) -> None:
        self._fault = fault
        self._provider = provider
        self._view = view
        self._began = time.monotonic()
        self._deadline = self._began + seconds
        self._keep = keep
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._next_tree = 0.0
        self._snapshots = self._killed = self._survived = 0
        self._victim: str | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="beamlens-demo-")
        self._peers: list[Peer] = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for peer in reversed(self._peers):
            peer.close()
        self._directory.cleanup()

    def play(self) -> Result:
        """Play it.

        Raises:
            StageError: a program did not start, or ended too early.
        """
        self._start()
        self._pause(_WARM_UP_SECONDS)
        healthy = self._look(_QUESTION, part=0.5)
        false_alarms = tuple(warnings(healthy))
        self._view.tell("demo", f"nothing is wrong yet, and {len(false_alarms)} warnings came")
        if self._fault is None:
            return self._stay_healthy(false_alarms)
        began = self._break(self._fault)
        verdict, outcome = self._investigate(self._fault)
        found_after = time.monotonic() - began if verdict.found else None
        return self._result(verdict, false_alarms, outcome, found_after)

    # -- the acts -------------------------------------------------------------------------------

    def _start(self) -> None:
        self._view.tell("demo", "the world starts: customers, a payment service, a carrier")
        world = self._peer("beamlens.demo.world", [], "world")
        partners = self._wait_for("world", lambda message: "port" in message, _START_SECONDS)["port"]
        directory = self._directory.name
        arguments = ["--directory", directory, "--partners", str(partners), "--provider", self._provider]
        transcripts = self._keep if self._keep is not None else Path(directory) / "transcripts"
        self._shop = self._peer("beamlens.demo.program", [*arguments, "--transcripts", str(transcripts)], "shop")
        ready = self._wait_for("shop", lambda message: message["kind"] == "ready", _START_SECONDS)
        self._view.tell("demo", f"the shop runs, process {ready['pid']}, with {', '.join(ready['operators'])}")
        world.tell(ready["port"])

    def _break(self, fault: Fault) -> float:
        began = time.monotonic()
        self._shop.tell({"do": "fault", "name": fault.name, "on": True})
        self._view.tell("demo", f"now something goes wrong: {fault.title}")
        self._pause(fault.brewing)
        return began

    def _investigate(self, fault: Fault) -> tuple[Verdict, Mapping[str, Any]]:
        """Look until the fault is found or the time is over; kill an operator in the middle of the first look."""
        self._victim = fault.operator
        while True:
            outcome = self._look(_COMPLAINT)
            verdict = judge(fault, outcome)
            if verdict.found or time.monotonic() + _BETWEEN_LOOKS >= self._deadline:
                return verdict, outcome
            self._view.tell("demo", f"not found yet: {verdict.why}")
            self._pause(_BETWEEN_LOOKS)

    def _stay_healthy(self, false_alarms: tuple[str, ...]) -> Result:
        self._pause(_HEALTHY_SECONDS)
        self._victim = "vm"
        outcome = self._look(_COMPLAINT)
        alarms = (*false_alarms, *warnings(outcome))
        why = "nothing was wrong, and nothing was said to be" if not alarms else f"false alarms: {len(alarms)}"
        return self._result(Verdict(not alarms, None, why), alarms, outcome, None)

    def _look(self, reason: str, part: float = 1.0) -> Mapping[str, Any]:
        """Have the coordinator look, within a part of the time that is left; return its outcome."""
        self._snapshots = 0
        seconds = max(10.0, part * (self._deadline - time.monotonic()))
        self._shop.tell({"do": "look", "reason": reason, "deadline": seconds})
        ended = self._wait_for("shop", lambda message: message["kind"] in ("outcome", "failed"), seconds + 20.0)
        if ended["kind"] == "failed":
            raise StageError(f"the investigation failed: {ended['text']}")
        outcome: Mapping[str, Any] = ended["outcome"]
        self._survived += sum(result["crashes"] for result in outcome["operator_results"])
        return outcome

    def _result(
        self, verdict: Verdict, alarms: tuple[str, ...], outcome: Mapping[str, Any], found_after: float | None
    ) -> Result:
        seconds = time.monotonic() - self._began
        return Result(self._fault, verdict, seconds, found_after, self._survived, self._killed, alarms, outcome)

    # -- what comes meanwhile ---------------------------------------------------------------------

    def _peer(self, module: str, arguments: list[str], name: str) -> Peer:
        peer = Peer(module, arguments, self._inbox, name)
        self._peers.append(peer)
        return peer

    def _pause(self, seconds: float) -> None:
        self._serve(lambda _name, _message: False, time.monotonic() + seconds)

    def _wait_for(self, peer: str, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        found = self._serve(lambda name, message: name == peer and wanted(message), time.monotonic() + seconds)
        if found is None:
            raise StageError(f"the {peer} said nothing for {seconds:.0f} s")
        return found

    def _serve(self, wanted: Callable[[str, dict[str, Any]], bool], deadline: float) -> dict[str, Any] | None:
        """Show what comes until something wanted does; None when the time is over."""
        while (left := deadline - time.monotonic()) > 0:
            self._ask_for_tree()
            try:
                name, message = self._inbox.get(timeout=min(left, _TREE_SECONDS))
            except queue.Empty:
                continue
            if message is None:
                raise StageError(f"the {name} ended too early; what it said on standard error is above")
            if wanted(name, message):
                return dict(message)
            self._hear(name, message)
        return None

    def _ask_for_tree(self) -> None:
        if time.monotonic() >= self._next_tree and len(self._peers) == 2:
            self._next_tree = time.monotonic() + _TREE_SECONDS
            self._shop.tell({"do": "tree"})

    def _hear(self, name: str, message: dict[str, Any]) -> None:
        if name == "world":
            self._view.load(message)
        elif message["kind"] == "tree":
            self._view.tree(message["text"])
        elif message["kind"] == "event":
            self._kill_if_due(message)
            self._view.tell(message["who"], message["text"], message["event"])
        elif message["kind"] == "killed":
            self._view.tell("demo", f"SIGKILL for operator {message['operator']}, process {message['pid']}")
        else:
            self._view.tell(name, str(message.get("text", message)))

    def _kill_if_due(self, message: dict[str, Any]) -> None:
        """Kill the operator when it looks closer, or where it sees nothing, after its second snapshot."""
        if self._victim is None or message["who"] != self._victim:
            return
        self._snapshots += message["event"] == "take_snapshot"
        if message["event"] == "execute_start" or self._snapshots >= 2:
            self._shop.tell({"do": "kill", "operator": self._victim})
            self._victim = None
            self._killed += 1
