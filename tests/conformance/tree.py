"""A supervision tree on the simulation, in few words, for tests of single rules."""

from __future__ import annotations

from typing import Any

from supervision.decisions import Call, Ok, Refused, StartChild
from tests.conformance.scenario import Player, spec_of
from tests.conformance.simulation import Simulation

__all__ = ["Dynamic", "Tree", "child", "sup"]

Json = Any


def child(name: str, *starts: str, **fields: Json) -> Json:
    """Return a child in the words of the scenarios, with the outcomes of its first starts."""
    return {"id": name, **({"starts": list(starts)} if starts else {}), **fields}


def sup(name: str, *children: Json, restart: str = "permanent", significant: bool = False, **flags: Json) -> Json:
    """Return a nested supervisor."""
    return {
        "id": name,
        "type": "supervisor",
        "restart": restart,
        "significant": significant,
        "sup": {"flags": flags, "children": list(children)},
    }


class Tree:
    """Be a started supervisor. Results are in the words of the scenarios.

    `ev` and `rep` are the events and reports of the last operation.
    """

    def __init__(self, *children: Json, **flags: Json) -> None:
        self.sim = Simulation()
        self.player = Player({"flags": {"period": 3600, **flags}, "children": list(children)}, self.sim)
        first = self.player.begin()
        self.start: Json = first["r"]
        self.ev: list[Json] = first["ev"]
        self.rep: list[Json] = first["rep"]

    def do(self, *op: Json) -> Json:
        """Do one operation and return its result."""
        outcome = self.player.operate(op)
        self.ev, self.rep = outcome["ev"], outcome["rep"]
        return outcome["r"]

    def exit(self, path: str, reason: Json = "crash") -> Json:
        return self.do("exit_child", path, reason)

    def terminate(self, path: str) -> Json:
        return self.do("terminate_child", path)

    def restart(self, path: str) -> Json:
        return self.do("restart_child", path)

    def delete(self, path: str) -> Json:
        return self.do("delete_child", path)

    def add(self, name: str, *starts: str, **fields: Json) -> Json:
        return self.do("start_child", child(name, *starts, **fields))

    def spec(self, path: str) -> Json:
        return self.do("get_childspec", path)

    def which(self, *sup_path: str) -> dict[str, Json]:
        """Return {id: generation, "undefined" or "restarting"}, in OTP's order."""
        rows = self.do("which_children", *sup_path)
        return {name: state[2] if isinstance(state, list) else state for name, state, _ in rows}

    def counts(self, *sup_path: str) -> tuple[int, int, int, int]:
        """Return (specs, active, supervisors, workers)."""
        found = self.do("count_children", *sup_path)
        return found["specs"], found["active"], found["supervisors"], found["workers"]

    def stop(self) -> Json:
        return self.do("stop")

    @property
    def state(self) -> Json:
        return self.sim.sup_state()

    @property
    def alive(self) -> bool:
        return bool(self.state == "alive")

    @property
    def given_up(self) -> bool:
        """Tell whether the supervisor ended with shutdown since there were too many restarts."""
        reports = [rep for rep in self.rep if rep[0] == "shutdown"]
        return self.state == ["dead", "shutdown"] and [rep[2] for rep in reports][-1:] == [
            "reached_max_restart_intensity"
        ]

    def started(self) -> list[str]:
        """Return the paths started in the last operation, in order."""
        return [event[1] for event in self.ev if event[0] == "start"]

    def exits(self) -> list[Json]:
        """Return [path, reason] of the processes that ended in the last operation, in order."""
        return [[event[1], event[3]] for event in self.ev if event[0] == "exit"]


class Dynamic:
    """Be a started DynamicSupervisor."""

    def __init__(self, flags: Json | None = None, **options: Any) -> None:
        self.sim = Simulation()
        assert self.sim.start(flags if flags is not None else {"period": 3600}, [], "dynamic", **options) is None

    def ask(self, call: Call) -> Ok | Refused:
        outcome = self.sim.request("", call)
        self.sim.settle()
        return outcome

    def add(self, name: str, *starts: str, **fields: Json) -> Json:
        """Return the child's pid, "ignore", (pid, info), or ("error", reason)."""
        extras = {key: fields.pop(key) for key in ("own_budget", "backoff") if key in fields}
        spec = spec_of(child(name, *starts, **fields), "", self.sim)
        outcome = self.ask(StartChild({**spec, **extras} if isinstance(spec, dict) else spec))
        if isinstance(outcome, Refused):
            return ("error", outcome.reason)
        value: Any = outcome.value
        return value if isinstance(value, str) else value.pid

    def exit(self, path: str, reason: Json = "crash") -> None:
        self.sim.exit_children([path], reason)
        self.sim.settle()
