"""The skill `overload`: queues, mailboxes and pools in which work waits, and what keeps those that should do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.backlog.checks import CHECKS
from beamlens.skills.backlog.history import BacklogHistory
from beamlens.skills.backlog.texts import ACTIONS, DOCS, SYSTEM_PROMPT
from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill
from beamlens.skills.waits.limits import MOST_ROWS, rows
from beamlens.skills.waits.ticker import Pace, ticker

__all__ = ["Overload"]

_SHOWN: Final = 10
_SATURATED_SECONDS: Final = 5.0


class Overload(Skill):
    """Watch the queues and pools of the application's process; nothing needs to be registered."""

    id: ClassVar[str] = "overload"
    title: ClassVar[str] = "Overload"
    description: ClassVar[str] = (
        "Overload: backlogs of queues, mailboxes and pools, whether they grow, what keeps the workers, what began first"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("total",)

    def __init__(self) -> None:
        self._history = BacklogHistory()
        self._paces: list[Pace] = []

    def start(self) -> None:
        """Start to look for queues and pools."""
        self._paces = [
            ticker.add(self._history.find, 0.3),
            ticker.add(self._history.find_tasks, 2.0),
            ticker.add(self._history.measure, 1.0),
            ticker.add(self._history.find_names, 3.0),
        ]

    def stop(self) -> None:
        """Stop looking."""
        for pace in self._paces:
            ticker.remove(pace)
        self._paces = []

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "overload_queues": self.queues,
            "overload_bottleneck": self.bottleneck,
            "overload_cascade": self.cascade,
            "overload_state": self.state,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the fullest queues and pools; below a millisecond."""
        began = time.perf_counter()
        queues = self._history.rows(_SHOWN)
        data: dict[str, Any] = {
            "state": _state(queues),
            "total": sum(row["size"] for row in queues),
            "growing_count": sum(row["growing"] for row in queues),
            "queues": queues,
            "collector": [pace.snapshot() for pace in self._paces],
            "missing": [] if queues else ["queues: none was found yet in which anybody stood, and no pool"],
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def queues(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the queues and pools, the fullest first."""
        return self._history.rows(rows("overload_queues", limit))

    def bottleneck(self, name: str) -> dict[str, Any]:
        """Return where those stand that take from a queue or pool, and what to do."""
        found = self._history.rows(MOST_ROWS)
        row = next((each for each in found if each["name"] == name), None)
        if row is None:
            known = ", ".join(repr(each["name"]) for each in found[:5]) or "none"
            raise SkillError(
                "bad_arguments", f"overload_bottleneck: there is no queue named {name[:200]!r}; there are: {known}"
            )
        return {"name": name, "size": row["size"], **row["bottleneck"], "action": _action(row)}

    def cascade(self) -> list[dict[str, Any]]:
        """Return the queues that are not empty, the one that began to fill first before the others."""
        return self._history.onsets()[:MOST_ROWS]

    def state(self) -> dict[str, Any]:
        """Return all in a few words."""
        queues = self._history.rows(MOST_ROWS)
        worst = max(queues, key=lambda row: (row["growing"], row["saturated_seconds"], row["size"]), default=None)
        return {
            "state": _state(queues),
            "total": sum(row["size"] for row in queues),
            "queues": len(queues),
            "worst": worst["name"] if worst is not None and worst["size"] else None,
            "action": _action(worst) if worst is not None and worst["size"] else None,
        }


def _state(queues: Sequence[Mapping[str, Any]]) -> str:
    if any(row["growing"] for row in queues):
        return "growing"
    if any(row["saturated_seconds"] >= _SATURATED_SECONDS for row in queues):
        return "saturated"
    return "backlog" if any(row["size"] for row in queues) else "calm"


def _action(row: Mapping[str, Any]) -> str:
    found = row["bottleneck"]
    kind = found["type"] if found["at"] is not None else "unknown"
    return ACTIONS[kind].replace("{at}", str(found["at"]))
