"""Random scenarios of the categories that OTP's answers were recorded for."""

from __future__ import annotations

from random import Random
from typing import Any

__all__ = ["scenario"]

Json = Any
KINDS = ["basic", "startfail", "retry", "burst", "hold", "auto", "nested"]
REASONS: list[Json] = ["normal", "shutdown", ["shutdown", "x"], "crash", "crash", "kill", "kill"]
OUTCOMES = ["ok", "ok", "ok", "ok_info", "ignore", "error", "raise", "bad"]
STUCK: Json = {"trap": True, "on_shutdown": "ignore"}
WAYS: list[Json] = ["same", "normal", "crash", ["shutdown", "y"], ["slow", 15]]
GROUPS = ["one_for_one", "one_for_all", "rest_for_one"]
RESTARTS = ["permanent", "transient", "temporary"]
REQUESTS = ["terminate_child", "restart_child", "delete_child", "get_childspec"]


def scenario(seed: int) -> Json:
    """Return the scenario of this number."""
    return _Maker(Random(seed)).scenario()


class _Maker:
    """Make one scenario; its kind says what it is about."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.kind = random.choice(KINDS)

    def scenario(self) -> Json:
        flags = self.flags([0, 1, 2, 3, 8, 20])
        if self.kind == "hold":
            flags["intensity"] = 1_000_000
        children = self.family("abcde", flags["auto_shutdown"])
        names = [child["id"] for child in children]
        if self.kind == "hold":
            children[0]["starts"] = ["ok", "hold"]
            names += names[:1] * 4
        if self.kind == "nested":
            names = self.nest(children)
        ops = [self.operation(names, children) for _ in range(self.random.randint(0, 12))]
        if self.kind == "hold":
            ops.insert(0, ["exit_child", names[0], "crash"])
        return {"name": self.kind, "cat": self.kind, "flags": flags, "children": children, "ops": ops}

    def chance(self, part: float) -> bool:
        return self.random.random() < part

    def flags(self, intensities: list[int]) -> Json:
        modes = ["any_significant", "all_significant"]
        auto = self.kind == "auto" or self.chance(0.2)
        return {
            "strategy": self.random.choice(GROUPS),
            "intensity": self.random.choice(intensities),
            "period": 3600,
            "auto_shutdown": self.random.choice(modes) if auto else "never",
        }

    def family(self, names: str, auto: str) -> list[Json]:
        ids = self.random.sample(names, self.random.randint(1, len(names)))
        return [{"id": name, **self.behaviour(auto), **self.starts()} for name in ids]

    def starts(self) -> Json:
        """Return the outcomes of the first starts; in most kinds the very first one is ok."""
        if self.kind == "startfail" and self.chance(0.4):
            return {"starts": [self.random.choice(OUTCOMES)]}
        if self.kind in ("retry", "nested") and self.chance(0.6):
            return {"starts": ["ok", *self.random.choices(OUTCOMES, k=self.random.randint(1, 5))]}
        return {}

    def behaviour(self, auto: str) -> Json:
        """Return the fields of a child; one that never stops by itself gets a limit."""
        restart = self.random.choice(RESTARTS)
        fields: Json = {} if restart == "permanent" and self.chance(0.5) else {"restart": restart}
        if self.chance(0.3):
            fields["type"] = self.random.choice(["worker", "supervisor"])
        if self.chance(0.15):
            return {**fields, **STUCK, "shutdown": self.random.choice([40, 60, "brutal_kill"])}
        if self.chance(0.5):
            fields |= {"trap": True, "on_shutdown": self.random.choice(WAYS)}
        if self.chance(0.5):
            fields["shutdown"] = self.random.choice([5000, "infinity", "brutal_kill"])
        if auto != "never" and restart != "permanent" and self.chance(0.6):
            fields["significant"] = True
        return fields

    def nest(self, children: list[Json]) -> list[str]:
        """Make supervisors of some children, and return the paths of all."""
        paths: list[str] = []
        for at, child in enumerate(children):
            paths.append(child["id"])
            if self.chance(0.6):
                flags = self.flags([0, 1, 2])
                family = self.family("xy", flags["auto_shutdown"])
                paths += [f"{child['id']}/{grandchild['id']}" for grandchild in family]
                kept = {key: child[key] for key in ("id", "restart", "significant") if key in child}
                children[at] = {**kept, "type": "supervisor", "sup": {"flags": flags, "children": family}}
        return paths

    def operation(self, names: list[str], children: list[Json]) -> Json:
        sups = [child["id"] for child in children if "sup" in child]
        # A supervisor does not end by itself, and one that is killed is a matter of links.
        workers = [name for name in names if name not in sups] + ["zz"]
        if self.kind == "burst" and self.chance(0.5):
            number = min(len(workers), self.random.randint(2, 4))
            return ["exit_many", self.random.sample(workers, number), self.random.choice(REASONS)]
        match self.random.choice(["exit", "exit", "exit", "request", "request", "ask", "add", "release"]):
            case "exit":
                return ["exit_child", self.random.choice(workers), self.random.choice(REASONS)]
            case "request":
                return [self.random.choice(REQUESTS), self.random.choice([*names, "zz"])]
            case "ask":
                sup = [self.random.choice(sups)] if sups and self.chance(0.5) else []
                return [self.random.choice(["which_children", "count_children"]), *sup]
            case "release":
                return ["release", names[0]]
        return self.addition(self.random.choice([*names, "p", "q"]))

    def addition(self, path: str) -> Json:
        sup_path, _, name = path.rpartition("/")
        spec = {"id": name, **self.behaviour(self.random.choice(["never", "any_significant"]))}
        if self.chance(0.3):
            spec["starts"] = self.random.choices(OUTCOMES, k=2)
        return ["start_child", spec, *([sup_path] if sup_path else [])]
