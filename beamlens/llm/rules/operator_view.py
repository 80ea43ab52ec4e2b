"""What an operator's policy knows at one step: facts, conversation, and what the checks say of the snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from beamlens.llm.model import ModelRequest
from beamlens.llm.rules.conditions import is_over_time
from beamlens.llm.rules.conversation import Exchange, exchanges
from beamlens.llm.rules.findings import Finding, findings, in_order, needs, still_holds
from beamlens.llm.rules.moments import Moment, moments
from beamlens.llm.rules.step import count, listed, steps_left
from beamlens.skills.checks import Check, Trend

__all__ = ["CLEAR", "LONGEST_SECONDS", "OperatorView", "view_of"]

CLEAR = 3  # snapshots in which a condition must not hold before it counts as over
LONGEST_SECONDS = 45.0  # that a run on demand looks for
_KEPT = 20  # snapshots that the facts hold
_RESERVE = 10  # steps that a run on demand keeps for what it finds
_LOOKS = 3  # snapshots at least: what comes and goes is missed by one
_LATER = 15.0  # seconds at most until change over time is looked at once more


@dataclass(frozen=True)
class OperatorView:
    """What is known at one step. What the checks say is judged only where a rule asks for it.

    Args:
        facts: of the request.
        past: the calls of the conversation and their results.
        checks: the most important first.
        seen: the snapshots that are judged: of this run; of all time where the operator runs without an end.
        everything: all snapshots that there are.
        left: steps that may follow this one.
        planned: snapshots that this run wants.
        sent: the notifications of this run.
    """

    facts: Mapping[str, Any]
    past: tuple[Exchange, ...]
    checks: Sequence[Check]
    seen: Sequence[Moment]
    everything: Sequence[Moment]
    left: int
    planned: int
    sent: Sequence[Mapping[str, Any]]

    @property
    def continuous(self) -> bool:
        """Tell whether the operator runs without an end."""
        return self.facts.get("mode") == "continuous"

    @property
    def state(self) -> str:
        """Return the state that the operator is in."""
        return str(self.facts.get("state", "healthy"))

    @cached_property
    def found(self) -> Sequence[Finding]:
        """Return what holds."""
        return [one for one in self._held if not _is_change(one)] if self.again else self._held

    @property
    def settled(self) -> bool:
        """Tell whether the run has the snapshots that it wants, or can have no more."""
        return self._complete and not self.again

    @cached_property
    def again(self) -> bool:
        """Tell whether a change over time was found, and is looked at once more, later, before it is believed."""
        once = self._complete and not self.continuous and len(self.seen) <= self.planned
        return once and self.left > self._reserve - 2 and any(map(_is_change, self._held))

    @property
    def _complete(self) -> bool:
        return len(self.seen) >= self.planned or self.left <= self._reserve

    @property
    def _reserve(self) -> int:
        most = self.facts.get("max_iterations")
        return min(_RESERVE, most // 3) if isinstance(most, int) and most > 0 else _RESERVE

    @cached_property
    def _held(self) -> list[Finding]:
        if not self.seen:
            return []
        found = findings(self.checks, self.seen, settled=self._complete, anywhere=not self.continuous)
        if self.continuous:  # a change must hold twice
            return [one for one in found if not _is_change(one) or still_holds(one, self.seen[:-1])]
        return found + _slow(self.checks, self.everything, found) if self._complete else found

    @property
    def pause(self) -> float:
        """Return the seconds between two snapshots: so many that the checks see what they need."""
        pace = max(0.0, count(self.facts, "pace_seconds", 1.0))
        seconds = needs(self.checks)[1]
        if self.continuous:
            return max(pace, min(60.0, seconds / (_KEPT - 2)))
        usual = max(pace, min(LONGEST_SECONDS, seconds) / max(1, self.planned - 1))
        return max(usual, min(_LATER, usual * max(2.0, self.planned / 2))) if self.again else usual

    def place_of(self, snapshot: str) -> int:
        """Return where in the conversation a snapshot was taken; 0 where it is not in it any more."""
        for place in range(len(self.past) - 1, -1, -1):
            exchange = self.past[place]
            if exchange.call.name == "take_snapshot" and snapshot in (exchange.text or ""):
                return place
        return 0

    def episode(self, finding: Finding) -> int:
        """Return the place in the conversation since which the finding holds without a break of 3 snapshots.

        On demand a run is one episode.
        """
        if not self.continuous:
            return 0
        start, absent = len(self.seen) - 1, 0
        for end in range(len(self.seen) - 1, -1, -1):
            if still_holds(finding, self.seen[: end + 1]):
                start, absent = end, 0
            else:
                absent += 1
            if absent >= CLEAR:
                return self.place_of(self.seen[start].id)
        return 0


def view_of(request: ModelRequest) -> OperatorView:
    """Read a request of an operator."""
    facts = request.facts
    past = exchanges(request.messages)
    given = [check for check in listed(facts, "checks") if isinstance(check, Check)]
    checks = in_order(given, str(facts.get("reason") or ""))
    everything = moments(facts.get("snapshots"))
    return OperatorView(
        facts,
        past,
        checks,
        everything if facts.get("mode") == "continuous" else _of_run(everything, request, past),
        everything,
        steps_left(facts),
        min(max(_LOOKS, needs(checks)[0]), _KEPT) if checks else 1,
        _of_this_run(facts.get("notifications"), request.run_id),
    )


def _of_run(everything: Sequence[Moment], request: ModelRequest, past: Sequence[Exchange]) -> Sequence[Moment]:
    """Return the snapshots of this run: those that the conversation, or its summary, names."""
    named = [moment for moment in everything if any(moment.id in message.text for message in request.messages)]
    taken = sum(exchange.call.name == "take_snapshot" and exchange.succeeded for exchange in past)
    return named if named or not taken else everything[-taken:]


def _is_change(finding: Finding) -> bool:
    return is_over_time(finding.check.when)


def _slow(checks: Sequence[Check], everything: Sequence[Moment], found: Sequence[Finding]) -> list[Finding]:
    """Judge trends that need longer than a run on demand lasts over all the snapshots that there are."""
    slow = [check for check in checks if isinstance(check.when, Trend) and check.when.seconds > LONGEST_SECONDS]
    known = {finding.identity for finding in found}
    late = findings(slow, everything, settled=True, anywhere=False)
    return [finding for finding in late if finding.identity not in known]


def _of_this_run(given: object, run_id: str) -> list[Mapping[str, Any]]:
    sent = [told for told in (given if isinstance(given, list | tuple) else ()) if isinstance(told, dict)]
    return [told for told in sent if not run_id or not told.get("trace_id") or told["trace_id"] == run_id]
