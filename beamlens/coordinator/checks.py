"""What an insight must rest on, checked before it is one: pure functions."""

from __future__ import annotations

from typing import Any

from beamlens.coordinator.progress import Entry, Progress

__all__ = ["insight_problem"]


def insight_problem(arguments: dict[str, Any], progress: Progress) -> str | None:
    """Return what is wrong with the evidence of an insight, in words for the model; None where nothing is."""
    known = {entry.notification.id: entry for entry in progress.inbox}
    cited = arguments["notification_ids"]
    missing = [number for number in cited if number not in known]
    if missing:
        return f"there are no notifications {', '.join(missing)}; there are: {', '.join(known) or 'none'}"
    entries = [known[number] for number in cited]
    return _observations_problem(arguments["matched_observations"], entries, cited) or _grounding_problem(
        arguments, entries
    )


def _observations_problem(matched: list[str], entries: list[Entry], cited: list[str]) -> str | None:
    if not cited and matched:
        return "matched_observations are given, but no notification_ids: cite the notifications they stand in"
    known = {_plain(entry.notification.observation) for entry in entries}
    for observation in matched:
        if _plain(observation) not in known:
            return (
                f"no cited notification has the observation {observation!r}; copy observations word for word: "
                + "; ".join(repr(entry.notification.observation) for entry in entries)
            )
    return None


def _grounding_problem(arguments: dict[str, Any], entries: list[Entry]) -> str | None:
    if not arguments["hypothesis_grounded"]:
        return None
    matched = {_plain(text) for text in arguments["matched_observations"]}
    operators = {entry.notification.operator for entry in entries if _plain(entry.notification.observation) in matched}
    if len(operators) >= 2:
        return None
    return (
        "hypothesis_grounded needs matched_observations of two operators or more; these are of "
        f"{', '.join(sorted(operators)) or 'none'}: set it to false, or cite more"
    )


def _plain(text: str) -> str:
    return " ".join(text.split())
