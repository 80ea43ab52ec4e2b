"""Put a finding into the words of a notification: facts apart from guesses, with the snapshots that prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens.llm.rules.drills import Drilled
from beamlens.llm.rules.findings import Finding
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.templates import Surroundings, fill
from beamlens.llm.rules.words import CONFIRMED, plural

__all__ = ["notification"]


def notification(finding: Finding, drill: Drilled, seen: Sequence[Moment], note: str = "") -> dict[str, Any]:
    """Return the arguments of `send_notification`.

    Args:
        finding: what holds.
        drill: what looking closer gave.
        seen: the snapshots.
        note: why nobody looked closer, where nobody did though the check asks for it.
    """
    check, match = finding.check, finding.match
    around = Surroundings(match, _data(seen, match.snapshot_ids), drill.data)
    told: dict[str, Any] = {
        "type": check.name,
        "context": _context(finding, drill, around, note),
        "observation": fill(check.observation, around).text,
        "severity": check.severity,
        "snapshot_ids": list(dict.fromkeys([match.snapshot_ids[0], match.snapshot_ids[-1]])),
        "entities": _entities(finding, around),
    }
    guess = fill(check.hypothesis, around) if check.hypothesis else None
    if guess is not None and guess.complete:
        told["hypothesis"] = guess.text
    if check.cause:
        told["cause"] = check.cause
    if check.remedy:
        told["remedy"] = fill(check.remedy, around).text
    return told


def _context(finding: Finding, drill: Drilled, around: Surroundings, note: str) -> str:
    parts = [fill(finding.check.context, around).text] if finding.check.context else []
    parts.append(_seen(finding))
    if drill.data is not None and drill.confirmed:
        parts.append(CONFIRMED)
    elif drill.problem:
        parts.append(f"A closer look failed: {drill.problem}")
    elif note:
        parts.append(note)
    return " ".join(part if part.endswith(".") else part + "." for part in parts)


def _seen(finding: Finding) -> str:
    match = finding.match
    over = f" over {match.seconds:.1f} s" if match.seconds > 0 else ""
    return f"Seen in {plural(len(match.snapshot_ids), 'snapshot')}{over}"


def _data(seen: Sequence[Moment], ids: Sequence[str]) -> Mapping[str, object] | object:
    return next((moment.data for moment in reversed(seen) if moment.id == ids[-1]), {})


def _entities(finding: Finding, around: Surroundings) -> list[str]:
    """Return the names that are known; where the check is about items and none of them is the item, its path too."""
    filled = [fill(template, around) for template in finding.check.entities]
    names = [name.text for name in filled if name.complete and name.text]
    if finding.match.keys and finding.match.key not in names:
        names.append(finding.match.path)
    return list(dict.fromkeys(names))
