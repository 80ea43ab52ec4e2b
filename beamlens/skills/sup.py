"""The skill `sup`: supervision trees, worker processes and pools, and who dies again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check
from beamlens.skills.limits_given import rows
from beamlens.skills.skill import Skill
from beamlens.skills.sup_checks import CHECKS
from beamlens.skills.sup_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.supervised import trees
from beamlens.skills.supervised.watch import Watch

__all__ = ["Sup"]

_DEPTH: Final = 4
_MOST_CHILDREN: Final = 50
_SHOWN: Final = 5
_LASTING: Final = 10.0


class Sup(Skill):
    """Watch what is supervised and what works in processes beside the application's."""

    id: ClassVar[str] = "sup"
    title: ClassVar[str] = "Supervisors and workers"
    description: ClassVar[str] = (
        "Supervision trees and worker processes: children, restarts and their reasons, crash loops, pools and "
        "executors, broken ones, zombies"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("trees.children", "crashes_total", "restarts_total", "processes.children")

    def __init__(self) -> None:
        self._watch = Watch()

    def start(self) -> None:
        """Start following deaths."""
        self._watch.start()

    def stop(self) -> None:
        """Stop following."""
        self._watch.stop()

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "sup_list": self.list_,
            "sup_children": self.children,
            "sup_tree": self.tree,
            "sup_integrity": self.integrity,
            "sup_deaths": self.deaths,
            "sup_processes": self.processes,
            "sup_zombies": self.zombies,
            "sup_pools": self.pools,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return how trees, workers and pools stand."""
        began = time.perf_counter()
        found = trees.described()
        watch, known = self._watch, found or []
        everybody = [child for _, child in trees.everybody(known)]
        zombies = [row for row in watch.children.zombies() if row["seconds"] >= _LASTING]
        all_pools = watch.pools.rows()
        data: dict[str, Any] = {
            "trees": {
                "supervisors": sum(1 for _ in trees.supervisors(known)),
                "children": len(everybody),
                "running": sum(child["state"] == "running" for child in everybody),
                "restarting": sum(child["state"] == "restarting" for child in everybody),
            },
            "deaths_total": watch.deaths.deaths,
            "crashes_total": watch.deaths.crashes,
            "restarts_total": watch.deaths.restarts,
            "crash_loops": watch.deaths.loops()[:_SHOWN],
            "processes": {
                "children": len(watch.children.last) if watch.children.supported else None,
                "workers": len(watch.workers.alive()),
                "workers_started_total": watch.workers.started,
                "zombies": len(zombies) if watch.children.supported else None,
                "oldest_zombie_seconds": zombies[0]["seconds"] if zombies else None,
            },
            "pools": {"count": len(all_pools), "broken": [row for row in all_pools if row["broken"]][:_SHOWN]},
            "collector": watch.snapshot(),
            "missing": self._missing(found),
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _missing(self, found: object) -> list[str]:
        missing = []
        if found is None:
            missing.append("trees: the loop of the supervisors did not answer within a second")
        if not self._watch.children.supported:
            missing.append("processes: this platform has no /proc")
        if not self._watch.snapshot()["running"]:
            missing.append("collector: it does not run, so no deaths are known")
        return missing

    # -- callbacks --------------------------------------------------------------------------------

    def list_(self) -> dict[str, Any]:
        """Return all supervisors."""
        found = _known()
        return {
            "supervisors": [
                {
                    "name": path,
                    "strategy": node.get("strategy"),
                    "children": len(node["children"]),
                    "running": sum(child["state"] == "running" for child in node["children"]),
                    "restarts": sum(child["restarts"] for child in node["children"]),
                }
                for path, node in trees.supervisors(found)
            ][:_MOST_CHILDREN]
        }

    def children(self, name: str) -> dict[str, Any]:
        """Return the children of a supervisor."""
        path, node = _supervisor("sup_children", name)
        shown = [_child(child) for child in node["children"][:_MOST_CHILDREN]]
        return {"name": path, "children": shown, "not_shown": max(0, len(node["children"]) - _MOST_CHILDREN)}

    def tree(self, name: str) -> dict[str, Any]:
        """Return a supervisor and all below it."""
        path, node = _supervisor("sup_tree", name)
        return {"name": path, "strategy": node.get("strategy"), "children": _below(node, _DEPTH)}

    def integrity(self, name: str) -> dict[str, Any]:
        """Return what is odd about a supervisor and its children."""
        path, node = _supervisor("sup_integrity", name)
        children = node["children"]
        loops = [row for row in self._watch.deaths.loops() if row["name"].rpartition("/")[0] == path]
        down = [child["id"] for child in children if child["state"] not in ("running", "restarting")]
        anomalies = [f"crash_loop: {row['name']} died {row['deaths']} times" for row in loops]
        if any(child["state"] == "restarting" for child in children):
            anomalies.append("restarting: a child is being started again")
        if children and len(down) > len(children) / 2:
            anomalies.append("mostly_down: more than half of the children do not run")
        return {
            "name": path,
            "state": node.get("state"),
            "children": len(children),
            "running": sum(child["state"] == "running" for child in children),
            "not_running": down[:_MOST_CHILDREN],
            "crash_loops": loops[:_SHOWN],
            "anomalies": anomalies,
        }

    def deaths(self, limit: int = 10) -> dict[str, Any]:
        """Return who died, newest first."""
        now = time.monotonic()
        return {
            "deaths": [
                {
                    "name": death.name,
                    "kind": death.kind,
                    "reason": death.reason,
                    "normal": death.normal,
                    "where": death.where,
                    "lived_seconds": None if death.seconds is None else round(death.seconds, 2),
                    "ago_seconds": round(now - death.at, 1),
                }
                for death in self._watch.deaths.recent(rows("sup_deaths", limit))
            ],
            "crash_loops": self._watch.deaths.loops(now)[:_SHOWN],
        }

    def processes(self, limit: int = 20) -> dict[str, Any]:
        """Return the children of the application's process."""
        most = rows("sup_processes", limit)
        self._watch.look()
        workers = {row["pid"]: row for row in self._watch.workers.alive()}
        actors = {child["pid"]: f"{path}/{child['id']}" for path, child in trees.everybody(trees.described() or [])}
        found = self._watch.children.with_others(pid for pid in actors if pid is not None)
        shown = []
        for row in sorted(found, key=lambda row: -row.cpu_seconds)[:most]:
            known = workers.get(row.pid)
            name = actors.get(row.pid) or (known["name"] if known is not None else row.name)
            kind = "actor" if row.pid in actors else "worker" if known is not None else "process"
            shown.append(
                {
                    "pid": row.pid,
                    "name": name,
                    "kind": kind,
                    "state": row.state,
                    "rss_mb": row.rss_mb,
                    "threads": row.threads,
                    "cpu_seconds": round(row.cpu_seconds, 2),
                }
            )
        return {"processes": shown, "total": len(found), "missing": self._missing([])}

    def zombies(self, limit: int = 20) -> dict[str, Any]:
        """Return the children that ended and that nobody asked for their exit code."""
        most = rows("sup_zombies", limit)
        self._watch.look()
        found = self._watch.children.zombies()
        return {"zombies": found[:most], "total": len(found), "missing": self._missing([])}

    def pools(self, limit: int = 20) -> dict[str, Any]:
        """Return executors and servers' workers, broken ones first."""
        found = self._watch.pools.rows()
        return {"pools": found[: rows("sup_pools", limit)], "total": len(found)}


def _known() -> list[dict[str, Any]]:
    found = trees.described()
    if found is None:
        raise SkillError("refused", "the loop of the supervisors did not answer within a second; try again")
    return found


def _supervisor(callback: str, name: str) -> tuple[str, dict[str, Any]]:
    known = _known()
    found = trees.find(known, name) if isinstance(name, str) else None
    if found is None:
        names = ", ".join(path for path, _ in trees.supervisors(known)) or "none"
        raise SkillError("bad_arguments", f"{callback}: there is no supervisor {name!r:.80}; there are: {names[:500]}")
    return found


def _child(child: Mapping[str, Any]) -> dict[str, Any]:
    return {key: child[key] for key in ("id", "type", "state", "restart", "restarts", "pid")}


def _below(node: Mapping[str, Any], depth: int) -> list[dict[str, Any]]:
    found = []
    for child in node["children"][:_MOST_CHILDREN]:
        row = _child(child)
        if "children" in child:
            row |= {"children": _below(child, depth - 1)} if depth > 1 else {"truncated": True}
        found.append(row)
    return found
