"""The skill `changes`: what is different from the start of the program, from its last life, and from its siblings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.changes_checks import CHECKS
from beamlens.skills.changes_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.checks import Check
from beamlens.skills.differences import collecting
from beamlens.skills.differences.lives import program_key, state_directory
from beamlens.skills.differences.siblings import odd_ones
from beamlens.skills.differences.watch import Watch
from beamlens.skills.limits_given import choice, rows
from beamlens.skills.skill import Skill

__all__ = ["Changes"]

_SHOWN: Final = 10
_SECTIONS: Final = ("", "code", "environment", "log_levels", "packages", "runtime", "settings")


class Changes(Skill):
    """Watch what changes in how a program is made and set.

    Args:
        directory: where facts are kept for the next life; None: in the user's state directory; False: nowhere.
        settling_seconds: for so long after its start a program still sets itself up: settings, environment variables
            and log levels of that time are those that it begins with.
    """

    id: ClassVar[str] = "changes"
    title: ClassVar[str] = "What is different"
    description: ClassVar[str] = (
        "What changed: package versions, code on disk, environment and settings (names, never values), log levels, the "
        "interpreter's switches; since the start and since the last life; one worker that differs from its siblings"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT

    def __init__(self, directory: str | bool | None = None, settling_seconds: float = 10.0) -> None:
        key = program_key() if directory is not False else None
        if isinstance(directory, str):
            place: Path = Path(directory)
        else:
            place = state_directory("lives")
        self._watch = Watch(place / f"{key}.json" if key is not None else None, settling_seconds)

    def start(self) -> None:
        """Take the present state as the baseline."""
        self._watch.start()

    def stop(self) -> None:
        """Stop comparing."""
        self._watch.stop()

    def checks(self) -> Sequence[Check]:
        """Return what is worth knowing of any program."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "changes_list": self.list_,
            "changes_since_last_start": self.since_last_start,
            "changes_packages": self.packages,
            "changes_log_levels": self.log_levels,
            "changes_runtime": self.runtime,
            "changes_workers": self.workers,
            "changes_traffic": self.traffic,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return what is different now."""
        began = time.perf_counter()
        watch = self._watch
        found, last = watch.changes(), watch.since_last_life()
        siblings = watch.siblings
        data: dict[str, Any] = {
            "changed": len(found),
            "changes": found[:_SHOWN],
            "moving": watch.moving,
            "since_last_start": {
                "known": last["known"],
                "changed": len(last["changes"]),
                "packages": [row for row in last["changes"] if row["section"] == "packages"][:_SHOWN],
            },
            "workers": {
                "count": len(siblings.rows),
                "started_total": siblings.started,
                "odd": odd_ones(siblings.rows),
            },
            "traffic": _shortened(watch.mix.compared()),
            "collector": watch.snapshot(),
        }
        data["missing"] = self._missing(last, data["collector"], data["traffic"])
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    @staticmethod
    def _missing(last: Mapping[str, Any], collector: Mapping[str, Any], traffic: Mapping[str, Any]) -> list[str]:
        missing = []
        if traffic["requests_last_minute"] is None:
            missing.append("traffic: the skill http counts no requests; wrap the web application for it")
        if not last["known"]:
            missing.append(f"since_last_start: {last['problem'] or 'no earlier life of this program is known'}")
        if not collector["running"]:
            missing.append("collector: it does not run, so nothing is compared")
        return missing

    def list_(self, limit: int = 20, section: str = "") -> dict[str, Any]:
        """Return what is different from the start, newest first."""
        most, wanted = rows("changes_list", limit), choice("changes_list", "section", section, _SECTIONS)
        self._watch.look()
        found = [row for row in self._watch.changes() if not wanted or row["section"] == wanted]
        return {
            "changes": found[:most],
            "total": len(found),
            "moving": self._watch.moving,
            "facts": self._watch.counts(),
        }

    def since_last_start(self, limit: int = 20) -> dict[str, Any]:
        """Return what was different at the start from the life before."""
        most, last = rows("changes_since_last_start", limit), self._watch.since_last_life()
        return {**last, "changes": last["changes"][:most], "total": len(last["changes"])}

    def packages(self, part: str = "") -> dict[str, Any]:
        """Return the versions of installed packages with this in their name."""
        if not isinstance(part, str) or len(part) > 100:
            raise SkillError("bad_arguments", f"changes_packages: part is {part!r:.80}; a part of a name is expected")
        found = {name: version for name, version in collecting.packages().items() if part.lower() in name}
        return {"packages": dict(sorted(found.items())[:200]), "total": len(found)}

    def log_levels(self) -> dict[str, Any]:
        """Return the levels of the loggers that have one."""
        return {"levels": dict(list(collecting.log_levels().items())[:200])}

    def runtime(self) -> dict[str, Any]:
        """Return the interpreter's switches and hooks."""
        return {"runtime": collecting.runtime()}

    def workers(self) -> dict[str, Any]:
        """Return the workers of the same program, this one too."""
        self._watch.siblings.look()
        found = self._watch.siblings.rows
        return {"workers": found[:50], "total": len(found), "odd": odd_ones(found)}

    def traffic(self) -> dict[str, Any]:
        """Return what part of the requests each route has now, and had before."""
        self._watch.look()
        return self._watch.mix.compared()


def _shortened(traffic: dict[str, Any]) -> dict[str, Any]:
    return {**traffic, "routes": traffic["routes"][:5]}
